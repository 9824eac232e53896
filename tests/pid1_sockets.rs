//! Claims about sockets that the supervisor holds for its services.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::Read as _;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{
    Container, PATIENCE, PROMPT, Setup, eventually, needs_namespace, needs_servers, serve, sh, speaker,
};

/// What a service answers at a path: its pid.
fn ask(path: &Path) -> Option<u32> {
    let mut stream = UnixStream::connect(path).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn socket(listen: &str) -> String {
    format!("[[socket]]\nlisten = \"{listen}\"\n")
}

#[test]
fn who_connects_during_a_crash_is_served_after_it() {
    needs_namespace!();
    let toml = speaker("web", &["given", "serve:3"])
        + "[restart]\ndelay = \"100ms\"\n[[socket]]\nlisten = \"${DIRECTORY}/web.sock\"\nname = \"http\"\n";
    // It starts after one that connects already.
    let mut c = Setup::new()
        .service("web", "requires = [\"first\"]\n".to_owned() + &toml)
        .service(
            "first",
            "type = \"oneshot\"\n".to_owned() + &sh("test -S $DIRECTORY/web.sock && echo there >> $EVENTS"),
        )
        .start();
    c.wait_event("there");
    c.wait_event("given web fds=1 names=http pid=true watchdog=- own=false store=- notify=false");
    c.wait_event("open [3]");
    let path = c.path("web.sock");
    for life in 2..=5 {
        c.kill("web", libc::SIGKILL);
        c.wait_for("its end", PATIENCE, |lines| {
            let ends = lines.iter().filter(|line| line.text.contains("web: was killed by SIGKILL"));
            (ends.count() + 1 >= life).then_some(())
        });
        // From the second on, nobody runs for a while.
        let answer = ask(&path);
        c.wait_events("up web", life);
        c.check(answer == Some(c.pid_of("web")), &format!("{answer:?} answered"));
    }
    c.foster_ends(0, &["restart", "web"]);
    c.check(ask(&path).is_some(), "it was refused after a restart");
    c.stop_within(PROMPT);
}

#[test]
fn a_socket_goes_with_a_stop_and_comes_with_a_start() {
    needs_namespace!();
    let toml =
        speaker("web", &["serve:3"]) + "[[socket]]\nlisten = \"${DIRECTORY}/web.sock\"\nmode = \"600\"\n";
    let mut c = Setup::new().service("web", toml).service("other", serve("other", &[])).start();
    c.wait_event("up web");
    let path = c.path("web.sock");
    let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
    c.check(mode == 0o600, &format!("its mode is {mode:o}"));
    let before = c.descriptors();
    c.foster_ends(0, &["stop", "web"]);
    c.check(!path.exists(), "it is still there");
    c.check(c.descriptors() < before, "it is still open");
    c.foster_ends(0, &["start", "web"]);
    c.wait_events("up web", 2);
    c.check(ask(&path) == Some(c.pid_of("web")), "it is not there");
    c.stop_within(PROMPT);
    c.check(!path.exists(), "it is left behind");
}

#[test]
fn what_cannot_be_listened_on_fails_the_start_with_the_reason() {
    needs_namespace!();
    let toml = "essential = false\n".to_owned()
        + &serve("web", &[])
        + "[restart]\nlimit = 3\ndelay = \"1ms\"\n[[socket]]\nlisten = \"${DIRECTORY}/web.sock\"\n";
    let mut c = Setup::new().service("web", toml).service("first", serve("first", &[])).held().start();
    let taken = UnixListener::bind(c.path("web.sock")).unwrap();
    c.release();
    c.wait_event("up first");
    c.wait_line(&["web: cannot listen on ", "web.sock: Address already in use; restarting it"]);
    c.wait_state("web", "failed");
    drop(taken);
    c.foster_ends(0, &["start", "web"]);
    c.wait_event("up web");
    c.stop_within(PROMPT);
}

#[test]
fn an_apply_keeps_what_is_the_same_and_makes_anew_what_is_not() {
    needs_namespace!();
    let toml = |second: &str| {
        speaker("web", &["serve:3"])
            + "[[socket]]\nlisten = \"${DIRECTORY}/one.sock\"\n[[socket]]\nlisten = \"${DIRECTORY}/"
            + second
            + "\"\n"
    };
    let mut c = Setup::new().service("web", toml("two.sock")).start();
    c.wait_event("up web");
    let inode =
        |name: &str| c.path(name).metadata().map(|found| std::os::unix::fs::MetadataExt::ino(&found)).ok();
    let (one, two) = (inode("one.sock"), inode("two.sock"));
    c.check(one.is_some() && two.is_some(), "they are not there");
    std::fs::write(c.path("services/web.toml"), toml("three.sock")).unwrap();
    c.foster_ends(0, &["apply"]);
    c.check(inode("one.sock") == one, "the same one was made anew");
    c.check(inode("two.sock").is_none() && inode("three.sock").is_some(), "the other was not");
    c.wait_events("up web", 2);
    c.check(ask(&c.path("one.sock")) == Some(c.pid_of("web")), "it is not served");
    std::fs::remove_file(c.path("services/web.toml")).unwrap();
    std::fs::write(c.path("services/other.toml"), serve("other", &[])).unwrap();
    c.foster_ends(0, &["apply"]);
    c.check(inode("one.sock").is_none() && inode("three.sock").is_none(), "they are left behind");
    c.stop_within(PROMPT);
}

#[test]
fn a_service_starts_with_its_first_connection() {
    needs_namespace!();
    let toml = "on-demand = true\n".to_owned()
        + &speaker("web", &["accept:3", "usr1:exit:0"])
        + "[restart]\npolicy = \"on-failure\"\n"
        + "[[socket]]\nlisten = \"${DIRECTORY}/web.sock\"\n";
    let mut c = Setup::new()
        .service("web", toml)
        .service("other", "requires = [\"web\"]\n".to_owned() + &serve("other", &[]))
        .start();
    c.wait_event("up other");
    c.wait_state("web", "waiting");
    let path = c.path("web.sock");
    let answer = ask(&path);
    c.wait_event("up web");
    c.check(answer == Some(c.pid_of("web")), "it was not started");
    for life in 2..=3 {
        c.kill("web", libc::SIGUSR1);
        c.wait_state("web", "waiting");
        c.check(ask(&path).is_some(), "it was not started again");
        c.wait_events("up web", life);
    }
    c.stop_within(PROMPT);
}

#[test]
fn who_leaves_its_connections_is_not_started_without_end() {
    needs_namespace!();
    let toml = "on-demand = true\n".to_owned()
        + &sh("echo up >> $EVENTS")
        + "[restart]\npolicy = \"on-failure\"\n"
        + "[[socket]]\nlisten = \"${DIRECTORY}/web.sock\"\n";
    let mut c = Setup::new().service("web", toml).service("other", serve("other", &[])).start();
    c.wait_event("up other");
    let _stream = UnixStream::connect(c.path("web.sock")).unwrap();
    c.wait_line(&["web: was started 20 times within 2s"]);
    c.wait_events("up", 24);
    let starts = c.events().iter().filter(|event| *event == "up").count();
    c.check(starts < 30, &format!("{starts} starts"));
    let told = c.lines().iter().filter(|line| line.text.contains("was started 20 times")).count();
    c.check(told == 1, &format!("told {told} times"));
    c.stop_within(PROMPT);
}

#[test]
fn a_user_without_rights_serves_a_low_port() {
    needs_namespace!();
    if !Path::new("/bin/bash").exists() {
        support::skip!("not installed: bash, which connects");
    }
    let toml = speaker("web", &["serve:3"]) + &socket(":80");
    let user = if nix::unistd::geteuid().is_root() { "user = \"65534\"\n" } else { "" };
    let prelude = "chmod 755 $DIRECTORY; chmod 666 $EVENTS";
    let mut c = Setup::new().network().prelude(prelude).service("web", user.to_owned() + &toml).start();
    c.wait_event("up web");
    for host in ["127.0.0.1", "::1"] {
        let script = format!("exec 5<>/dev/tcp/{host}/80 && cat <&5");
        let pid = format!("{}", c.pid_of("web"));
        c.wait_answer(&["/bin/bash", "-c", &script], &pid);
    }
    c.stop_within(PROMPT);
}

/// Asks as fast as it can until it is told to end; gives how many were answered, and the first that was not.
fn load(port: u16, threads: usize, work: impl FnOnce()) -> (usize, Option<String>) {
    let (answered, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let failed = std::sync::Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    match get(port) {
                        Ok(()) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                        Err(why) => drop(failed.lock().unwrap().get_or_insert(why)),
                    }
                }
            });
        }
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        over.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|why| std::panic::resume_unwind(why));
    });
    (answered.into_inner(), failed.into_inner().unwrap())
}

