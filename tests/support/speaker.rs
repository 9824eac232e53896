//! A helper that says things to the supervisor: notifications, newlines, descriptors; and that serves inherited sockets.

use super::helper::{helper, say};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// TOML of a service that says `up NAME PID`, takes these steps, and serves until SIGTERM, `term NAME`. A step behind `hup:`
/// or `usr1:` is taken when that signal comes, one behind `once:FILE:` only if it makes the file.
pub fn speaker(name: &str, steps: &[&str]) -> String {
    let mut arguments = vec!["speak", name];
    arguments.extend(steps);
    helper(&arguments)
}

pub(super) fn speak(name: &str, steps: &[&str]) -> i32 {
    // SAFETY: the sets are locals; the signals are blocked before they can come, and taken by sigwait only.
    let set = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1] {
            libc::sigaddset(&raw mut set, signal);
        }
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        set
    };
    say(&format!("up {name} {}", std::process::id()));
    let with =
        |prefix: &str| -> Vec<&str> { steps.iter().filter_map(|step| step.strip_prefix(prefix)).collect() };
    let now = steps.iter().copied().filter(|step| !step.starts_with("hup:") && !step.starts_with("usr1:"));
    now.for_each(|step| take(name, step));
    loop {
        let mut got = 0;
        // SAFETY: as above.
        unsafe { libc::sigwait(&raw const set, &raw mut got) };
        match got {
            libc::SIGHUP => with("hup:").into_iter().for_each(|step| take(name, step)),
            libc::SIGUSR1 => with("usr1:").into_iter().for_each(|step| take(name, step)),
            _ => break,
        }
    }
    say(&format!("term {name}"));
    0
}

fn take(name: &str, step: &str) {
    let (verb, rest) = step.split_once(':').unwrap_or((step, ""));
    match verb {
        "say" => notify(rest, &[]),
        "say-file" => {
            let file = std::path::Path::new(&std::env::var_os("DIRECTORY").unwrap()).join(rest);
            notify(&std::fs::read_to_string(file).unwrap(), &[]);
        }
        "event" => say(rest),
        "sleep" => super::pause(Duration::from_millis(rest.parse().unwrap())),
        // SAFETY: ends the process.
        "exit" => unsafe { libc::_exit(rest.parse().unwrap()) },
        "once" => {
            let (file, step) = rest.split_once(':').unwrap();
            let file = std::path::Path::new(&std::env::var_os("DIRECTORY").unwrap()).join(file);
            if std::fs::OpenOptions::new().write(true).create_new(true).open(file).is_ok() {
                take(name, step);
            }
        }
        "write" => {
            let (fd, text) = rest.split_once(':').unwrap();
            let text = text.replace('|', "\n");
            // SAFETY: a pointer to so many bytes.
            unsafe { libc::write(fd.parse().unwrap(), text.as_ptr().cast(), text.len()) };
        }
        // SAFETY: a descriptor that nothing here owns.
        "close" => drop(unsafe { libc::close(rest.parse().unwrap()) }),
        "every" => {
            let (millis, text) = rest.split_once(':').unwrap();
            let (time, text) = (Duration::from_millis(millis.parse().unwrap()), text.to_owned());
            std::thread::spawn(move || {
                while !std::env::var("DIRECTORY")
                    .is_ok_and(|at| std::path::Path::new(&at).join("silence").exists())
                {
                    notify(&text, &[]);
                    super::pause(time);
                }
            });
        }
        // SAFETY: numbers only.
        "ignore" => drop(unsafe { libc::signal(libc::SIGABRT, libc::SIG_IGN) }),
        "daemon" => become_daemon(rest),
        "barrier" => {
            let (mut reader, writer) = std::io::pipe().unwrap();
            notify("BARRIER=1", &[writer.as_raw_fd()]);
            drop(writer);
            let _ = reader.read(&mut [0]);
            say(&format!("barrier {name}"));
        }
        "store" => {
            let file = memory(&format!("{rest} {}", std::process::id()));
            notify(&format!("FDSTORE=1|FDNAME={rest}"), &[file.as_raw_fd()]);
        }
        "store-pipe" => {
            let (reader, writer) = std::io::pipe().unwrap();
            notify(&format!("FDSTORE=1|FDNAME={rest}"), &[reader.as_raw_fd()]);
            std::mem::forget(writer);
        }
        "given" => given(name),
        "serve" => {
            let fd: RawFd = rest.parse().unwrap();
            std::thread::spawn(move || answer(fd));
        }
        "accept" => answer_one(rest.parse().unwrap()),
        "flood" => flood(rest.parse().unwrap()),
        _ => say(&format!("no such step: {step}")),
    }
}

/// Sends lines, with `|` for a newline and `NOW` for the time, to the NOTIFY_SOCKET.
pub(super) fn notify(text: &str, fds: &[RawFd]) {
    let usec = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();
    let usec = usec.tv_sec() * 1_000_000 + usec.tv_nsec() / 1000;
    send(
        text.replace('|', "\n")
            .replace("NOW", &usec.to_string())
            .replace("SELF", &std::process::id().to_string())
            .as_bytes(),
        fds,
    );
}

