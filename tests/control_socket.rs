//! Where the control socket is, and what becomes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use support::{Client, Setup, eventually, helper_shell, is_root, needs_namespace, serve, skip};

/// In a mount namespace whose /run and /tmp are its own; the test's own directory stays visible.
fn own_places(c: Setup) -> Setup {
    c.env("FOSTER_SOCKET", "").prelude(
        "mount -t tmpfs tmpfs /run && mkdir -p $DIRECTORY/tmp && mount -t tmpfs tmpfs $DIRECTORY/tmp",
    )
}

fn curl(c: &support::Container, socket: &str) -> bool {
    let script = format!("test -S {socket}");
    c.exec(&["/bin/sh", "-c", &script]).status().unwrap().success()
}

#[test]
fn by_default_it_is_in_run_foster_and_foster_is_silent_about_it() {
    needs_namespace!();
    let mut c = own_places(Setup::new()).service("web", serve("web", &[])).start();
    c.wait_event("up web");
    c.check(curl(&c, "/run/foster/control.sock"), "it is not there");
    c.check(!c.printed(&["socket"]), "it says something");
    c.stop_within(support::PROMPT);
}

#[test]
fn where_run_cannot_be_written_it_is_in_the_next_place_and_foster_says_so_once() {
    needs_namespace!();
    let prelude = "mount -t tmpfs tmpfs /run && mount -o remount,ro /run";
    let mut c = Setup::new()
        .env("FOSTER_SOCKET", "")
        .env("XDG_RUNTIME_DIR", "/dev/shm/foster-test-runtime")
        .prelude(&format!("{prelude}; mount -t tmpfs tmpfs /dev/shm; mkdir /dev/shm/foster-test-runtime"))
        .service("web", serve("web", &[]))
        .start();
    c.wait_event("up web");
    let place = "/dev/shm/foster-test-runtime/foster/control.sock";
    c.wait_line(&[place, "/run/foster/control.sock: Read-only file system"]);
    c.check(curl(&c, place), "it is not there");
    c.stop_within(support::PROMPT);
}

#[test]
fn everybody_reaches_it_whatever_the_umask_is() {
    needs_namespace!();
    let mut c = Setup::new()
        .prelude("umask 077; export FOSTER_SOCKET=$DIRECTORY/new/one/control.sock")
        .service("web", serve("web", &[]))
        .start();
    c.wait_event("up web");
    for (path, mode) in [("new", 0o755), ("new/one", 0o755), ("new/one/control.sock", 0o666)] {
        let found = c.path(path).metadata().unwrap().permissions().mode() & 0o777;
        c.check(found == mode, &format!("{path} has {found:o}"));
    }
    c.stop_within(support::PROMPT);
}

#[test]
fn with_none_there_is_no_socket_and_not_a_word() {
    needs_namespace!();
    let mut c =
        own_places(Setup::new()).env("FOSTER_SOCKET", "none").service("web", serve("web", &[])).start();
    c.wait_event("up web");
    c.check(!curl(&c, "/run/foster/control.sock"), "it is there");
    c.check(!c.printed(&["socket"]), "it says something");
    c.stop_within(support::PROMPT);
}

#[test]
fn anybody_may_connect_and_the_socket_goes_with_the_supervisor() {
    needs_namespace!();
    let mut c = Setup::new().prelude("umask 077").service("web", serve("web", &[])).start();
    c.wait_event("up web");
    let mode = c.socket().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);
    c.stop_within(support::PROMPT);
    assert!(!c.socket().exists());
}

#[test]
fn a_stale_socket_is_replaced_after_a_kill() {
    needs_namespace!();
    let prelude = helper_shell("leave-socket $DIRECTORY/control.sock");
    let mut c = Setup::new().prelude(&prelude).service("web", serve("web", &[])).start();
    c.wait_event("up web");
    assert_eq!(c.get("/v1/status").status, 200);
    c.check(!c.printed(&["socket"]), "it says something");
    c.stop_within(support::PROMPT);
}

#[test]
fn a_socket_with_somebody_behind_it_is_left_and_the_tree_runs_without() {
    needs_namespace!();
    let mut c = Setup::new().held().service("web", serve("web", &[])).start();
    let theirs = UnixListener::bind(c.socket()).unwrap();
    c.release();
    c.wait_event("up web");
    c.wait_line(&["no control socket", "another supervisor answers there", "runs without one"]);
    c.stop_within(support::PROMPT);
    assert!(c.socket().exists(), "somebody else's socket was removed");
    drop(theirs);
}

#[test]
fn a_foster_below_a_foster_has_a_socket_of_its_own() {
    needs_namespace!();
    let inner = "mkdir -p $DIRECTORY/inner && cp $DIRECTORY/services/leaf.toml.txt $DIRECTORY/inner/leaf.toml
        && FOSTER_SOCKET=$DIRECTORY/inner.sock exec $FOSTER run $DIRECTORY/inner";
    let mut c = Setup::new()
        .held()
        .env("FOSTER", support::foster_bin().to_str().unwrap())
        .service("outer", support::sh(&inner.replace('\n', " ")))
        .start();
    std::fs::write(c.path("services/leaf.toml.txt"), serve("leaf", &[])).unwrap();
    c.release();
    c.wait_event("up leaf");
    let inner = Client::connect(&c.path("inner.sock")).get("/v1/status").json();
    assert_eq!(inner["services"][0]["name"], "leaf");
    assert_ne!(inner["supervisor"]["pid"], 1);
    assert_eq!(c.get("/v1/status").json()["services"][0]["name"], "outer");
    c.stop_within(support::PATIENCE);
    assert!(!c.path("inner.sock").exists());
}

#[test]
fn who_is_not_root_is_served_in_tmp_and_may_act_on_its_own_tree() {
    needs_namespace!();
    if !is_root() {
        skip!("only root can become another user");
    }
    let uid = 54_321;
    let mut c = Setup::new()
        .env("FOSTER_SOCKET", "")
        .held()
        .below(&format!(
            "mount -t tmpfs -o mode=755 tmpfs /run; chmod 755 $DIRECTORY; chmod 666 $EVENTS
            setpriv --reuid {uid} --regid {uid} --clear-groups \"$@\""
        ))
        .service("web", serve("web", &[]))
        .start();
    c.release();
    c.wait_event("up web");
    let place = format!("/tmp/foster-{uid}/control.sock");
    c.wait_line(&[&place, "/run/foster/control.sock: Permission denied"]);
    let place = std::path::Path::new(&place);
    assert!(eventually(support::PATIENCE, || place.exists()));
    let stopped = Client::connect_as(place, uid).post("/v1/stop", r#"{"services":["web"]}"#);
    assert_eq!(stopped.status, 200, "{stopped:?}");
    assert_eq!(Client::connect_as(place, uid + 1).post("/v1/shutdown", "").status, 403);
    assert_eq!(Client::connect(place).post("/v1/shutdown", "").status, 200, "root may act everywhere");
    c.expect_exit(0);
    let _ = std::fs::remove_dir(place.parent().unwrap());
}
