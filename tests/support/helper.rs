//! The test program in a second role: as a service. A constructor looks for a mark in argv before `main` runs, so
//! that no helper has to be built, found or shipped, and nothing of the test framework is running yet.

use super::plight::{Program, bring_about};
use std::ffi::CString;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

/// The first argument that makes this program a helper.
pub const MARK: &str = "@helper";

#[used]
#[unsafe(link_section = ".init_array")]
static ENTRY: extern "C" fn() = entry;

/// Path of this program.
pub fn program() -> String {
    std::env::current_exe().unwrap().to_str().unwrap().to_owned()
}

/// TOML of a service that is a helper.
pub fn helper(arguments: &[&str]) -> String {
    let mut argv = vec![program(), MARK.to_owned()];
    argv.extend(arguments.iter().map(|&one| one.to_owned()));
    format!("command = {argv:?}\n")
}

/// The same as words of a shell script in the container.
pub fn helper_shell(arguments: &str) -> String {
    format!("\"$HELPER\" {MARK} {arguments}")
}

extern "C" fn entry() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).map(String::as_str) != Some(MARK) {
        return;
    }
    let words: Vec<&str> = arguments[2..].iter().map(String::as_str).collect();
    let code = match words[..] {
        ["enter", socket, ..] => enter(socket, &words[2..]),
        ["enter-network", socket, ..] => {
            raise_loopback();
            enter(socket, &words[2..])
        }
        ["under", plight, ..] => under(plight, &words[2..]),
        ["enter-terminal", socket, ..] => {
            let controls = nix::unistd::setsid().is_ok() && control_terminal();
            if controls { enter(socket, &words[2..]) } else { 73 }
        }
        ["serve", name, ..] => serve(name, &words[2..]),
        ["life", name, events, ..] => super::lives::life(name, events, &words[3..]),
        ["answer", name, place] => super::answer::answer(name, place),
        ["starve", _, ..] => starve(&words[1..]),
        ["orphans", count] => orphans(count.parse().unwrap()),
        ["broods", count, each] => super::lives::broods(count.parse().unwrap(), each.parse().unwrap()),
        ["budget", count] => super::lives::budget(count.parse().unwrap()),
        ["flap"] => super::lives::flap(),
        ["chains", count] => chains(count.parse().unwrap()),
        ["bomb"] => bomb(),
        ["flood", count, code] => flood(count.parse().unwrap(), code.parse().unwrap()),
        ["outsider"] => outsider(),
        ["logger", name, file, ..] => super::logger::log(name, file, &words[3..]),
        ["speak", name, ..] => super::speaker::speak(name, &words[2..]),
        ["hear", end] => super::hearer::hear(end.parse().unwrap()),
        ["status"] => status(),
        ["look"] => super::lives::look(),
        ["leave-socket", path] => i32::from(std::os::unix::net::UnixListener::bind(path).is_err()),
        _ => 64,
    };
    // SAFETY: ends the process without the destructors of a `main` that never ran.
    unsafe { libc::_exit(code) }
}

pub(super) fn say(text: &str) {
    let Ok(path) = std::env::var("EVENTS") else { return };
    if let Ok(mut events) = std::fs::OpenOptions::new().append(true).open(path) {
        let _ = events.write_all(format!("{text}\n").as_bytes());
    }
}

/// `enter SOCKET PROGRAM…`: shows its pid, waits for the word, and becomes the program.
fn enter(socket: &str, argv: &[&str]) -> i32 {
    reset_signals();
    let Ok(mut gate) = UnixStream::connect(socket) else { return 70 };
    if !matches!(gate.read(&mut [0; 2]), Ok(2)) {
        return 71;
    }
    drop(gate);
    become_program(argv)
}

/// Takes back what whoever started the tests ignores: a shell that runs them in the background, SIGINT and SIGQUIT.
pub fn reset_signals() {
    for number in 1..=64 {
        // SAFETY: the default action runs no code; a signal that cannot be set gives an error.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
}

fn become_program(argv: &[&str]) -> i32 {
    let argv: Vec<CString> = argv.iter().map(|&one| CString::new(one).unwrap()).collect();
    let _ = nix::unistd::execv(&argv[0], &argv);
    127
}

/// `under WORD;WORD… PROGRAM…`: brings all of that about, and becomes the program. See `plight`.
fn under(words: &str, argv: &[&str]) -> i32 {
    let mut program = Program { path: argv[0], argv: argv.to_vec() };
    words.split(';').for_each(|word| bring_about(word, &mut program));
    let argv: Vec<CString> = program.argv.iter().map(|&one| CString::new(one).unwrap()).collect();
    let _ = nix::unistd::execv(&CString::new(program.path).unwrap(), &argv);
    127
}

/// Makes the terminal at standard input that of this session, as a container runtime does.
fn control_terminal() -> bool {
    // SAFETY: numbers only.
    unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) == 0 }
}

/// A fresh network has a loopback interface that is down.
fn raise_loopback() {
    // SAFETY: a request for the interface `lo`, alive during both calls; the socket goes with the process.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = *from as libc::c_char;
        }
        assert!(libc::ioctl(socket, libc::SIOCGIFFLAGS as _, &raw mut request) == 0, "no loopback interface");
        request.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short;
        assert!(libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw mut request) == 0, "loopback stays down");
    }
}

