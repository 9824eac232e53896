//! What foster finds when it begins: words that the helper carries out, in their order, before it becomes foster. No shell
//! is needed, so they also work where there is none.

use super::helper;
use std::ffi::CString;
use std::fs;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};

/// Argument 0 and the rest of what is to be executed.
pub struct Program<'a> {
    pub path: &'a str,
    pub argv: Vec<&'a str>,
}

/// Carries out one word, such as `no-new-privs` or `limit=nofile:16`. Panics, and with that ends the helper, where it
/// cannot.
pub fn bring_about(word: &str, program: &mut Program<'_>) {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    match name {
        "no-new-privs" => done(prctl(libc::PR_SET_NO_NEW_PRIVS, 1), word),
        // As a runtime does it, which becomes another user afterwards.
        "no-bounding-set" => (0..64).for_each(|number| {
            // The last ones do not exist.
            let _ = prctl(libc::PR_CAPBSET_DROP, number);
        }),
        "no-capabilities" => drop_capabilities(),
        "user" => become_user(value.parse().unwrap()),
        "read-only" => make_read_only(),
        "tmpfs" => mount("tmpfs", Path::new(value), "tmpfs", 0, "mode=755"),
        "image" => enter_image(value),
        "proc" => mount("proc", Path::new("/proc"), "proc", 0, value),
        "proc-outside" => {
            // SAFETY: a C string. What lies below is that of the namespace above.
            done(unsafe { libc::umount2(c"/proc".as_ptr(), libc::MNT_DETACH) }, word);
            assert!(!self_is_right(), "this /proc is the right one");
        }
        "close" => value.bytes().for_each(|digit| {
            // SAFETY: a number; nothing of the helper needs the descriptor any more.
            unsafe { libc::close(RawFd::from(digit - b'0')) };
        }),
        "descriptors" => inherit_descriptors(value.parse().unwrap()),
        "refuse" => refuse(value),
        "limit" => limit(value),
        "ignore" => value.split(',').for_each(|number| ignore(number.parse().unwrap())),
        "block-all" => block_all(),
        // SAFETY: a number.
        "umask" => drop(unsafe { libc::umask(u32::from_str_radix(value, 8).unwrap()) }),
        "directory-gone" => {
            fs::create_dir(value).unwrap();
            std::env::set_current_dir(value).unwrap();
            fs::remove_dir(value).unwrap();
        }
        "directory-closed" => {
            fs::create_dir(value).unwrap();
            std::env::set_current_dir(value).unwrap();
            let nobody = std::os::unix::fs::PermissionsExt::from_mode(0o000);
            fs::set_permissions(value, nobody).unwrap();
        }
        // SAFETY: one thread.
        "unset" => unsafe { std::env::remove_var(value) },
        "empty-environment" => {
            for (name, _) in std::env::vars_os() {
                // SAFETY: one thread.
                unsafe { std::env::remove_var(name) };
            }
        }
        "huge-environment" => {
            for number in 0..12 {
                // SAFETY: one thread.
                unsafe { std::env::set_var(format!("HUGE_{number}"), "x".repeat(100_000)) };
            }
        }
        "no-name" => program.argv[0] = "",
        "no-arguments" => program.argv.clear(),
        _ => panic!("unknown: {word}"),
    }
}

fn done(result: i32, what: &str) {
    assert!(result == 0, "{what}: {}", std::io::Error::last_os_error());
}

fn prctl(option: i32, value: u64) -> i32 {
    // SAFETY: numbers.
    unsafe { libc::prctl(option, value, 0, 0, 0) }
}

/// All sets but the bounding one.
fn drop_capabilities() {
    let _ = prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as u64);
    // Version 3 and this process; then three sets of 64 bits in two halves.
    let (header, none) = ([0x2008_0522_u32, 0], [0_u32; 6]);
    // SAFETY: both have the kernel's layout.
    let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    done(result as i32, "drop capabilities");
}

