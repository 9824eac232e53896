//! What people see when a configuration is wrong: each directory of `tests/ui` is one, with the exact text in
//! `stderr.txt`. `SNAPSHOTS=overwrite cargo test --test config_ui` writes the texts anew.
//!
//! In a case, `env` is the environment, `foster.toml` the settings, `command` the command after `--` (a word a line),
//! and every directory a layer, in name order; or `layers` names them.
#![allow(clippy::expect_used, clippy::panic)]

use foster::config::{ConfigFile, Mode, Request, Variables, load};
use foster::model::parse_env_file;
use std::fs;
use std::path::{Path, PathBuf};

fn check(case: &str) {
    let root = Path::new("tests/ui").join(case);
    let read = |name: &str| fs::read_to_string(root.join(name)).ok();
    let environment: Variables = parse_env_file(&read("env").unwrap_or_else(|| "PATH=/bin".into()))
        .expect("an environment file")
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let mut layers: Vec<PathBuf> = match read("layers") {
        Some(list) => list.lines().map(PathBuf::from).collect(),
        None => {
            let entries = fs::read_dir(&root).expect("a case").map(|entry| entry.expect("an entry").path());
            entries.filter(|path| path.is_dir()).collect()
        }
    };
    layers.sort();
    let mut request = Request::new(layers, None, &environment, Mode::Check);
    request.config = match root.join("foster.toml") {
        path if path.exists() => ConfigFile::Given(path),
        path => ConfigFile::Default(path),
    };
    request.command = read("command").unwrap_or_default().lines().map(Into::into).collect();
    let (report, end) = match load(&request) {
        Ok(loaded) => (loaded.warnings, "no errors"),
        Err(report) => (report, "nothing can be started"),
    };
    let text = format!("{}\n({end}: {}, {})\n", report.render(false), report.errors(), report.warnings());
    let expected = snapbox::Data::read_from(&root.join("stderr.txt"), Some(snapbox::data::DataFormat::Text));
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(text, expected.raw());
}

macro_rules! cases {
    ($($claim:ident: $case:literal,)*) => {
        $(#[test] fn $claim() { check($case) })*
        const CASES: &[&str] = &[$($case),*];
    };
}

cases! {
    a_misspelt_key_is_underlined_and_the_right_one_named: "misspelt-key",
    a_misspelt_dependency_is_named_with_its_line: "misspelt-dependency",
    a_cycle_is_shown_as_its_path_with_the_key_of_each_step: "cycle",
    an_unset_variable_is_underlined_inside_its_string: "unset-variable",
    bad_durations_signals_and_numbers_are_all_named: "bad-values",
    a_value_of_the_wrong_type_says_what_is_expected: "wrong-types",
    an_unknown_table_is_an_error: "unknown-table",
    all_errors_of_all_files_are_shown_in_one_run: "several-files",
    limits_of_resources_that_cannot_be_are_named: "resources",
    a_syntax_error_hides_no_other_error: "syntax-and-more",
    an_error_of_a_drop_in_points_into_the_drop_in: "drop-in",
    a_later_layer_replaces_files_and_drop_ins_of_an_earlier_one: "layers",
    settings_that_would_do_nothing_are_errors: "conflicts",
    signs_of_readiness_and_of_health_are_checked: "readiness",
    only_one_can_have_the_terminal: "terminals",
    sockets_are_checked_each_and_all_of_them_together: "sockets",
    where_output_goes_is_checked_for_each_and_all_of_them_together: "logs",
    schedules_are_checked_in_their_time_zone: "schedules",
    what_the_system_does_not_have_yet_is_a_warning: "warnings",
    nothing_to_run_says_where_it_looked: "nothing-to-run",
    a_missing_directory_is_an_error: "missing-directory",
    a_command_takes_the_role_of_the_main_service: "command-takes-main",
}

#[test]
fn every_case_is_tried() {
    for entry in fs::read_dir("tests/ui").expect("the cases") {
        let name = entry.expect("an entry").file_name();
        assert!(CASES.iter().any(|case| name == **case), "{} is no test", name.display());
    }
}