/// `starve PROGRAM…`: becomes the program, to which clone(2) with CLONE_VM fails with ENOMEM.
fn starve(argv: &[&str]) -> i32 {
    const { assert!(cfg!(target_endian = "little")) };
    let load = |offset: u32| libc::sock_filter { code: 0x20, jt: 0, jf: 0, k: offset };
    let jump = |code: u16, k: u32, jf: u8| libc::sock_filter { code, jt: 0, jf, k };
    let give = |k: u32| libc::sock_filter { code: 0x06, jt: 0, jf: 0, k };
    let mut filter = [
        load(0), // the number of the call
        jump(0x15, libc::SYS_clone as u32, 3),
        load(16), // the lower half of its first argument, the flags
        jump(0x45, libc::CLONE_VM as u32, 1),
        give(libc::SECCOMP_RET_ERRNO | libc::ENOMEM as u32),
        give(libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program is made of locals that outlive the call, which copies it.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) != 0
    };
    if refused { 72 } else { become_program(argv) }
}

/// `serve NAME [ready=MS] [delay=MS] [ignore] [code=N]`.
pub(super) fn serve(name: &str, options: &[&str]) -> i32 {
    let number = |key: &str| {
        options
            .iter()
            .find_map(|one| one.strip_prefix(key)?.strip_prefix('='))
            .map_or(0, |text| text.parse().unwrap())
    };
    // SAFETY: the sets are locals; SIGTERM is blocked before it can come, and taken by sigwait only.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        say(&format!("up {name} {}", libc::getpid()));
        if options.iter().any(|one| one.starts_with("ready=")) {
            super::pause(std::time::Duration::from_millis(number("ready")));
            super::speaker::notify("READY=1", &[]);
        }
        loop {
            let mut got = 0;
            libc::sigwait(&raw const set, &raw mut got);
            say(&format!("term {name}"));
            if !options.contains(&"ignore") {
                super::pause(std::time::Duration::from_millis(number("delay")));
                say(&format!("end {name}"));
                return number("code") as i32;
            }
        }
    }
}

/// `orphans K`: K orphans by double fork; then `made orphans`, and serves.
fn orphans(count: usize) -> i32 {
    for _ in 0..count {
        // SAFETY: one thread; the children only fork and exit.
        unsafe {
            let child = fork_at_last();
            if child == 0 {
                fork_at_last();
                libc::_exit(0);
            }
            while libc::waitpid(child, std::ptr::null_mut(), 0) < 0 {}
        }
    }
    say("made orphans");
    if std::env::var_os("ONCE").is_some() {
        return 0;
    }
    serve("maker", &[])
}

/// `chains K`: K processes that each fork a successor in a session of its own and die, for ever: no scan of /proc
/// catches them all, but their number is bounded. Then serves.
fn chains(count: usize) -> i32 {
    for _ in 0..count {
        // SAFETY: one thread; the children only fork, make sessions and exit.
        unsafe {
            if fork_at_last() == 0 {
                loop {
                    if libc::fork() > 0 {
                        libc::_exit(0);
                    }
                    libc::setsid();
                }
            }
        }
    }
    serve("chains", &["ignore"])
}

/// `bomb`: forks without bound, so only to be run in a cgroup with a limit.
fn bomb() -> i32 {
    say("up bomb");
    loop {
        // SAFETY: one thread.
        unsafe {
            if libc::fork() == 0 {
                libc::setsid();
            }
        }
    }
}

/// `outsider`: fails, and leaves behind a process in a session of its own, whose child stays in the group a little
/// longer and is then reaped by that parent.
fn outsider() -> i32 {
    say("up outsider");
    // SAFETY: one thread; the children only make sessions, sleep and exit.
    unsafe {
        if fork_at_last() == 0 {
            libc::signal(libc::SIGCHLD, libc::SIG_IGN);
            if fork_at_last() == 0 {
                super::pause(std::time::Duration::from_millis(300));
                libc::_exit(0);
            }
            libc::setsid();
            loop {
                libc::pause();
            }
        }
    }
    super::pause(std::time::Duration::from_millis(100));
    1
}

/// `flood N CODE`: numbered lines, odd ones to standard error, then half a line, and the end.
fn flood(count: usize, code: i32) -> i32 {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    for number in 0..count {
        let line = format!("line {number} of this flood\n");
        let stream: &mut dyn std::io::Write = if number % 2 == 0 { &mut out } else { &mut err };
        let _ = stream.write_all(line.as_bytes());
    }
    let _ = out.write_all(b"and half a li");
    let _ = out.flush();
    code
}

/// `status`: says what it inherited: masks of signals, session, group, open descriptors.
fn status() -> i32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for name in ["SigBlk", "SigIgn"] {
        if let Some(mask) = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t")) {
            say(&format!("{name} {mask}"));
        }
    }
    // SAFETY: no arguments that could be wrong.
    let (pid, session, group) = unsafe { (libc::getpid(), libc::getsid(0), libc::getpgrp()) };
    say(&format!("leads {}", pid == session && pid == group));
    let open = (0..4096).filter(|fd| std::path::Path::new(&format!("/proc/self/fd/{fd}")).exists());
    say(&format!("open {:?}", open.collect::<Vec<_>>()));
    0
}

pub(super) unsafe fn fork_at_last() -> i32 {
    loop {
        // SAFETY: the caller has one thread.
        let pid = unsafe { libc::fork() };
        if pid >= 0 {
            return pid;
        }
        std::thread::yield_now();
    }
}
