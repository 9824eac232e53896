//! What a configuration means: layers, drop-ins, names, the main service, expansion, defaults.
#![allow(clippy::expect_used, clippy::panic)]

mod config_room;

use config_room::Case;
use foster::config::Loaded;
use foster::model::{Kind, Policy, Service, Sign, Signal, Stdin};
use std::fs;
use std::path::Path;
use std::time::Duration;

fn one(text: &str) -> Service {
    Case::new(&[("s/web.toml", text)]).fine().plan.services.remove(0)
}

fn argv(service: &Service) -> Vec<&str> {
    service.exec.iter().flat_map(|exec| exec.argv.iter().map(String::as_str)).collect()
}

fn names<'a>(loaded: &'a Loaded, ids: &[foster::model::Id]) -> Vec<&'a str> {
    ids.iter().map(|id| loaded.plan.service(*id).name.as_str()).collect()
}

fn find<'a>(loaded: &'a Loaded, name: &str) -> &'a Service {
    loaded.plan.services.iter().find(|service| service.name == name).expect("the service")
}

#[test]
fn a_file_with_nothing_but_a_command_has_the_documented_defaults() {
    let service = one("command = 'sleep 1'");
    let mut expected = Service::new("web", Kind::Daemon);
    expected.exec = Some(foster::model::Exec {
        argv: vec!["sleep".into(), "1".into()],
        ..foster::model::Exec::default()
    });
    assert_eq!(service, expected);
}

#[test]
fn a_string_is_split_first_and_expanded_then() {
    let case = Case::new(&[("s/web.toml", "command = \"a 'b c' ${X} \\\"${X}\\\"d $HOME\"")]).env("X", "1 2");
    assert_eq!(argv(&case.fine().plan.services[0]), ["a", "b c", "1 2", "1 2d", "$HOME"]);
}

#[test]
fn a_script_is_left_to_its_shell() {
    assert_eq!(argv(&one("script = 'echo ${X} $1'")), ["/bin/sh", "-c", "echo ${X} $1"]);
    assert_eq!(argv(&one("script = 'x'\nshell = ['/bin/bash', '-euc']")), ["/bin/bash", "-euc", "x"]);
}

#[test]
fn every_process_key_arrives() {
    let service = one(
        "command = 'x'\nuser = 1000\ngroup = 'g'\nsupplementary-groups = ['a', 5]\nworking-directory = '/srv'\n\
         umask = '027'\nnice = -5\noom-score-adj = 500\nno-new-privileges = true\nstdin = '/dev/zero'\n\
         capabilities = ['CAP_NET_BIND_SERVICE', 'chown']\n[limits]\nnofile = '1024:unlimited'\nstack = '8MiB'",
    );
    let exec = service.exec.expect("a process");
    assert_eq!(exec.user.as_deref(), Some("1000"));
    assert_eq!(exec.group.as_deref(), Some("g"));
    assert_eq!(exec.supplementary_groups, Some(vec!["a".into(), "5".into()]));
    assert_eq!(exec.working_directory.as_deref(), Some("/srv"));
    assert_eq!((exec.umask, exec.nice, exec.oom_score_adj), (Some(0o027), Some(-5), Some(500)));
    assert!(exec.no_new_privileges);
    assert_eq!(exec.stdin, Stdin::Path("/dev/zero".into()));
    assert_eq!(exec.capabilities, Some(vec![0, 10]));
    let limits: Vec<_> = exec.limits.iter().map(|l| (l.soft, l.hard)).collect();
    assert_eq!(limits, [(Some(1024), None), (Some(8 << 20), Some(8 << 20))]);
}