/// A user without a name, in the group 0, as OpenShift does it.
fn become_user(uid: u32) {
    // SAFETY: numbers, and no groups.
    unsafe {
        done(libc::setgroups(0, null()), "setgroups");
        done(libc::setresgid(0, 0, 0), "setresgid");
        done(libc::setresuid(uid, uid, uid), "setresuid");
    }
}

fn path_of(path: &Path) -> CString {
    CString::new(path.to_str().unwrap()).unwrap()
}

fn mount(source: &str, target: &Path, kind: &str, flags: u64, data: &str) {
    let [source, kind, data] = [source, kind, data].map(|text| CString::new(text).unwrap());
    let target_text = path_of(target);
    // SAFETY: C strings that outlive the call.
    let result = unsafe {
        libc::mount(source.as_ptr(), target_text.as_ptr(), kind.as_ptr(), flags, data.as_ptr().cast())
    };
    done(result, &format!("mount {}", target.display()));
}

fn bind(what: &Path, below: &Path) {
    let target = below.join(what.strip_prefix("/").unwrap());
    if what.is_dir() {
        fs::create_dir_all(&target).unwrap();
    } else {
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(&target, "").unwrap();
    }
    mount(what.to_str().unwrap(), &target, "", libc::MS_BIND, "");
}

/// Every file system, `/` and /tmp among them.
fn make_read_only() {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    for line in table.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        // What a user namespace got from above keeps its flags.
        let flags = fields[5].split(',').fold(libc::MS_RDONLY, |flags, option| {
            flags
                | match option {
                    "nosuid" => libc::MS_NOSUID,
                    "nodev" => libc::MS_NODEV,
                    "noexec" => libc::MS_NOEXEC,
                    "noatime" => libc::MS_NOATIME,
                    "relatime" => libc::MS_RELATIME,
                    _ => 0,
                }
        });
        let target = path_of(Path::new(fields[4]));
        // SAFETY: C strings. A mount that lies under another one cannot be reached, and need not be.
        unsafe {
            libc::mount(null(), target.as_ptr(), null(), flags | libc::MS_REMOUNT | libc::MS_BIND, null())
        };
    }
    for directory in ["/", "/run", "/tmp", "/dev", "/dev/shm", &std::env::var("DIRECTORY").unwrap()] {
        let path = Path::new(directory).join("foster-writes");
        assert!(fs::write(path, "").is_err(), "{directory} can be written");
    }
}

/// A root directory with foster, this program and the libraries that they need: no shell, no /etc, no /proc, no /dev.
/// `read-only`, or nothing. The directory of the test is there, too.
fn enter_image(options: &str) {
    let directory = PathBuf::from(std::env::var("DIRECTORY").unwrap());
    let root = directory.join("image");
    fs::create_dir(&root).unwrap();
    mount("tmpfs", &root, "tmpfs", 0, "mode=755");
    fs::create_dir(root.join("proc")).unwrap();
    for what in [&directory, &PathBuf::from(helper::program()), &super::foster_bin()] {
        bind(what, &root);
    }
    for libraries in ["/usr/lib", "/usr/lib64", "/lib", "/lib64"].map(Path::new) {
        if let Ok(link) = fs::read_link(libraries) {
            std::os::unix::fs::symlink(link, root.join(libraries.strip_prefix("/").unwrap())).unwrap();
        } else if libraries.is_dir() {
            bind(libraries, &root);
        }
    }
    if options == "read-only" {
        for place in [root.clone(), root.join(directory.strip_prefix("/").unwrap())] {
            mount("", &place, "", libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY, "");
        }
    }
    std::env::set_current_dir(&root).unwrap();
    // SAFETY: a C string.
    done(unsafe { libc::chroot(c".".as_ptr()) }, "chroot");
    assert!(!Path::new("/bin/sh").exists() && !Path::new("/dev/null").exists());
}

fn self_is_right() -> bool {
    fs::read_link("/proc/self").is_ok_and(|pid| pid.to_str() == Some(&std::process::id().to_string()))
}

fn inherit_descriptors(count: usize) {
    for _ in 0..count {
        // SAFETY: duplicates standard output. The copy is not closed by exec.
        assert!(unsafe { libc::dup(1) } >= 0, "too many descriptors");
    }
}

