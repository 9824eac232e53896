//! Foster runs anywhere: in every plight of the table, in every mode, the same life. It starts, reaps an orphan, ends with
//! the right code when it is asked to, leaves nothing behind, and says what cannot be had in one line and no more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{
    Container, Memory, Output, PATIENCE, PROMPT, Pids, Setup, eventually, is_root, needs_namespace, serve,
    sh, skip,
};

/// That of a foster that has to wait for what it cannot see.
const BUDGET: &str = "1s";
/// That of one that has not, which is more than it takes.
const ENOUGH: &str = "9s";

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    /// `foster run` with a services directory.
    Services,
    /// `foster run -- CMD` with none.
    Command,
    /// `foster init -- CMD`.
    Init,
    /// The same, and it waits for all that the command leaves behind.
    Wait,
}

fn modes() -> impl Iterator<Item = Mode> {
    [Mode::Services, Mode::Command, Mode::Init, Mode::Wait].into_iter()
}

impl Mode {
    fn is_run(self) -> bool {
        matches!(self, Self::Services | Self::Command)
    }
}

#[derive(Clone, Default)]
struct Plight {
    name: &'static str,
    /// Words of `support/plight.rs`; `@MODE@` is a user of the mode's own, whose processes are counted together.
    words: Vec<&'static str>,
    /// Another PID 1, as a shell script.
    above: Option<&'static str>,
    output: Output,
    /// Needs root of this machine, not only of a user namespace.
    root: bool,
    /// What cannot be had: a part of the one line that says so.
    lack: Option<&'static str>,
    /// Foster cannot see what left its session.
    blind: bool,
    /// Nobody sees what it says.
    mute: bool,
}

impl Plight {
    fn lacks(mut self, lack: &'static str) -> Self {
        self.lack = Some(lack);
        self
    }

    fn below(mut self, script: &'static str) -> Self {
        self.above = Some(script);
        self
    }

    fn output(mut self, output: Output) -> Self {
        self.mute = true;
        self.output = output;
        self
    }

    fn mute(mut self) -> Self {
        self.mute = true;
        self
    }

    fn blind(mut self) -> Self {
        self.blind = true;
        self
    }
}

fn with(name: &'static str, words: &[&'static str]) -> Plight {
    let root = words.iter().any(|word| word.starts_with("user="));
    Plight { name, words: words.to_vec(), root, ..Plight::default() }
}

/// An init above, with a process beside that has to survive: nothing that foster does may reach it.
const BESIDE: &str = "sleep 1000 & beside=$!; \"$@\" & wait $!; code=$?; kill $beside || code=99; exit $code";

/// What Linux 4.9 does not know, or the seccomp profile of an old runtime.
const OLD_KERNEL: &str = "refuse=ENOSYS:pidfd_open,pidfd_send_signal,clone3,close_range,pwritev2,statx,openat2,faccessat2,rseq,inotify_init1";
const OLD_PROFILE: &str = "refuse=EPERM:pidfd_open,pidfd_send_signal,clone3,close_range,pwritev2,statx,openat2,faccessat2,rseq,inotify_init1";

