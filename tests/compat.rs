//! Claims about the names under which foster does what scripts expect of s6's tools, one by one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{Container, Ran, Setup, eventually, foster_bin, needs_namespace, serve};

/// A directory of all names.
fn installed() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let mut command = Command::new(foster_bin());
    command.args(["install-compat", root.path().join("bin").to_str().unwrap()]);
    let ran = Ran::of(command);
    assert_eq!(ran, Ran { code: 0, stdout: String::new(), stderr: String::new() });
    root
}

fn tool(root: &Path, name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(root.join("bin").join(name));
    command.args(arguments).env("VARIABLE", "a value").current_dir(root);
    command
}

fn ran(root: &Path, name: &str, arguments: &[&str]) -> Ran {
    Ran::of(tool(root, name, arguments))
}

#[test]
fn links_are_made_once_and_never_over_what_is_there() {
    let root = installed();
    let bin = root.path().join("bin");
    let install = || {
        let mut command = Command::new(foster_bin());
        command.args(["install-compat", bin.to_str().unwrap()]);
        Ran::of(command)
    };
    assert_eq!(install().code, 0, "again");
    std::fs::remove_file(bin.join("halt")).unwrap();
    std::fs::write(bin.join("halt"), "").unwrap();
    let refused = install();
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("/halt: File exists"), "{refused:#?}");
}

#[test]
fn with_contenv_and_printcontenv_have_the_environment() {
    let root = installed();
    let shown = ran(root.path(), "with-contenv", &["sh", "-c", "echo $VARIABLE"]);
    assert_eq!((shown.code, shown.stdout.as_str()), (0, "a value\n"));
    assert_eq!(ran(root.path(), "with-contenv", &["/nowhere/x"]).code, 127);
    assert_eq!(ran(root.path(), "with-contenv", &[]).code, 100);
    assert_eq!(ran(root.path(), "printcontenv", &["VARIABLE"]).stdout, "a value");
    assert_eq!(ran(root.path(), "printcontenv", &["NOT_THERE"]).code, 1);
}

