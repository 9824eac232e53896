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
fn logutil_service_writes_and_puts_away() {
    let root = installed();
    let logs = root.path().join("logs");
    let mut command = tool(root.path(), "logutil-service", &[logs.to_str().unwrap()]);
    command.env("S6_LOGGING_SCRIPT", "n2 s20 T").stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"first line\nsecond line\nthird line\nfourth line\nend").unwrap();
    assert!(child.wait().unwrap().success());
    let text = |name: &str| std::fs::read_to_string(logs.join(name)).unwrap();
    assert_eq!(
        (text("current"), text("current.1"), text("current.2")),
        ("fourth line\nend\n".to_owned(), "third line\n".to_owned(), "second line\n".to_owned())
    );
    let mut command = tool(root.path(), "logutil-service", &[logs.to_str().unwrap()]);
    command.env("S6_LOGGING_SCRIPT", "!gzip n2").stdin(Stdio::null());
    assert_eq!(Ran::of(command).code, 100);
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
fn without_a_supervisor_they_say_so() {
    let root = installed();
    let mut command = tool(root.path(), "s6-svc", &["-u", "/run/service/web"]);
    command.env("FOSTER_SOCKET", root.path().join("none.sock"));
    assert_eq!(Ran::of(command).code, 111);
}