fn table() -> Vec<Plight> {
    let nowhere = "no control socket: ";
    vec![
        with("PID 1 of a container", &[]),
        with("below a shell", &[]).below("\"$@\" & wait $!; exit $?"),
        with("below tini", &[]).below("exec tini -- \"$@\""),
        with("below dumb-init", &[]).below("exec dumb-init -- \"$@\""),
        with("below catatonit", &[]).below("exec catatonit -- \"$@\""),
        with("beside others in one pid namespace", &[]).below(BESIDE),
        // The user.
        with("a user without a name", &["user=54321"]).lacks(nowhere),
        with("a user without a name, no user database", &["tmpfs=/etc", "user=54321"]).lacks(nowhere),
        with("no new privileges", &["no-new-privs"]),
        with("no capabilities", &["no-bounding-set", "no-capabilities"]),
        with(
            "a user without a name, no capabilities, no new privileges",
            &["no-bounding-set", "user=54321", "no-new-privs"],
        )
        .lacks(nowhere),
        // The files.
        with("a read-only root, /run can be written", &["read-only", "tmpfs=/run", "unset=FOSTER_SOCKET"]),
        with("no path can be written", &["read-only", "unset=FOSTER_SOCKET"]).lacks(nowhere),
        with("OpenShift, read-only", &["read-only", "user=54321", "unset=FOSTER_SOCKET"]).lacks(nowhere),
        with("no /proc", &["tmpfs=/proc"]),
        with("no /proc, beside others", &["tmpfs=/proc"]).below(BESIDE).lacks("/proc").blind(),
        with("/proc that hides others", &["proc=hidepid=2", "user=54321"]).lacks(nowhere),
        with("/proc of the namespace above", &["proc-outside"]),
        with("/proc of the namespace above, beside others", &["proc-outside"])
            .below(BESIDE)
            .lacks("/proc")
            .blind(),
        with("no /dev", &["tmpfs=/dev"]),
        with("an image with nothing else", &["image"]),
        with("an image with nothing else, read-only", &["image=read-only", "unset=FOSTER_SOCKET"])
            .lacks(nowhere),
        with("an image with nothing but /proc", &["image", "proc="]),
        // Standard descriptors.
        with("no standard input", &["close=0"]),
        with("no standard output", &["close=1"]),
        with("no standard error", &["close=2"]).mute(),
        with("no standard descriptors", &["close=012"]).mute(),
        with("no standard descriptors and no /dev", &["tmpfs=/dev", "close=012"]).mute(),
        with("a full disk behind the output", &[]).output(Output::To("/dev/full".into())),
        with("nobody reads the output any more", &[]).output(Output::Broken),
        with("a reader that stalls", &[]).output(Output::Stalled),
        // Limits.
        with("few descriptors", &["limit=nofile:32"]),
        with("a small stack", &["limit=stack:131072"]),
        with("little address space", &["limit=as:67108864"]),
        with("no core dumps, no files", &["limit=core:0", "limit=fsize:0"]),
        with("no pending signals", &["limit=sigpending:0"]),
        with("few processes", &["limit=nproc:8", "user=@MODE@"]).lacks(nowhere),
        // The kernel.
        with("an old kernel", &[OLD_KERNEL]),
        with("an old kernel, beside others", &[OLD_KERNEL]).below(BESIDE),
        with("an old seccomp profile", &[OLD_PROFILE]),
        with("an old seccomp profile, beside others", &[OLD_PROFILE]).below(BESIDE),
        // What was inherited.
        with("all signals blocked", &["block-all"]),
        with("signals ignored", &["ignore=1,2,3,10,12,13,15,17,20,21,22,32,33"]),
        with("all blocked and ignored", &["block-all", "ignore=15,17,33"]),
        with("a umask that allows nothing", &["umask=777"]),
        with("a working directory that is gone", &["directory-gone=@HERE@/gone"]),
        with("a working directory that is closed", &["directory-closed=@HERE@/closed", "user=54321"])
            .lacks(nowhere),
        with("no environment", &["read-only", "tmpfs=/run", "empty-environment"]),
        with("a huge environment", &["huge-environment"]),
        with("no name", &["no-name"]),
        with("descriptors up to the limit", &["limit=nofile:64", "descriptors=40"]),
    ]
}

/// A foster to be started in this mode with this budget for its end, the name of what it runs, and the code of its end.
fn setup(mode: Mode, budget: &str) -> (Setup, &'static str, i32) {
    let life = |name: &str| {
        [&support::program(), "@helper", "life", name, "@HERE@/events", "code=7"].map(str::to_owned)
    };
    match mode {
        Mode::Services => {
            let services = ["run", "--services", "@HERE@/services"];
            let toml = format!("command = {:?}\n", life("web"));
            (Setup::new().service("web", toml).arguments(&services), "web", 0)
        }
        _ => {
            let (before, name): (&[&str], _) = match mode {
                Mode::Init => (&["init", "--"], "init"),
                Mode::Wait => (&["init", "--wait", budget, "--"], "wait"),
                _ => (&["run", "--"], "main"),
            };
            let argv = life(name);
            let words: Vec<&str> = before.iter().copied().chain(argv.iter().map(String::as_str)).collect();
            (Setup::new().arguments(&words), name, 7)
        }
    }
}

