//! Claims about the import of Procfiles, and about what all imports have in common.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_room;
mod support;

use foster::config::import::Kind;
use import_room::{Source, file, report};
use std::process::Command;
use support::{LONG, Ran, Setup, World, foster_bin, needs_namespace, needs_servers};

fn procfile(text: &str) -> Source {
    Source::new(Kind::Procfile, "Procfile", &[("Procfile", text)])
}

const DEMO: &str = "# A shop.\n\nrelease: bundle exec rake db:migrate\nweb: bundle exec puma -p $PORT\n\
                    Worker_1:   bundle exec sidekiq -q \"high prio\"\nclock: cd lib && ruby clock.rb\n";

#[test]
fn a_procfile_becomes_what_a_person_would_have_written() {
    let source = procfile(DEMO);
    let converted = source.converted();
    let names: Vec<&str> = converted.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["release.toml", "web.toml", "worker_1.toml", "clock.toml"]);
    assert_eq!(
        file(&converted, "release.toml"),
        "type = \"oneshot\"\ncommand = [\"bundle\", \"exec\", \"rake\", \"db:migrate\"]\n"
    );
    assert_eq!(
        file(&converted, "web.toml"),
        "script = \"exec bundle exec puma -p $PORT\"\nrequires = [\"release\"]\n\n[environment]\n\
         # As Foreman counts: 100 more for each line.\nPORT = \"${PORT:-5000}\"\n"
    );
    assert_eq!(
        file(&converted, "worker_1.toml"),
        "command = [\"bundle\", \"exec\", \"sidekiq\", \"-q\", \"high prio\"]\nrequires = [\"release\"]\n"
    );
    assert_eq!(
        file(&converted, "clock.toml"),
        "script = \"cd lib && exec ruby clock.rb\"\nrequires = [\"release\"]\n"
    );
}

#[test]
fn the_report_has_a_line_for_each_process_with_its_place_and_counts_at_the_end() {
    let source = procfile(DEMO);
    let report = report(&source, &source.converted());
    let lines: Vec<&str> = report.lines().collect();
    assert!(
        lines[0].starts_with("Procfile:3: release: approximated -> release: type, command; "),
        "{report}"
    );
    assert!(lines[2].starts_with("Procfile:5: Worker_1: approximated -> worker_1: command; "), "{report}");
    assert_eq!(lines[4..], ["0 exact, 4 approximated, 0 not carried"]);
}

#[test]
fn the_environment_file_beside_it_is_read_at_each_start() {
    let files = [("Procfile", "web: a\nother: b\n"), (".env", "A=1\n")];
    let source = Source::new(Kind::Procfile, "", &files);
    let converted = source.converted();
    for name in ["web.toml", "other.toml"] {
        assert!(file(&converted, name).contains("/.env\"]\n"), "{converted:#?}");
    }
    assert!(report(&source, &converted).contains(".env: approximated -> environment-files; "));
}

#[test]
fn what_foster_would_expand_stays_as_it_is() {
    let converted = procfile("a: echo '${HOME}' x\nb: echo ${HOME:-x}\n").converted();
    // A script is the shell's own affair.
    assert_eq!(file(&converted, "a.toml"), "script = \"exec echo '${HOME}' x\"\n");
    assert_eq!(file(&converted, "b.toml"), "script = \"exec echo ${HOME:-x}\"\n");
}

#[test]
fn a_broken_procfile_is_an_error_that_names_every_line() {
    let told = procfile("web: a\nnonsense\nweb: b\nbad name: c\nempty:\n").broken();
    for (line, what) in
        [(2, "a line of a Procfile is `NAME: COMMAND`"), (3, "two processes are called `web`")]
    {
        assert!(told.contains(what) && told.contains(&format!("/Procfile:{line}:1")), "{told}");
    }
    assert!(told.contains("/Procfile:4:1") && told.contains("/Procfile:5:1"), "{told}");
    assert!(procfile("# nothing\n").broken().contains("there is no process in it"));
}

#[test]
fn a_source_that_is_missing_binary_or_enormous_is_a_clear_error() {
    let missing = Source::new(Kind::Procfile, "nowhere", &[]);
    assert!(missing.broken().contains("cannot read /nowhere: No such file or directory"));
    let enormous = procfile(&"web: a\n".repeat(200_000));
    assert!(enormous.broken().contains("cannot read /Procfile: it is larger than"), "{}", enormous.broken());
    let binary = procfile("");
    std::fs::write(binary.path(), b"\x7fELF\xff\xfe\0\0").unwrap();
    assert!(binary.broken().contains("cannot read /Procfile: it is not UTF-8"), "{}", binary.broken());
    let control = procfile("web: a\0b\n");
    assert!(control.broken().contains("NUL"), "{}", control.broken());
}