fn get(port: u16) -> Result<(), String> {
    use std::io::Write as _;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| format!("connect: {error}"))?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let text = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(text.as_bytes()).map_err(|error| format!("write: {error}"))?;
    let mut answer = Vec::new();
    // A worker that is told to leave may close what it has not read of; only who was refused counts.
    let _ = stream.read_to_end(&mut answer);
    Ok(())
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn nginx_refuses_nobody_while_it_is_reloaded_restarted_and_killed() {
    needs_servers!(("nginx", "nginx-light"));
    let port = free_port();
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let at = directory.path().display();
    let conf = format!(
        "daemon off; worker_processes 2; pid {at}/nginx.pid; error_log stderr crit; events {{}}
         http {{ access_log off; server {{ listen 127.0.0.1:{port}; return 200 hello; }} }}"
    );
    std::fs::write(directory.path().join("nginx.conf"), conf).unwrap();
    let toml = format!(
        "command = \"nginx -c {at}/nginx.conf\"\n[environment]\nNGINX = \"3;\"\n[stop]\nsignal = \"SIGQUIT\"\n\
         [restart]\ndelay = \"1ms\"\n[ready]\nhttp = \"http://127.0.0.1:{port}/\"\n\
         [[socket]]\nlisten = \"127.0.0.1:{port}\"\n"
    );
    let mut c = Setup::new().service("web", toml).start();
    c.wait_state("web", "ready");
    let act = |c: &Container| {
        for _ in 0..3 {
            c.foster_ends(0, &["reload", "web"]);
            c.foster_ends(0, &["restart", "web"]);
        }
        c.kill_server("nginx: master");
        c.check(eventually(PATIENCE, || c.server("nginx: master").is_some()), "it does not come back");
    };
    let begin = Instant::now();
    let (answered, failed) = load(port, 4, || act(&c));
    c.check(failed.is_none(), &format!("refused: {failed:?}"));
    c.check(answered > 100, &format!("only {answered} answers in {:?}", begin.elapsed()));
    c.stop_within(PROMPT + Duration::from_secs(2));
}
