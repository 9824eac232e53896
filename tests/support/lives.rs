//! Roles of the helper that make families: orphans, strays, and lives that are short.

use super::helper::{fork_at_last, say, serve};

/// `life NAME EVENTS [OPTION…]`: leaves an orphan that ends as soon as it is adopted (`adopted NAME PID PARENT`), and a
/// process in a session of its own that waits for SIGTERM (`apart NAME`, then `swept NAME`); and serves. Needs neither a
/// shell nor the environment.
pub fn life(name: &str, events: &str, options: &[&str]) -> i32 {
    // SAFETY: one thread; the children only read, make sessions, wait for a signal, speak and exit.
    unsafe {
        std::env::set_var("EVENTS", events);
        let mut ends = [0; 2];
        libc::pipe(ends.as_mut_ptr());
        let child = fork_at_last();
        if child == 0 {
            let parent = libc::getpid();
            if fork_at_last() == 0 {
                // The end of the parent, which closes the pipe a moment before its children are given away.
                libc::close(ends[1]);
                libc::read(ends[0], (&raw mut ends[1]).cast(), 1);
                while libc::getppid() == parent {
                    std::thread::yield_now();
                }
                say(&format!("adopted {name} {} {}", libc::getpid(), libc::getppid()));
            }
            libc::_exit(0);
        }
        libc::close(ends[1]);
        libc::waitpid(child, std::ptr::null_mut(), 0);
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        if fork_at_last() == 0 {
            libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            libc::setsid();
            say(&format!("apart {name}"));
            libc::sigwait(&raw const set, &mut 0);
            say(&format!("swept {name}"));
            libc::_exit(0);
        }
    }
    serve(name, options)
}

/// `broods N K`: N processes one after another that each leave behind K, which die within two milliseconds; then `made
/// broods`, and serves.
pub fn broods(count: usize, each: u64) -> i32 {
    for _ in 0..count {
        // SAFETY: one thread; the children only fork, wait a moment and exit.
        unsafe {
            let child = fork_at_last();
            if child == 0 {
                for number in 0..each {
                    if fork_at_last() == 0 {
                        super::pause(std::time::Duration::from_millis(number % 3));
                        libc::_exit(0);
                    }
                }
                libc::_exit(0);
            }
            libc::waitpid(child, std::ptr::null_mut(), 0);
        }
    }
    say("made broods");
    if std::env::var_os("ONCE").is_some() {
        return 0;
    }
    serve("maker", &[])
}

/// `budget N`: N orphans, one each millisecond; then `refused K`, how many forks failed, and serves.
pub fn budget(count: usize) -> i32 {
    let mut refused = 0;
    for _ in 0..count {
        // SAFETY: one thread; the children only fork and exit.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::_exit(i32::from(libc::fork() < 0));
            }
            let mut status = 1;
            if child > 0 {
                libc::waitpid(child, &raw mut status, 0);
            }
            refused += usize::from(status != 0);
        }
        super::pause(std::time::Duration::from_millis(1));
    }
    say(&format!("refused {refused}"));
    serve("budget", &[])
}

/// `flap`: says `flapped CODE` and ends with that code, which is another one nearly each time.
pub fn flap() -> i32 {
    let code = std::process::id() as i32 % 251 + 1;
    say(&format!("flapped {code}"));
    code
}

/// `look`: says how many processes there are, zombies included.
pub fn look() -> i32 {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids =
        entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.parse::<i32>().is_ok()));
    say(&format!("there are {}", pids.count()));
    0
}
