//! What the settings mean, and where they and the services come from: files, variables, the command line.
#![allow(clippy::expect_used, clippy::panic)]

mod config_room;

use config_room::Case;
use foster::config::{ConfigFile, Mode, Request, Variables, load};
use foster::model::{LogLevel, Signal, Socket};
use std::fs;
use std::time::Duration;

#[test]
fn a_variable_overrides_foster_toml() {
    let files = [
        ("s/web.toml", "command = 'x'"),
        ("foster.toml", "log-level = 'info'\n[shutdown]\ntimeout = '20s'\nsignals = ['WINCH']"),
    ];
    let settings = Case::new(&files).env("FOSTER_LOG_LEVEL", "").fine().plan.settings;
    assert_eq!((settings.shutdown_timeout, settings.log_level), (Duration::from_secs(20), LogLevel::Info));
    assert_eq!(settings.shutdown_signals, [Signal::WINCH]);
    let case = Case::new(&files)
        .env("FOSTER_SHUTDOWN_TIMEOUT", "1m")
        .env("FOSTER_SHUTDOWN_SIGNALS", "SIGUSR1, USR2,10")
        .env("FOSTER_LOG_LEVEL", "trace");
    let settings = case.fine().plan.settings;
    assert_eq!((settings.shutdown_timeout, settings.log_level), (Duration::from_secs(60), LogLevel::Trace));
    assert_eq!(settings.shutdown_signals, [Signal::USR1, Signal::USR2]);
}

#[test]
fn settings_in_a_services_directory_lie_over_foster_toml_and_below_the_variables() {
    let files = [
        ("s/web.toml", "command = 'x'"),
        ("foster.toml", "log-level = 'info'\ncgroup = 'none'\n[shutdown]\ntimeout = '20s'"),
        ("s/foster.toml", "[shutdown]\ntimeout = '30s'\nsignals = ['WINCH']\n[log]\nformat = 'json'"),
    ];
    let loaded = Case::new(&files).env("FOSTER_SHUTDOWN_SIGNALS", "USR1").fine();
    let settings = loaded.plan.settings;
    assert_eq!((settings.shutdown_timeout, settings.log_level), (Duration::from_secs(30), LogLevel::Info));
    assert_eq!(settings.shutdown_signals, [Signal::USR1]);
    assert_eq!(loaded.plan.services.len(), 1, "it is no service");
    assert_eq!(loaded.warnings.diagnostics, []);
}

#[test]
fn settings_of_a_later_services_directory_lie_over_those_of_an_earlier_one() {
    let case = Case::new(&[
        ("a/web.toml", "command = 'x'"),
        ("a/foster.toml", "log-level = 'info'\n[shutdown]\ntimeout = '20s'"),
        ("b/foster.toml", "log-level = 'debug'"),
    ]);
    let load = |directories: &[&str], config: Option<&str>| {
        let path = |name: &&str| case.path(name);
        let variables = Variables::new();
        let directories = directories.iter().map(path).collect();
        let request = Request::new(directories, config.as_ref().map(path), &variables, Mode::Run);
        load(&request).expect("a plan").plan.settings
    };
    let settings = load(&["a", "b"], Some("b/foster.toml"));
    assert_eq!(settings.log_level, LogLevel::Info, "it is read once, as what --config names");
    let settings = load(&["a", "b"], Some("a/foster.toml"));
    assert_eq!((settings.shutdown_timeout, settings.log_level), (Duration::from_secs(20), LogLevel::Debug));
}

#[test]
fn settings_in_a_services_directory_do_not_say_where_services_are() {
    let files = [("s/web.toml", "command = 'x'"), ("s/foster.toml", "services = ['/a']\nlog-levle = 'info'")];
    let errors = Case::new(&files).errors();
    assert!(errors.contains("`services` in the settings of a services directory"), "{errors}");
    assert!(errors.contains("foster.toml:1:1") && errors.contains("unknown key `log-levle`"), "{errors}");
}

#[test]
fn the_control_socket_is_searched_for_unless_a_path_or_none_is_given() {
    let files =
        |line| [("s/web.toml".to_owned(), "command = 'x'".to_owned()), ("foster.toml".to_owned(), line)];
    let socket = |line: &str, variable: &str| {
        let files = files(line.to_owned());
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        Case::new(&files).env("FOSTER_SOCKET", variable).load().map(|loaded| loaded.plan.settings.socket)
    };
    let path = |path: &str| Ok(Socket::Path(path.to_owned()));
    assert_eq!(socket("", "").map_err(drop), Ok(Socket::Search));
    assert_eq!(socket("socket = '/a'", "").map_err(drop), path("/a"));
    assert_eq!(socket("socket = '/a'", "/b").map_err(drop), path("/b"));
    assert_eq!(socket("socket = '/a'", "none").map_err(drop), Ok(Socket::Off));
    assert_eq!(socket("socket = 'none'", "").map_err(drop), Ok(Socket::Off));
    let long = format!("/{}", "x".repeat(Socket::LONGEST));
    assert!(socket("", &long[1..]).is_err() && socket("", &long).is_err());
    assert_eq!(socket("", &long[..Socket::LONGEST]).map_err(drop), path(&long[..Socket::LONGEST]));
}

#[test]
fn a_signal_that_cannot_mean_stop_is_refused() {
    for number in 1..=64 {
        let config = format!("[shutdown]\nsignals = [{number}]");
        let case = Case::new(&[("s/web.toml", "command = 'x'"), ("foster.toml", &config)]);
        let never = [4, 5, 7, 8, 9, 11, 13, 17, 19, 21, 22, 31, 32, 33];
        assert_eq!(case.load().is_err(), never.contains(&number), "{number}");
    }
}

#[test]
fn directories_come_from_the_command_line_then_the_variable_then_the_file() {
    let case =
        Case::new(&[("a/x.toml", "command='x'"), ("b/y.toml", "command='x'"), ("c/z.toml", "command='x'")]);
    let path = |name: &str| case.path(name);
    let config = format!("services = ['{}']", path("a").display());
    fs::write(path("foster.toml"), config).expect("a file");
    let mut variables = Variables::from([("FOSTER_CONFIG".into(), path("foster.toml").into())]);
    let first = |variables: &Variables, directories: &[&str]| {
        let directories = directories.iter().map(|name| path(name)).collect();
        let loaded = load(&Request::new(directories, None, variables, Mode::Run));
        loaded.map(|loaded| loaded.plan.services[0].name.clone()).map_err(|report| report.to_string())
    };
    assert_eq!(first(&variables, &[]), Ok("x".to_owned()));
    variables.insert("FOSTER_SERVICES".into(), format!("{}:", path("b").display()).into());
    assert_eq!(first(&variables, &[]), Ok("y".to_owned()));
    assert_eq!(first(&variables, &["c"]), Ok("z".to_owned()));
    variables.insert("FOSTER_CONFIG".into(), "/no/such/foster.toml".into());
    assert!(first(&variables, &["c"]).is_err_and(|text| text.contains("cannot read /no/such/foster.toml")));
}

#[test]
fn the_default_directory_may_be_missing_when_there_is_a_command() {
    let environment = Variables::new();
    let mut request = Request::new(Vec::new(), None, &environment, Mode::Run);
    request.config = ConfigFile::Default("/no/such/foster.toml".into());
    request.command = vec!["true".into()];
    // On a machine that has foster's own directory there may be more.
    assert!(load(&request).is_ok_and(|loaded| loaded.plan.services.iter().any(|service| service.main)));
}