#[test]
fn with_contenv_is_an_interpreter_of_scripts() {
    let root = installed();
    let (script, interpreter) = (root.path().join("script"), root.path().join("bin/with-contenv"));
    let text = format!("#!{} sh\necho \"$VARIABLE $1\"\n", interpreter.display());
    // Not by this process: a fork of another thread would hold it open for writing.
    let write = format!("cat > {0} && chmod 755 {0}", script.display());
    let mut child = Command::new("sh").args(["-c", &write]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let mut command = Command::new(&script);
    command.arg("b").env("VARIABLE", "a");
    assert_eq!(Ran::of(command).stdout, "a b\n");
}

#[test]
fn s6_setuidgid_becomes_a_user() {
    let root = installed();
    let unknown = ran(root.path(), "s6-setuidgid", &["nobody-at-all", "id"]);
    assert_eq!(unknown.code, 1, "{unknown:#?}");
    if !support::is_root() {
        return support::record_skip("only root can become another user");
    }
    assert_eq!(ran(root.path(), "s6-setuidgid", &["nobody", "id", "-un"]).stdout, "nobody\n");
    assert_eq!(
        ran(root.path(), "s6-setuidgid", &["1234:567", "sh", "-c", "id -u; id -g; id -G"]).stdout,
        "1234\n567\n567\n"
    );
}

#[test]
fn s6_notifyoncheck_says_a_newline_when_the_check_succeeds() {
    let root = installed();
    let path = root.path().join("said");
    let line = format!(
        "exec 3> {}; exec bin/s6-notifyoncheck -d -3 3 -s 1 -w 20 -n 0 -c 'test -e go' sh -c 'echo began; : > go; sleep 1'",
        path.display()
    );
    let mut child = Command::new("sh")
        .args(["-c", &line])
        .current_dir(root.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let said = || std::fs::read_to_string(&path).is_ok_and(|text| text == "\n");
    assert!(eventually(Duration::from_secs(10), said));
    assert!(child.wait().unwrap().success());
    assert_eq!(ran(root.path(), "s6-notifyoncheck", &["-x", "true"]).code, 100);
}

#[test]
fn s6_envdir_sets_and_unsets_variables() {
    let root = installed();
    let directory = root.path().join("env");
    std::fs::create_dir(&directory).unwrap();
    for (name, text) in [("A", "one  \ntwo\n"), ("VARIABLE", ""), ("C", "x\0y\n"), (".hidden", "z")] {
        std::fs::write(directory.join(name), text).unwrap();
    }
    let shell = ["sh", "-c", "echo \"$A|${VARIABLE-unset}|$C\""];
    fn with<'w>(options: &[&'w str], shell: &[&'w str]) -> Vec<&'w str> {
        [options, &["env"], shell].concat()
    }
    assert_eq!(ran(root.path(), "s6-envdir", &with(&[], &shell)).stdout, "one|unset|x\ny\n");
    assert_eq!(ran(root.path(), "s6-envdir", &with(&["-n"], &shell)).stdout, "one  |unset|x\ny\n");
    assert_eq!(ran(root.path(), "s6-envdir", &with(&["-Lf"], &shell)).stdout, "one  \ntwo\n|unset|x\ny\n\n");
    assert_eq!(ran(root.path(), "s6-envdir", &["nowhere", "true"]).code, 111);
    assert_eq!(ran(root.path(), "s6-envdir", &["env"]).code, 100);
}

/// `logutil-service` with a script and input; the files that it has written.
fn logged(script: &str, input: &str) -> (String, Vec<(String, String)>) {
    let root = installed();
    let logs = root.path().join("logs");
    // It becomes nobody, if it can.
    for path in [root.path(), &logs] {
        let _ = std::fs::create_dir(path);
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    }
    let mut command = tool(root.path(), "logutil-service", &[logs.to_str().unwrap()]);
    command.env("S6_LOGGING_SCRIPT", script).env("TZ", "CET-1").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let mut files: Vec<(String, String)> = std::fs::read_dir(&logs)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let owner = std::os::unix::fs::MetadataExt::uid(&entry.metadata().unwrap());
            assert_eq!(owner == 65534, support::is_root(), "it is of nobody");
            (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    (String::from_utf8(output.stdout).unwrap(), files)
}

#[test]
fn logutil_service_writes_and_puts_away() {
    let (stdout, files) = logged("n2 s20", "first line\nsecond line\nthird line\nfourth line\nend");
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    assert_eq!(
        files,
        [
            file("current", "fourth line\nend\n"),
            file("current.1", "third line\n"),
            file("current.2", "second line\n")
        ]
    );
    assert_eq!(stdout, "");
    let root = installed();
    let mut command = tool(root.path(), "logutil-service", &["/nowhere"]);
    command.env("S6_LOGGING_SCRIPT", "!gzip n2").stdin(Stdio::null());
    assert_eq!(Ran::of(command).code, 100);
}

#[test]
fn logutil_service_writes_times_where_its_script_has_them() {
    let (stdout, files) = logged("t 1 n0 s10000000 T", "a line\n");
    // As s6-log writes them: TAI64N, and the local time with two spaces behind it.
    let tai = stdout.strip_suffix(" a line\n").unwrap();
    assert!(
        tai.len() == 25 && tai.starts_with("@40000000") && tai[1..].bytes().all(|b| b.is_ascii_hexdigit()),
        "{tai}"
    );
    let seconds = u64::from_str_radix(&tai[1..17], 16).unwrap() - (1 << 62) - 37;
    let local = files[0].1.strip_suffix("  a line\n").unwrap();
    let mut date = Command::new("date");
    date.args(["-d", &format!("@{seconds}"), "+%Y-%m-%d %H:%M"]).env("TZ", "CET-1");
    let date = Ran::of(date).stdout;
    assert!(local.len() == 29, "{local}");
    // Between the two, a minute may have ended.
    assert!(local.starts_with(date.trim()) || local[17..].starts_with("00"), "{local} {date}");
    let (stdout, files) = logged("1 T", "a line\n");
    assert!(stdout == "a line\n" && files[0].1.len() == 29 + 2 + 7, "{stdout} {files:?}");
}

fn tree() -> Container {
    let c = Setup::new()
        .service("web", serve("web", &[]))
        .service("app", "enabled = false\n".to_owned() + &serve("app", &[]))
        .start();
    c.wait_event("up web");
    c.wait_state("web", "ready");
    c
}

struct Tools<'c> {
    container: &'c Container,
    bin: PathBuf,
    _root: tempfile::TempDir,
}

impl<'c> Tools<'c> {
    fn of(container: &'c Container) -> Self {
        let root = installed();
        Self { container, bin: root.path().join("bin"), _root: root }
    }

    fn ran(&self, name: &str, arguments: &[&str]) -> Ran {
        let path = self.bin.join(name);
        let mut words = vec!["timeout", "-s", "KILL", "60", path.to_str().unwrap()];
        words.extend(arguments);
        let mut command = self.container.exec(&words);
        command.env("FOSTER_SOCKET", self.container.path("control.sock"));
        Ran::of(command)
    }

    #[track_caller]
    fn ends(&self, code: i32, name: &str, arguments: &[&str]) -> Ran {
        let ran = self.ran(name, arguments);
        assert_eq!(ran.code, code, "{name} {arguments:?}: {ran:#?}");
        ran
    }
}

#[test]
fn s6_svc_and_s6_svwait_act_and_wait() {
    needs_namespace!();
    let c = tree();
    let tools = Tools::of(&c);
    assert_eq!(tools.ends(0, "s6-svc", &["-d", "-wD", "-T", "30000", "/run/service/web"]).stdout, "");
    c.wait_event("end web");
    tools.ends(0, "s6-svwait", &["-D", "/run/service/web"]);
    tools.ends(99, "s6-svwait", &["-u", "-t", "50", "/run/service/web"]);
    tools.ends(0, "s6-svc", &["-u", "/run/service/web/"]);
    tools.ends(0, "s6-svwait", &["-U", "-t", "30000", "/run/service/web"]);
    tools.ends(0, "s6-svc", &["-r", "/run/service/web"]);
    c.wait_events("up web", 3);
    tools.ends(0, "s6-svc", &["-t", "/run/service/web"]);
    c.wait_events("up web", 4);
    for (arguments, code) in
        [(&["-O", "web"][..], 100), (&["-Z", "web"], 100), (&[], 100), (&["-u", "nowhere"], 1)]
    {
        tools.ends(code, "s6-svc", arguments);
    }
}

#[test]
fn s6_rc_starts_and_stops() {
    needs_namespace!();
    let c = tree();
    let tools = Tools::of(&c);
    tools.ends(0, "s6-rc", &["-u", "change", "app"]);
    c.wait_state("app", "ready");
    tools.ends(0, "s6-rc", &["stop", "app"]);
    c.wait_state("app", "inactive");
    tools.ends(0, "s6-rc", &["start", "app"]);
    tools.ends(100, "s6-rc", &["list"]);
}

#[test]
fn s6_svok_and_s6_svstat_tell() {
    needs_namespace!();
    let c = tree();
    let tools = Tools::of(&c);
    tools.ends(0, "s6-svok", &["/run/service/web"]);
    tools.ends(1, "s6-svok", &["/run/service/nothing"]);
    let told = tools.ends(0, "s6-svstat", &["/run/service/web"]).stdout;
    assert!(told.starts_with("up (pid ") && told.contains(" seconds, ready "), "{told}");
    let told =
        tools.ends(0, "s6-svstat", &["-o", "up,ready,wantedup,exitcode,signal", "/run/service/web"]).stdout;
    assert_eq!(told, "true true true -1 NA\n");
    let told = tools.ends(0, "s6-svstat", &["/run/service/app"]).stdout;
    assert!(told.starts_with("down (exitcode 0) "), "{told}");
    let told = tools.ends(0, "s6-svstat", &["-o", "up,pid,ready", "/run/service/app"]).stdout;
    assert_eq!(told, "false -1 false\n");
    tools.ends(1, "s6-svstat", &["/run/service/nothing"]);
    tools.ends(100, "s6-svstat", &["-o", "colour", "/run/service/web"]);
}

#[test]
fn halt_ends_the_container() {
    needs_namespace!();
    let mut c = tree();
    // Whether it sees that itself depends on who is faster.
    Tools::of(&c).ran("halt", &[]);
    c.expect_exit(0);
}

#[test]
fn halt_ends_it_with_the_code_that_a_script_has_written() {
    needs_namespace!();
    let root = installed();
    let bin = root.path().join("bin");
    let prelude =
        "mount -t tmpfs -o mode=755 run /run && mkdir -p /run/s6-linux-init-container-results || exit";
    for (written, code) in [("42", 42), ("0", 0), ("many", 0)] {
        let script = format!(
            "echo {written} > /run/s6-linux-init-container-results/exitcode; exec {}/halt",
            bin.display()
        );
        let mut c = Setup::new()
            .prelude(prelude)
            .service("web", serve("web", &[]))
            .service("ends", format!("type = \"oneshot\"\nrequires = [\"web\"]\n{}", support::sh(&script)))
            .start();
        c.wait_event("term web");
        c.expect_exit(code);
    }
}

#[test]
fn without_a_supervisor_they_say_so() {
    let root = installed();
    let mut command = tool(root.path(), "s6-svc", &["-u", "/run/service/web"]);
    command.env("FOSTER_SOCKET", root.path().join("none.sock"));
    assert_eq!(Ran::of(command).code, 111);
}