fn send(bytes: &[u8], fds: &[RawFd]) {
    let Ok(address) = std::env::var("NOTIFY_SOCKET") else { return say("no NOTIFY_SOCKET") };
    let socket = UnixDatagram::unbound().unwrap();
    let to = match address.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&address),
    };
    let to = to.unwrap();
    if fds.is_empty() {
        if let Err(error) = socket.send_to_addr(bytes, &to) {
            say(&format!("cannot send: {error}"));
        }
        return;
    }
    socket.connect_addr(&to).unwrap();
    let mut control = vec![0u64; 256];
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: a header to live locals, with room for so many descriptors.
    unsafe {
        let mut header: libc::msghdr = std::mem::zeroed();
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = libc::CMSG_SPACE(size_of_val(fds) as u32) as _;
        let message = libc::CMSG_FIRSTHDR(&raw const header);
        (*message).cmsg_level = libc::SOL_SOCKET;
        (*message).cmsg_type = libc::SCM_RIGHTS;
        (*message).cmsg_len = libc::CMSG_LEN(size_of_val(fds) as u32) as _;
        std::ptr::copy_nonoverlapping(fds.as_ptr(), libc::CMSG_DATA(message).cast(), fds.len());
        libc::sendmsg(socket.as_raw_fd(), &raw const header, 0);
    }
}

fn memory(text: &str) -> OwnedFd {
    // SAFETY: a name, and a new descriptor that nothing else owns.
    let fd = unsafe { OwnedFd::from_raw_fd(libc::memfd_create(c"kept".as_ptr(), 0)) };
    nix::unistd::write(&fd, text.as_bytes()).unwrap();
    fd
}

/// Forks twice into a session of its own, as servers of the old kind do; the daemon says the text, and the first process ends
/// when it was told to by the supervisor, or at once with `leave`.
fn become_daemon(text: &str) {
    // SAFETY: one thread.
    unsafe {
        if libc::fork() == 0 {
            libc::setsid();
            if libc::fork() > 0 {
                libc::_exit(0);
            }
            say(&format!("daemon {}", std::process::id()));
            // Until the one between is gone, and this one is an orphan.
            while libc::getppid() != 1 {
                super::pause(Duration::from_millis(1));
            }
            notify(text, &[]);
            return;
        }
        let mut status = 0;
        libc::wait(&raw mut status);
        // Lives until its word has counted.
        super::pause(Duration::from_millis(300));
        libc::_exit(9);
    }
}

/// Says what it was given: variables, and what lies in descriptors.
fn given(name: &str) {
    let value = |key: &str| std::env::var(key).unwrap_or_else(|_| "-".into());
    let own = |key: &str| value(key) == std::process::id().to_string();
    say(&format!(
        "given {name} fds={} names={} pid={} watchdog={} own={} store={} notify={}",
        value("LISTEN_FDS"),
        value("LISTEN_FDNAMES"),
        own("LISTEN_PID"),
        value("WATCHDOG_USEC"),
        own("WATCHDOG_PID"),
        value("FDSTORE"),
        std::env::var("NOTIFY_SOCKET").is_ok(),
    ));
    for (fd, name) in (3..).zip(value("LISTEN_FDNAMES").split(':').filter(|name| *name != "-")) {
        let mut text = [0; 64];
        // SAFETY: so many bytes of a local.
        let count = unsafe { libc::pread(fd, text.as_mut_ptr().cast(), 64, 0) };
        let text = String::from_utf8_lossy(&text[..count.max(0) as usize]).into_owned();
        say(format!("holds {name} {text}").trim_end());
    }
    let open: Vec<i32> =
        (3..64).filter(|fd| std::path::Path::new(&format!("/proc/self/fd/{fd}")).exists()).collect();
    say(&format!("open {open:?}"));
}

/// Answers each connection with its pid.
fn answer(fd: RawFd) {
    loop {
        answer_one(fd);
    }
}

fn answer_one(fd: RawFd) {
    // SAFETY: an inherited socket; the new descriptor is owned here.
    let mut stream = unsafe {
        let fd = libc::accept4(fd, std::ptr::null_mut(), std::ptr::null_mut(), libc::SOCK_CLOEXEC);
        if fd < 0 {
            return super::pause(Duration::from_millis(1));
        }
        std::fs::File::from_raw_fd(fd)
    };
    let _ = stream.write_all(format!("{}\n", std::process::id()).as_bytes());
}

/// So many datagrams, most of them nonsense, some with descriptors.
fn flood(count: usize) {
    let file = memory("x");
    let fds = [file.as_raw_fd(); 200];
    for number in 0..count {
        match number % 5 {
            0 => send(b"", &[]),
            1 => send(&[b'A'; 5000], &[]),
            2 => send(b"READY=1\0\nMAINPID=1", &[]),
            3 if number % 100 == 3 => send(b"FDSTORE=1\nBARRIER=1", &fds),
            _ => send(format!("STATUS={number}\nMAINPID=2147483647\nFDSTORE=1").as_bytes(), &[]),
        }
    }
    say("flooded");
}