fn ignore(number: i32) {
    // libc refuses to touch its own signals.
    // SAFETY: the kernel's structure of an action that runs no code.
    let action = [libc::SIG_IGN as u64, 0, 0, 0];
    let result =
        unsafe { libc::syscall(libc::SYS_rt_sigaction, number, action.as_ptr(), null_mut::<u64>(), 8) };
    done(result as i32, "ignore a signal");
}

fn block_all() {
    let all = u64::MAX;
    // SAFETY: the set is as large as said.
    let result = unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const all, null_mut::<u64>(), 8)
    };
    done(result as i32, "block");
}

/// `RESOURCE:VALUE`, soft and hard.
fn limit(text: &str) {
    let (name, value) = text.split_once(':').unwrap();
    let resource = match name {
        "as" => libc::RLIMIT_AS,
        "core" => libc::RLIMIT_CORE,
        "nofile" => libc::RLIMIT_NOFILE,
        "nproc" => libc::RLIMIT_NPROC,
        "sigpending" => libc::RLIMIT_SIGPENDING,
        "stack" => libc::RLIMIT_STACK,
        "fsize" => libc::RLIMIT_FSIZE,
        _ => panic!("unknown: {name}"),
    };
    let value = value.parse().unwrap();
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: a structure that lives through the call.
    done(unsafe { libc::setrlimit(resource, &raw const limit) }, text);
}

/// `ERROR:CALL,CALL…`: a seccomp filter that answers these calls with that error, as an old kernel does, or a runtime
/// whose list does not know them.
fn refuse(text: &str) {
    let (error, calls) = text.split_once(':').unwrap();
    let error = match error {
        "ENOSYS" => libc::ENOSYS,
        "EPERM" => libc::EPERM,
        "EAGAIN" => libc::EAGAIN,
        "ENOMEM" => libc::ENOMEM,
        _ => panic!("unknown: {error}"),
    };
    let calls: Vec<u32> = calls.split(',').map(number_of).collect();
    let count = calls.len();
    let mut filter = vec![libc::sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 }];
    for (index, k) in calls.into_iter().enumerate() {
        // To the refusal, which comes last.
        let jt = u8::try_from(count - index).unwrap();
        filter.push(libc::sock_filter { code: 0x15, jt, jf: 0, k });
    }
    for k in [libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_ERRNO | error as u32] {
        filter.push(libc::sock_filter { code: 0x06, jt: 0, jf: 0, k });
    }
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program is made of locals that outlive the call, which copies it.
    let install =
        || unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    if install() != 0 {
        done(prctl(libc::PR_SET_NO_NEW_PRIVS, 1), "no_new_privs");
        done(install(), "install a seccomp filter");
    }
}

fn number_of(call: &str) -> u32 {
    let number = match call {
        "close_range" => libc::SYS_close_range,
        "clone" => libc::SYS_clone,
        "clone3" => libc::SYS_clone3,
        "epoll_create1" => libc::SYS_epoll_create1,
        "eventfd2" => libc::SYS_eventfd2,
        "faccessat2" => libc::SYS_faccessat2,
        "getrandom" => libc::SYS_getrandom,
        "inotify_init1" => libc::SYS_inotify_init1,
        "madvise" => libc::SYS_madvise,
        "openat2" => libc::SYS_openat2,
        "pidfd_open" => libc::SYS_pidfd_open,
        "pidfd_send_signal" => libc::SYS_pidfd_send_signal,
        "prlimit64" => libc::SYS_prlimit64,
        "pwritev2" => libc::SYS_pwritev2,
        "rseq" => libc::SYS_rseq,
        "signalfd4" => libc::SYS_signalfd4,
        "socket" => libc::SYS_socket,
        "socketpair" => libc::SYS_socketpair,
        "statx" => libc::SYS_statx,
        "timerfd_create" => libc::SYS_timerfd_create,
        _ => panic!("unknown: {call}"),
    };
    number as u32
}
