//! The terminal of a container, from the side of who sits at it.

use super::{Container, PATIENCE, eventually};
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};

/// Both ends of a new terminal.
pub(super) fn open() -> (std::fs::File, OwnedFd) {
    let nix::pty::OpenptyResult { master, slave } = nix::pty::openpty(None, None).unwrap();
    for fd in [&master, &slave] {
        nix::fcntl::fcntl(fd, nix::fcntl::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC)).unwrap();
    }
    (master.into(), slave)
}

impl Container {
    /// Changes the size of its terminal.
    pub fn resize(&self, rows: u16, columns: u16) {
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: a terminal, and a size that outlives the call.
        assert_eq!(unsafe { libc::ioctl(self.terminal().as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }, 0);
    }

    /// Types at its terminal.
    pub fn type_in(&self, text: &str) {
        self.terminal().write_all(text.as_bytes()).unwrap();
    }

    /// The process group in the foreground of its terminal, by the name of its leader.
    pub fn in_foreground(&self) -> String {
        let group = nix::unistd::tcgetpgrp(self.terminal()).map(nix::unistd::Pid::as_raw).unwrap_or_default();
        let leader = self.processes().into_iter().find(|one| one.outside == group);
        leader.map(|one| one.name).unwrap_or_default()
    }

    /// Waits until the group of one with this name, or beginning so, is there.
    #[track_caller]
    pub fn wait_in_foreground(&self, name: &str) {
        let there = || self.in_foreground().starts_with(name);
        self.check(
            eventually(PATIENCE, there),
            &format!("{name} is not in the foreground, but {:?}", self.in_foreground()),
        );
    }

    /// An interactive bash runs at its terminal: a job is stopped, continued and interrupted by keys there. It ends with 4.
    #[track_caller]
    pub fn expect_job_control(&mut self) {
        self.type_in("sleep 1000\n");
        self.wait_program("sleep");
        self.type_in("\x1a");
        self.wait_line(&["Stopped", "sleep 1000"]);
        self.type_in("fg\n");
        self.wait_in_foreground("sleep");
        self.type_in("\x03");
        self.type_in("echo \"it was $?\"; exit 4\n");
        self.wait_line(&["it was 130"]);
        self.expect_exit(4);
        self.check(!self.printed(&["no job control"]), "bash complains");
    }
}