fn foster(arguments: &[&str]) -> Ran {
    let mut command = Command::new(foster_bin());
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin");
    Ran::of(command)
}

#[test]
fn the_verb_writes_a_directory_that_passes_check_and_never_over_one() {
    let source = procfile("web: sleep 1000\n");
    let (path, out) = (source.path().to_str().unwrap(), source.path().with_file_name("out"));
    let out = out.to_str().unwrap();
    let ran = foster(&["import", "procfile", path, "-o", out]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:#?}");
    assert!(ran.stdout.ends_with("0 exact, 1 approximated, 0 not carried\n"), "{ran:#?}");
    assert_eq!(foster(&["check", out]).code, 0);
    let again = foster(&["import", "procfile", path, "-o", out]);
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains(&format!("cannot write {out}: it is not empty")), "{again:#?}");
}

#[test]
fn a_dry_run_writes_nothing_and_json_is_for_tools() {
    let source = procfile("web: sleep 1000\n");
    let path = source.path().to_str().unwrap();
    let ran = foster(&["import", "procfile", path, "--dry-run", "--format", "json"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["files"], serde_json::json!(["web.toml"]));
    assert_eq!(told["report"]["steps"][0]["line"], 1);
    assert_eq!(told["report"]["approximated"], 1);
    assert_eq!(source.path().parent().unwrap().read_dir().unwrap().count(), 1);
}

#[test]
fn mistakes_of_the_command_line_and_of_the_source_have_their_codes() {
    let source = procfile("nonsense\n");
    let path = source.path().to_str().unwrap();
    let ran = foster(&["import", "procfil", path, "--dry-run"]);
    assert_eq!(ran.code, 64);
    assert!(ran.stderr.contains("did you mean `procfile`?"), "{ran:#?}");
    assert_eq!(foster(&["import", "procfile", path]).code, 64, "neither -o nor --dry-run");
    let ran = foster(&["import", "procfile", path, "--dry-run"]);
    assert_eq!(ran.code, 78);
    assert!(ran.stderr.contains("Procfile:1:1"), "{ran:#?}");
    assert_eq!(foster(&["run", "--import", "procfile", path]).code, 78);
}

#[test]
fn it_runs_as_it_is() {
    needs_namespace!();
    let source = procfile(
        "web: echo \"up web $PORT\" >> $EVENTS; exec sleep 1000\nrelease: echo up release >> $EVENTS\nother: echo \"up other $PORT\" >> $EVENTS; exec sleep 1000\n",
    );
    let mut c =
        Setup::new().arguments(&["run", "--import", "procfile", source.path().to_str().unwrap()]).start();
    c.wait_event("up web 5000");
    c.wait_event("up other 5100");
    c.check_order(&["up release", "up web"]);
    c.terminate();
    c.expect_exit(0);
}

#[test]
fn real_programs_of_a_procfile_serve_and_stop() {
    needs_servers!(("redis-server", "redis-server"), ("nginx", "nginx-light"), ("busybox", "busybox-static"),);
    let world = World::new();
    world.file(
        "nginx.conf",
        "pid WORLD/nginx.pid; error_log stderr notice; events {}
         http { access_log off; server { listen 127.0.0.1:PORT; return 200 \"answer $http_x\\n\"; } }",
    );
    world.file(
        "Procfile",
        "release: sed \"s/PORT/$LISTEN/\" WORLD/nginx.conf > WORLD/web.conf
         web: LISTEN=$PORT; exec nginx -e stderr -c WORLD/web.conf -g 'daemon off; worker_processes 1;'
         cache: redis-server --bind 127.0.0.1 --port $PORT --save '' --dir WORLD
         watch: cd WORLD && while ! redis-cli -p 5100 set seen \"$(cat .env)\"; do sleep 0.1; done; sleep 1000",
    );
    world.file(".env", "LISTEN=5000");
    let procfile = world.fill("WORLD/Procfile");
    let mut c = Setup::new().network().arguments(&["run", "--import", "procfile", &procfile]).start();
    c.wait_answer(&["busybox", "wget", "-qO-", "http://127.0.0.1:5000/"], "answer ");
    c.wait_answer(&["redis-cli", "-p", "5100", "get", "seen"], "LISTEN=5000\n");
    c.replace("redis-server 127.0.0.1");
    c.wait_answer(&["redis-cli", "-p", "5100", "ping"], "PONG\n");
    assert_eq!(c.stop_within(LONG).code, 0);
}