/// Which services have the terminal.
fn at_terminal(files: &[(&str, &str)], command: &[&'static str]) -> Vec<String> {
    let services = Case::new(files).command(command).fine().plan.services;
    let has = |service: &Service| service.exec.as_ref().is_some_and(|exec| exec.tty);
    services.into_iter().filter(has).map(|service| service.name).collect()
}

#[test]
fn the_terminal_is_the_main_service_s_unless_somebody_else_reads() {
    let (main, other) = (("s/app.toml", "command = 'x'\nmain = true"), ("s/web.toml", "command = 'x'"));
    assert_eq!(at_terminal(&[main, other], &[]), ["app"]);
    assert_eq!(at_terminal(&[main, other], &["sh"]), ["main"]);
    assert_eq!(at_terminal(&[other], &["sh"]), ["main"]);
    for reads in ["tty = true", "stdin = 'inherit'"] {
        let web = format!("command = 'x'\n{reads}");
        let expected: &[&str] = if reads.starts_with("tty") { &["web"] } else { &[] };
        assert_eq!(at_terminal(&[main, ("s/web.toml", &web)], &[]), expected, "{reads}");
        assert_eq!(at_terminal(&[("s/web.toml", &web)], &["sh"]), expected, "{reads}");
    }
    for elsewhere in ["tty = false", "stdin = 'null'", "stdin = '/dev/zero'"] {
        let app = format!("command = 'x'\nmain = true\n{elsewhere}");
        assert!(at_terminal(&[("s/app.toml", &app)], &[]).is_empty(), "{elsewhere}");
    }
    let both = [main, ("s/web.toml", "command = 'x'\n[log]\nto = 'service:app'")];
    assert!(at_terminal(&both, &[]).is_empty(), "it reads what web writes");
}

#[test]
fn ready_restart_stop_and_reload_arrive() {
    let service = one(
        "command = 'x'\n[ready]\ndelay = '2s'\n[restart]\npolicy = 'on-failure'\ndelay = '1m'\nlimit = 'unlimited'\n\
         success-codes = [0, 'SIGTERM']\n[stop]\nsignal = 'QUIT'\ntimeout = '3s'\ncommand = ['bye']\ngroup = false\n\
         [reload]\ncommand = 'x -s reload'\ntimeout = '1s'",
    );
    assert_eq!(service.ready.sign, Sign::Delay(Duration::from_secs(2)));
    assert_eq!((service.restart.policy, service.restart.limit), (Policy::OnFailure, None));
    assert_eq!(
        service.restart.max_delay,
        Duration::from_secs(60),
        "a default must not cut the delay that is given"
    );
    assert_eq!(service.restart.success.len(), 2);
    assert_eq!((service.stop.signal, service.stop.timeout), (Signal::QUIT, Duration::from_secs(3)));
    assert_eq!((service.stop.command, service.stop.group), (Some(vec!["bye".to_owned()]), false));
    let command = ["x", "-s", "reload"].map(str::to_owned).to_vec();
    assert_eq!((service.reload.command, service.reload.timeout), (Some(command), Duration::from_secs(1)));
    let reload = one("command = 'x'\n[reload]\nsignal = 'USR2'").reload;
    assert_eq!((reload.signal, reload.command), (Signal::USR2, None));
    assert_eq!(one("command = 'x'").reload.signal, Signal::HUP);
}

#[test]
fn conditions_are_read_with_their_negation() {
    let when =
        one("command = 'x'\n[when]\nenv = ['A', '!B=1']\npath = '!/x'\ncommand = 'test 1'\ntimeout = '1s'")
            .when;
    let env: Vec<_> = when.env.iter().map(|c| (c.name.as_str(), c.value.as_deref(), c.negate)).collect();
    assert_eq!(env, [("A", None, false), ("B", Some("1"), true)]);
    assert_eq!((when.path[0].path.as_str(), when.path[0].negate), ("/x", true));
    assert_eq!((when.command.map(|argv| argv.len()), when.timeout), (Some(2), Duration::from_secs(1)));
}

#[test]
fn a_later_layer_replaces_a_file_and_drop_ins_merge_in_order() {
    let case = Case::new(&[
        ("a/web.toml", "command = 'base'\nnice = 1"),
        ("a/web.d/50.toml", "description = 'a50'\n[environment]\nA = 'a50'\nB = 'a50'"),
        ("a/web.d/60.toml", "description = 'a60'"),
        ("b/web.toml", "command = 'site'\n[environment]\nA = 'file'\nC = 'file'"),
        ("b/web.d/10.toml", "[environment]\nB = 'b10'"),
        ("b/web.d/60.toml", "[environment]\nD = 'b60'"),
        ("b/.hidden.toml", "nonsense"),
        ("b/README", "text"),
    ])
    .layers(&["a", "b"]);
    let loaded = case.fine();
    let exec = loaded.plan.services[0].exec.as_ref().expect("a process");
    assert_eq!((exec.argv[0].as_str(), exec.nice), ("site", None), "the base file is gone as a whole");
    assert_eq!(
        loaded.plan.services[0].description.as_deref(),
        Some("a50"),
        "60.toml of `b` is in the place of `a`'s"
    );
    let set: Vec<_> = exec.environment.set.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(set, [("A", "a50"), ("C", "file"), ("B", "b10"), ("D", "b60")]);
}

#[test]
fn a_drop_in_may_turn_a_command_into_a_script_and_back() {
    let case = Case::new(&[("s/a.toml", "command = 'x'"), ("s/a.d/1.toml", "script = 'y'")]);
    assert_eq!(argv(&case.fine().plan.services[0])[2], "y");
    let case = Case::new(&[("s/a.toml", "script = 'x'\nshell = ['sh']"), ("s/a.d/1.toml", "command = 'y'")]);
    assert_eq!(argv(&case.fine().plan.services[0]), ["y"]);
}

#[test]
fn instances_get_numbers_and_a_name_means_all_of_them() {
    let case = Case::new(&[
        ("s/app.toml", "command = 'x'\nrequires = ['work']\nafter = ['one@1']"),
        ("s/one.toml", "command = 'x'\ninstances = 1"),
        (
            "s/work.toml",
            "command = 'run --id {instance}'\ninstances = '${N:-11}'\nwants = ['one']\nscript-free = 1",
        ),
    ]);
    assert!(case.errors().contains("unknown key `script-free`"));
    let case = Case::new(&[
        ("s/app.toml", "command = 'x'\nrequires = ['work']\nafter = ['one@1']"),
        ("s/one.toml", "command = 'x'\ninstances = 1"),
        ("s/work.toml", "command = 'run --id {instance}'\ninstances = '${N:-11}'\nwants = ['one']"),
    ]);
    let loaded = case.fine();
    let all: Vec<&str> = loaded.plan.services.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(all.len(), 13);
    assert_eq!(all[..4], ["app", "one@1", "work@1", "work@2"]);
    assert_eq!(all[12], "work@11");
    assert_eq!(find(&loaded, "app").requires.len(), 11);
    assert_eq!(names(&loaded, &find(&loaded, "app").after), ["one@1"]);
    assert_eq!(argv(find(&loaded, "work@11")), ["run", "--id", "11"]);
}

#[test]
fn relations_count_in_the_service_that_waits() {
    let loaded = Case::new(&[
        (
            "s/a.toml",
            "command = 'x'\nrequires = ['b']\nrestart-with = ['c']\nwants = ['d']\nafter = ['b', 'e']",
        ),
        ("s/b.toml", "command = 'x'"),
        ("s/c.toml", "command = 'x'\nrequired-by = ['b']"),
        ("s/d.toml", "command = 'x'\nwanted-by = ['b']\nbefore = ['c']"),
        ("s/e.toml", "command = 'x'\nenabled = false"),
    ])
    .fine();
    let (a, b, c) = (find(&loaded, "a"), find(&loaded, "b"), find(&loaded, "c"));
    assert_eq!(names(&loaded, &a.requires), ["b", "c"], "restart-with requires");
    assert_eq!(names(&loaded, &a.restart_with), ["c"]);
    assert_eq!(names(&loaded, &a.wants), ["d"]);
    assert_eq!(names(&loaded, &a.after), ["e"], "what is required is ordered already");
    assert_eq!((names(&loaded, &b.requires), names(&loaded, &b.wants)), (vec!["c"], vec!["d"]));
    assert_eq!(names(&loaded, &c.after), ["d"]);
}

#[test]
fn the_main_service_is_after_all_that_does_not_wait_for_it() {
    let loaded = Case::new(&[
        ("s/a.toml", "command = 'x'"),
        ("s/b.toml", "command = 'x'\nrequires = ['web']"),
        ("s/c.toml", "command = 'x'\nafter = ['b']"),
        ("s/web.toml", "command = 'x'\nmain = true"),
    ])
    .fine();
    let web = find(&loaded, "web");
    assert_eq!(names(&loaded, &web.after), ["a"]);
    assert!(web.main);
    assert_eq!(web.restart.policy, Policy::Never, "its end ends the container");
}

#[test]
fn a_policy_that_is_given_holds_for_the_main_service_too() {
    let service = one("command = 'x'\nmain = true\n[restart]\npolicy = 'on-failure'\nlimit = 3");
    assert_eq!((service.main, service.restart.policy), (true, Policy::OnFailure));
}

#[test]
fn a_command_is_the_main_service_under_a_free_name() {
    let files =
        [("s/main.toml", "command = 'x'\nmain = true"), ("s/cmd.toml", "command = 'x'\nstdin = 'inherit'")];
    let loaded = Case::new(&files).command(&["echo", "${X} {instance}"]).fine();
    let command = find(&loaded, "cmd-2");
    assert_eq!(argv(command), ["echo", "${X} {instance}"], "argv is taken as it is");
    assert_eq!(names(&loaded, &command.after), ["cmd", "main"]);
    assert_eq!(command.exec.as_ref().map(|exec| &exec.stdin), Some(&Stdin::Null), "`cmd` has stdin");
    let main = find(&loaded, "main");
    assert_eq!((main.main, main.restart.policy), (false, Policy::Always));
    assert_eq!(loaded.warnings.warnings(), 1);

    let loaded = Case::new(&[("s/web.toml", "command = 'x'")]).command(&["echo"]).fine();
    let all: Vec<&str> = loaded.plan.services.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(all, ["main", "web"]);
    assert_eq!(loaded.plan.services[0].exec.as_ref().map(|exec| &exec.stdin), Some(&Stdin::Inherit));
}

#[test]
fn variables_are_looked_up_in_the_service_then_its_files_then_the_container() {
    let outside = Case::new(&[("vars.env", "A=file\nB='from file'\nexport C=c\n")]);
    let file = outside.path("vars.env");
    let text = format!(
        "command = ['x', '${{A}}', '${{B}}', '${{C}}', '${{D}}', '${{PATH}}']\nclear-environment = true\n\
         pass-environment = ['PATH']\nenvironment-files = ['{}', '-/missing']\n[environment]\nPATH = '/opt:${{PATH}}'\n\
         A = 'set'\nD = '${{A}}-${{B}}'",
        file.display()
    );
    let case = Case::new(&[("s/web.toml", text.as_str())]).env("PATH", "/bin").env("B", "container");
    let loaded = case.fine();
    assert_eq!(argv(&loaded.plan.services[0]), ["x", "set", "from file", "c", "set-from file", "/opt:/bin"]);
    let exec = loaded.plan.services[0].exec.as_ref().expect("a process");
    assert_eq!(exec.environment.pass, Some(vec!["PATH".to_owned()]));
    assert!(exec.environment.files[1].optional && !exec.environment.files[0].optional);
}

#[test]
fn the_number_of_an_instance_is_written_as_it_is_shown() {
    for name in ["web@02", "web@+2", "web@0", "web@3", "web@", "web@18446744073709551615", "web@4294967295"] {
        let other = format!("command = 'x'\nrequires = ['{name}']");
        let files = [
            ("s/a.toml", "command = 'x'"),
            ("s/web.toml", "command = 'x'\ninstances = 2"),
            ("s/z.toml", &other),
        ];
        let errors = Case::new(&files).errors();
        assert!(errors.contains(&format!("there is no service `{name}`")), "{errors}");
    }
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_no_obstacle() {
    let service = one("\u{feff}command = 'x'\r\n\r\n[stop]\r\ntimeout = '1s'\r\n");
    assert_eq!(service.stop.timeout, Duration::from_secs(1));
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let case =
        Case::new(&[("s/big.toml", &"#".repeat((1 << 20) + 1)), ("s/ok.toml", "command='x'\nafter=['big']")]);
    let path = |name: &str| case.path("s").join(name);
    fs::write(path("bytes.toml"), b"command = 'x'\n# \xff\n").expect("a file");
    fs::create_dir(path("directory.toml")).expect("a directory");
    std::os::unix::fs::symlink("/no/such/file", path("gone.toml")).expect("a link");
    nix::unistd::mkfifo(&path("pipe.toml"), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    let text = case.errors();
    for (name, reason) in [
        ("big", "it is larger than 1 MiB"),
        ("bytes", "it is not UTF-8 (line 2, byte 16)"),
        ("directory", "it is a directory"),
        ("gone", "No such file or directory"),
        ("pipe", "it is not a regular file"),
    ] {
        assert!(text.contains(&format!("{name}.toml: {reason}")), "{name}: {text}");
    }
    assert_eq!(text.lines().count(), 5, "{text}");
}

#[test]
fn json_has_the_place_and_the_help_of_each_finding() {
    let case = Case::new(&[("s/web.toml", "command = 'x'\ndescription = 'é'\nnise = 1\nafter = ['a', 'a']")]);
    let json = case.load().map(|_| ()).expect_err("errors").to_json();
    assert_eq!((json["errors"].as_u64(), json["warnings"].as_u64()), (Some(3), Some(0)));
    let first = &json["diagnostics"][0];
    assert_eq!(first["code"], "unknown-key");
    assert_eq!(first["severity"], "error");
    assert_eq!(first["help"], "did you mean `nice`?");
    let place = |key: &str| first[key].as_u64();
    assert_eq!(
        [place("line"), place("column"), place("end_line"), place("end_column")],
        [3, 1, 3, 5].map(Some)
    );
    let file = first["file"].as_str().map(Path::new);
    assert_eq!(file, Some(case.path("s/web.toml").as_path()));
}

#[test]
fn the_path_of_an_environment_file_may_have_a_variable_in_it() {
    let case = Case::new(&[("env", "B=file\n")]);
    let path = case.path("env");
    let toml = "command = 'x'\nenvironment-files = ['${DIR}/env']\n[environment]\nC = '${B}'\n";
    fs::create_dir_all(case.path("s")).expect("a directory");
    fs::write(case.path("s/a.toml"), toml).expect("a file");
    let directory = path.parent().and_then(Path::to_str).expect("a path");
    let loaded = case.env("DIR", directory).env("B", "container").fine();
    let environment = &loaded.plan.services[0].exec.as_ref().expect("a process").environment;
    assert_eq!(environment.set, [("C".to_owned(), "file".to_owned())]);
}
