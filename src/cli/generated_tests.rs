//! Manual pages and completions are made of what the verbs declare, and are complete.
//! `UPDATE=1 cargo test --lib generated` writes them anew.

use super::table_tests::long_options;
use super::*;
use clap::builder::Resettable;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use std::collections::BTreeMap;
use std::fs;

/// Every text that is to be kept: its path, and what it says.
fn fresh() -> BTreeMap<String, String> {
    let pages = pages().into_iter().map(|(name, page)| (format!("docs/man/{name}.1"), render(page)));
    let scripts =
        completions::SHELLS.map(|shell| (format!("docs/completions/foster.{shell}"), script(shell)));
    pages.chain(scripts).collect()
}

/// The name of every page, without its section, and what it is made of.
fn pages() -> Vec<(String, Command)> {
    let mut whole = command(None).disable_help_subcommand(true);
    whole.build();
    let verbs = whole.get_subcommands().cloned().map(|verb| verb.version(env!("CARGO_PKG_VERSION")));
    let pages: Vec<Command> = verbs.collect();
    let named = |page: Command| (page.get_display_name().unwrap_or("foster").to_owned(), page);
    std::iter::once(whole).chain(pages).map(named).collect()
}

/// As clap_mangen does it, but with what stands below the options under the titles where man-pages(7) has it.
fn render(mut page: Command) -> String {
    let below = page.get_after_help().map(ToString::to_string).unwrap_or_default();
    page = page.after_help(Resettable::Reset);
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = Man::new(page).render(&mut text);
    let mut roff = Roff::new();
    let (examples, codes) = below.split_once("Exit code: ").unwrap_or((&below, ""));
    if let Some(examples) = examples.strip_prefix("Examples:\n") {
        let (commands, prose) = examples.split_once("\n\n").unwrap_or((examples, ""));
        roff.control("SH", ["EXAMPLES"]).control("nf", []).text([roman(commands)]).control("fi", []);
        if !prose.trim().is_empty() {
            roff.control("SH", ["NOTES"]).text([roman(prose.trim())]);
        }
    }
    if !codes.is_empty() {
        roff.control("SH", ["EXIT STATUS"]).text([roman(codes)]);
    }
    let _ = roff.to_writer(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn script(shell: &str) -> String {
    let shell: Shell = shell.parse().unwrap();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(None), "foster", &mut script);
    String::from_utf8(script).unwrap()
}

#[test]
fn the_manual_pages_and_completions_are_fresh() {
    let fresh = fresh();
    let mut kept = BTreeMap::new();
    for directory in ["docs/man", "docs/completions"] {
        for entry in fs::read_dir(directory).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let path = format!("{directory}/{name}");
            kept.insert(path.clone(), fs::read_to_string(path).unwrap());
        }
    }
    if std::env::var_os("UPDATE").is_some() {
        kept.keys().filter(|path| !fresh.contains_key(*path)).for_each(|path| fs::remove_file(path).unwrap());
        fresh.iter().for_each(|(path, text)| fs::write(path, text).unwrap());
        return;
    }
    let differ = |path: &&String| kept.get(*path) != fresh.get(*path);
    let stale: Vec<_> = fresh.keys().chain(kept.keys()).filter(differ).collect();
    assert!(stale.is_empty(), "{stale:?} are stale: UPDATE=1 cargo test --lib generated");
}

#[test]
fn every_shell_that_can_be_completed_is() {
    let known: Vec<_> =
        <Shell as clap::ValueEnum>::value_variants().iter().map(ToString::to_string).collect();
    assert_eq!(completions::SHELLS.to_vec(), known);
}

#[test]
fn every_verb_and_option_is_in_every_completion() {
    for shell in completions::SHELLS {
        let script = script(shell);
        for verb in VERBS {
            assert!(script.contains(verb.name), "{shell}: {}", verb.name);
            for option in long_options(&verb.command()) {
                // fish writes them without the hyphens.
                assert!(script.contains(option.trim_start_matches('-')), "{shell}: {} {option}", verb.name);
            }
        }
    }
}

#[test]
fn every_verb_has_a_manual_page_with_its_options_and_codes() {
    let pages: Vec<(String, String)> = pages().into_iter().map(|(name, page)| (name, render(page))).collect();
    assert_eq!(pages.len(), VERBS.len() + 1);
    for verb in VERBS {
        let name = format!("foster-{}", verb.name);
        let (_, page) = pages.iter().find(|(page, _)| *page == name).unwrap_or_else(|| panic!("no {name}"));
        assert!(page.contains(".SH EXAMPLES") && page.contains(".SH \"EXIT STATUS\""), "{name}: {page}");
        for option in long_options(&verb.command()) {
            assert!(page.contains(&option.replace('-', "\\-")), "{name}: {option}");
        }
        assert!(pages[0].1.contains(&name.replace('-', "\\-")), "foster(1) does not name {name}");
    }
}