/// One life. Panics when something is wrong with it.
fn live(plight: &Plight, mode: Mode) {
    let budget = if plight.blind { BUDGET } else { ENOUGH };
    let (setup, name, code) = setup(mode, budget);
    let user = (54322 + mode as u32).to_string();
    let words: Vec<String> = plight.words.iter().map(|word| word.replace("@MODE@", &user)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut setup = setup.env("FOSTER_SHUTDOWN_TIMEOUT", budget).output(plight.output.clone()).under(&words);
    if let Some(script) = plight.above {
        setup = setup.below(script);
    }
    let mut c = setup.start();
    let adopted = c.wait_event(&format!("adopted {name}"));
    c.wait_event(&format!("apart {name}"));
    c.wait_event(&format!("up {name}"));
    let foster = c.processes().into_iter().find(|one| one.exe == support::foster_bin());
    let foster = foster.map_or(1, |foster| foster.inside);
    let parent = adopted.text.rsplit(' ').next();
    c.check(parent == Some(foster.to_string().as_str()), "somebody else adopted the orphan");
    let reaped = || c.processes().iter().all(|one| one.state != 'Z' || one.parent != c.init());
    c.check(eventually(PATIENCE, || reaped() && c.zombies().is_empty()), "the orphan is a zombie");
    c.terminate();
    let exit = c.expect_exit(code);
    let sweeps = mode != Mode::Init;
    c.check(exit.after <= PROMPT, &format!("took {:?} to stop", exit.after));
    if sweeps && !plight.blind {
        c.position(&format!("swept {name}"));
    }
    c.position(&format!("term {name}"));
    if !plight.mute {
        // An init has no socket, and ends before those that it does not wait for.
        let lack = match mode {
            Mode::Services | Mode::Command => plight.lack,
            Mode::Init => None,
            Mode::Wait => plight.lack.filter(|_| plight.blind),
        };
        look_at_lines(&c, lack);
    }
}

fn look_at_lines(c: &Container, lack: Option<&str>) {
    let own: Vec<String> = c.lines().into_iter().map(|line| line.text).collect();
    let own: Vec<_> = own.into_iter().filter(|line| line.starts_with("foster")).collect();
    let wanted = usize::from(lack.is_some());
    let said = lack.is_none_or(|lack| own.iter().any(|line| line.contains(lack)));
    c.check(own.len() == wanted && said, &format!("{wanted} line is due, with {lack:?}"));
}

#[test]
fn the_same_life_is_led_in_every_plight() {
    needs_namespace!();
    let only = std::env::var("PLIGHT").unwrap_or_default();
    let (ours, not): (Vec<_>, Vec<_>) = table()
        .into_iter()
        .filter(|plight| plight.name.contains(&only))
        .partition(|plight| missing(plight).is_none());
    for plight in &not {
        support::record_skip(&format!("{}: {}", plight.name, missing(plight).unwrap_or_default()));
    }
    let cells: Vec<_> = ours.iter().flat_map(|plight| modes().map(move |mode| (plight, mode))).collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((plight, mode)) = cells.get(next.fetch_add(1, Ordering::Relaxed))
                    // Each takes its time.
                    && wrong.lock().unwrap().len() < 8
                {
                    if let Err(why) = std::panic::catch_unwind(|| live(plight, *mode)) {
                        let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
                        wrong.lock().unwrap().push(format!("{}, {mode:?}: {why}", plight.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), cells.len(), wrong.join("\n"));
}

/// Why this machine cannot bring it about, if so.
fn missing(plight: &Plight) -> Option<String> {
    if plight.root && !is_root() {
        return Some("only root can become another user".into());
    }
    let script = plight.above.and_then(|script| script.strip_prefix("exec "))?;
    let name = script.split(' ').next()?;
    support::find_program(name).is_none().then(|| format!("{name} is not installed"))
}

#[test]
fn what_foster_cannot_do_without_is_one_line_and_code_1() {
    needs_namespace!();
    let cases = [
        ("limit=nofile:16", ": Too many open files"),
        ("refuse=ENOSYS:epoll_create1", "cannot start the event loop: Function not implemented"),
        ("refuse=EPERM:eventfd2", "cannot start the event loop: Operation not permitted"),
        ("refuse=EPERM:timerfd_create", "cannot keep time: Operation not permitted"),
        ("refuse=ENOSYS:signalfd4", "cannot hear of deaths: Function not implemented"),
        ("refuse=EPERM:socketpair", "cannot take signals: Operation not permitted"),
    ];
    for (word, wanted) in cases {
        for mode in modes().filter(|mode| mode.is_run()) {
            let (setup, ..) = setup(mode, ENOUGH);
            let mut c = setup.under(&[word]).start();
            c.expect_exit(1);
            let lines = c.lines();
            c.check(
                lines.len() == 1 && lines[0].text.ends_with(wanted),
                &format!("{word}, {mode:?}: {wanted}"),
            );
        }
    }
}

#[test]
fn a_service_that_no_process_is_to_be_had_for_ends_the_container_and_says_why() {
    needs_namespace!();
    for mode in modes() {
        let (setup, name, _) = setup(mode, ENOUGH);
        let mut c = setup.under(&["refuse=EPERM:clone"]).start();
        c.expect_exit(1);
        let (who, then) = if mode.is_run() { (name, "; it has failed") } else { ("foster init", "") };
        c.wait_line(&[who, &format!(": cannot start a process: Operation not permitted{then}")]);
    }
}

#[test]
fn without_any_argument_usage_is_shown() {
    needs_namespace!();
    let mut c = Setup::new().under(&["no-arguments"]).start();
    c.expect_exit(64);
    c.check(c.printed(&["Usage"]), "no usage");
}

#[test]
fn a_process_table_that_is_full_at_the_first_start_is_waited_for() {
    needs_namespace!();
    for mode in modes() {
        let pids = match Pids::create() {
            Ok(pids) => pids,
            Err(why) => skip!("{why}"),
        };
        let (setup, name, code) = setup(mode, ENOUGH);
        let mut c = setup.pids(pids).held().start();
        c.pids().allow(Some(0));
        c.release();
        if mode.is_run() {
            let limit = ": cannot start a process: the limit of processes is reached";
            c.wait_line(&[name, limit, "; restarting it in "]);
        } else {
            c.wait_line(&["foster init: cannot start a process: ", "; trying again for 4 s"]);
        }
        c.pids().allow(None);
        for what in ["up", "adopted", "apart"] {
            c.wait_event(&format!("{what} {name}"));
        }
        c.terminate();
        c.expect_exit(code);
    }
}

#[test]
fn a_service_that_exceeds_a_limit_of_memory_is_all_that_ends() {
    needs_namespace!();
    let memory = match Memory::create(96 << 20) {
        Ok(memory) => memory,
        Err(why) => skip!("{why}"),
    };
    let hog = "command = [\"tail\", \"/dev/zero\"]\nessential = false\nrequires = [\"web\"]\n[restart]\nlimit = 2\ndelay = \"10ms\"\n";
    let mut c = Setup::new()
        .service("web", serve("web", &[]))
        .service("hog", hog)
        .prelude(&format!("echo 0 >{}/cgroup.procs", memory.path.display()))
        .start();
    c.wait_line(&["hog: was killed by the OOM killer", "the container goes on without it"]);
    let lives = c.events().iter().filter(|event| event.starts_with("up web")).count();
    c.check(lives == 1, "web was disturbed");
    c.stop_within(PROMPT);
    drop(c);
}

#[test]
fn an_old_kernel_costs_no_feature_but_a_thread_that_is_refused() {
    needs_namespace!();
    let ready =
        "[ready]\nfile = \"@HERE@/ready\"\n[log]\nto = \"file\"\n[log.file]\npath = \"@HERE@/web.log\"\n";
    for (word, refused) in [(OLD_KERNEL, false), (OLD_PROFILE, true)] {
        let mut c = Setup::new()
            .service(
                "web",
                sh("echo hello; touch $DIRECTORY/ready; exec \"$HELPER\" @helper serve web") + ready,
            )
            .service("next", serve("next", &[]) + "requires = [\"web\"]\n")
            .env("FOSTER_LOG_LEVEL", "info")
            .under(&[word])
            .start();
        c.wait_event("up web");
        c.wait_event("up next");
        c.signal(libc::SIGHUP);
        c.wait_line(&["applied: nothing has changed"]);
        c.stop_within(PROMPT);
        let written = std::fs::read_to_string(c.path("web.log")).is_ok_and(|text| text.contains("hello"));
        // That is up to the C library: glibc makes threads by clone3(2) only, unless that does not exist.
        let told = c.printed(&[
            "web.log: no thread is to be had: Operation not permitted; its lines go to the console",
        ]);
        c.check(written != told && (refused || written), &format!("written: {written}, told: {told}"));
        c.check(written || c.printed(&["| hello"]), "its output is lost");
    }
}
