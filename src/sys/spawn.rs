//! Making a process, and hearing from it what became of it.
//!
//! A child begins with `clone(CLONE_VM)`: it borrows this memory instead of a copy, as vfork(2) does, but on a stack of
//! its own, so that the supervisor need not wait for it. What comes of it is read from a pipe that exec closes: end of
//! file means that the new program runs (the kernel lets go of the old memory first), a record tells what failed.
//!
//! Where that clone is refused (qemu-user, a seccomp filter), where all stacks are lent, and for a child that changes
//! its identity or its `oom-score-adj` (see `Prepared::may_share_memory`), it is fork(2) instead. Neither waits.

use super::child::{self, Failure, Input, Orders};
use super::prepare::{Context, Prepared};
use super::signal::Mask;
use super::stack::{Pool, Stack};
use super::{Pid, SpawnError, Stage, diagnose, fds, raw, signal};
use crate::model::Stdin;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How children are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// In shared memory where possible.
    Shared,
    /// Always by fork(2).
    Fork,
}

/// Makes children.
#[derive(Debug)]
pub struct Spawner {
    method: Method,
    null: OwnedFd,
    /// What every child has to reset; a look at all of them at each spawn would cost a tenth of it.
    not_default: Mask,
    /// A core dump kills all that share the memory.
    wide_core_dumps: bool,
    /// Children can be made in another cgroup: clone3(2) with CLONE_INTO_CGROUP, from Linux 5.7. To enter one costs
    /// milliseconds, for the kernel waits until no process of the machine is just forking.
    into_cgroup: bool,
    pool: Arc<Mutex<State>>,
}

/// What children that have not reported yet hold on to.
#[derive(Default)]
struct State {
    pool: Pool,
    /// Of reports that were dropped before their child was done with the memory that it borrowed.
    abandoned: Vec<Loan>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} stacks lent", self.pool.lent())
    }
}

/// A child just made. Nobody has waited for it yet.
#[derive(Debug)]
pub struct Child {
    /// Its process id; also that of its session and process group as soon as it has called setsid(2), which is before
    /// its report. Until then only [`super::signal::kill_family`] reaches it surely.
    pub pid: Pid,
    /// What becomes of it.
    pub report: Report,
}

impl Spawner {
    /// A spawner, with a descriptor that reads as empty (/dev/null where there is one). The handlers of the supervisor
    /// are installed before; after later ones [`Spawner::look_at_signals`] is due.
    ///
    /// # Errors
    /// No descriptor is to be had.
    pub fn new(method: Method) -> io::Result<Self> {
        let method = if raw::SHARED { method } else { Method::Fork };
        let mut spawner = Self {
            method,
            null: fds::null_input()?,
            not_default: 0,
            wide_core_dumps: kernel_before(5, 16),
            into_cgroup: true,
            pool: Arc::default(),
        };
        spawner.look_at_signals();
        Ok(spawner)
    }

    /// Notes which signals have another action than the default one, for children to reset.
    pub fn look_at_signals(&mut self) {
        self.not_default = signal::not_default();
    }

    /// How children are made now: a refusal of the kernel changes it for good.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// Whether another child can be made the cheap way at once. Spawning works without, at a higher price; a caller that
    /// has many to start does well to wait for a report first.
    #[must_use]
    pub fn ready(&self) -> bool {
        let mut state = lock(&self.pool);
        state.sweep();
        self.method == Method::Fork || state.pool.ready()
    }

    /// To be called when the many starts of a boot are over: keeps less memory for the next.
    pub fn calm(&mut self) {
        lock(&self.pool).pool.calm();
    }

    /// How many children borrow a stack now.
    #[must_use]
    pub fn lent(&self) -> usize {
        let mut state = lock(&self.pool);
        state.sweep();
        state.pool.lent()
    }

    /// Makes the child and returns without waiting for it. It is the leader of a session and process group of its own.
    ///
    /// The caller keeps `stdout` and `stderr`; the child gets copies.
    ///
    /// # Errors
    /// No pipe or process is to be had ([`SpawnError::temporary`]). What the child meets later is in its report.
    pub fn spawn(
        &mut self,
        prepared: Prepared,
        stdout: BorrowedFd<'_>,
        stderr: BorrowedFd<'_>,
    ) -> Result<Child, SpawnError> {
        let failed = |stage, error: &io::Error| {
            SpawnError::system(stage, error.raw_os_error().unwrap_or_default(), "start a process")
        };
        let (pipe, writer) = fds::pipe_nonblocking().map_err(|e| failed(Stage::Pipe, &e))?;
        let share = self.method == Method::Shared && prepared.may_share_memory();
        let Prepared { mut orders, context, stdin } = prepared;
        orders.report.set(writer.as_raw_fd());
        orders.reset = self.not_default;
        orders.stdout = stdout.as_raw_fd();
        orders.stderr = stderr.as_raw_fd();
        match stdin {
            Some(Stdin::Null) => orders.stdin = Input::Descriptor(self.null.as_raw_fd()),
            Some(Stdin::Inherit) => orders.stdin = Input::Descriptor(0),
            Some(Stdin::Path(_)) | None => {}
        }
        let mut stack = if share { lock(&self.pool).lend() } else { None };
        orders.contain = stack.is_some() && self.wide_core_dumps;
        let mut made = self.make(&mut orders, stack.as_ref());
        if made.is_err()
            && let Some(unused) = stack.take()
        {
            lock(&self.pool).pool.give_back(unused);
            if matches!(made, Err(libc::EINVAL | libc::ENOSYS | libc::EPERM)) {
                self.method = Method::Fork;
                orders.contain = false;
                made = self.make(&mut orders, None);
            }
        }
        let pid = made.map_err(not_made)?;
        let pipe = Arc::new(pipe);
        let loan = Loan { pipe: Arc::clone(&pipe), stack, failure: None, orders };
        Ok(Child {
            pid,
            report: Report { pipe, state: Progress::Waiting(loan), context, pool: Arc::clone(&self.pool) },
        })
    }
}

impl Spawner {
    /// Makes the child in its cgroup, or as one that enters it.
    fn make(&mut self, orders: &mut Orders, stack: Option<&Stack>) -> Result<Pid, i32> {
        if let Some(cgroup) = orders.cgroup.as_ref().filter(|_| self.into_cgroup) {
            orders.enter = false;
            match make(orders, stack, Some(cgroup.as_raw_fd())) {
                // Its limits of processes, say, which who enters may exceed: a stop command has to be started all the same.
                Err(errno) => {
                    self.into_cgroup =
                        !matches!(errno, libc::ENOSYS | libc::EPERM | libc::EINVAL | libc::E2BIG)
                }
                made => return made,
            }
        }
        orders.enter = true;
        make(orders, stack, None)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the running kernel is older; an unreadable version counts as old.
fn kernel_before(major: u32, minor: u32) -> bool {
    let name = nix::sys::utsname::uname().ok();
    let release = name.as_ref().and_then(|n| n.release().to_str()).unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < (major, minor)
}

fn not_made(errno: i32) -> SpawnError {
    let mut error = SpawnError::system(Stage::Fork, errno, "start a process");
    if errno == libc::EAGAIN {
        let cause = "the limit of processes is reached (pids of the container, or nproc of the user)";
        error.what = format!("cannot start a process: {cause}");
    }
    error
}

/// clone(2) or fork(2) with every signal blocked: a signal that arrives before the child has set the default actions
/// must not run a handler of the supervisor in it, nor be lost.
fn make(orders: &Orders, stack: Option<&Stack>, cgroup: Option<RawFd>) -> Result<Pid, i32> {
    let orders: *const Orders = orders;
    let before = signal::block_all();
    let result = match stack {
        // SAFETY: the stack is lent to this child alone and orders are boxed; both are in a `Loan` until the report
        // pipe is at its end. `child::run` keeps to raw system calls. All signals are blocked.
        Some(stack) => unsafe { raw::clone_shared(stack.top(), cgroup, child::run, orders, 0) },
        // SAFETY: the child only runs `child::run`, raw system calls, so it waits for no lock that another thread holds.
        None => match unsafe { cgroup.map_or_else(|| libc::fork(), |cgroup| raw::fork_into(cgroup)) } {
            // SAFETY: the orders are the child's own copy; all signals are blocked.
            0 => unsafe { child::run(orders) },
            -1 => -(super::errno() as isize),
            pid => pid as isize,
        },
    };
    signal::set_mask(before);
    match Pid::try_from(result) {
        Ok(pid) if pid > 0 => Ok(pid),
        _ => Err(i32::try_from(-result).unwrap_or(libc::EAGAIN)),
    }
}

/// Memory that a child may still be using.
#[derive(Debug)]
struct Loan {
    pipe: Arc<OwnedFd>,
    stack: Option<Stack>,
    failure: Option<Failure>,
    /// Never read again; the child reads it.
    #[allow(dead_code)]
    orders: Box<Orders>,
}

impl Loan {
    /// Whether the child is done with the memory: it has executed or ended, and so closed the pipe.
    fn is_over(&mut self) -> bool {
        loop {
            let mut word = [0u8; 8];
            match nix::unistd::read(&*self.pipe, &mut word) {
                Ok(0) => return true,
                Ok(8) => self.failure = Some(Failure::unpack(u64::from_ne_bytes(word))),
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
    }
}

impl State {
    fn lend(&mut self) -> Option<Stack> {
        self.sweep();
        self.pool.lend()
    }

    fn take_back(&mut self, loan: Loan) {
        if let Some(stack) = loan.stack {
            self.pool.give_back(stack);
        }
    }

    fn sweep(&mut self) {
        for loan in self.abandoned.extract_if(.., Loan::is_over).collect::<Vec<_>>() {
            self.take_back(loan);
        }
    }
}

/// The memory of children that are still between clone and exec is never freed under them, even at the very end.
impl Drop for State {
    fn drop(&mut self) {
        self.sweep();
        for loan in self.abandoned.drain(..) {
            std::mem::forget(loan);
        }
    }
}

/// What became of a child, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is still between clone and exec.
    Pending,
    /// It runs the program. (Or it was killed before; waiting for it will tell.)
    Executed,
    /// It did not get there and ends with code 127, which waiting for it will show.
    Failed(SpawnError),
}

/// The way to learn whether a child has executed its program. Readable (poll(2)) when there is news.
///
/// Once the child has been seen dead the outcome is never [`Outcome::Pending`] any more.
#[derive(Debug)]
pub struct Report {
    pipe: Arc<OwnedFd>,
    state: Progress,
    context: Context,
    pool: Arc<Mutex<State>>,
}

#[derive(Debug)]
enum Progress {
    Waiting(Loan),
    Executed,
    Failed(Failure),
}

impl Report {
    /// Reads what there is, without waiting. Ask again when the descriptor is readable.
    pub fn poll(&mut self) -> Outcome {
        if let Progress::Waiting(loan) = &mut self.state {
            if !loan.is_over() {
                return Outcome::Pending;
            }
            let over = loan.failure.map_or(Progress::Executed, Progress::Failed);
            self.settle(over);
        }
        match &self.state {
            Progress::Waiting(_) => Outcome::Pending,
            Progress::Executed => Outcome::Executed,
            Progress::Failed(failure) => Outcome::Failed(diagnose::explain(*failure, &self.context)),
        }
    }

    fn settle(&mut self, over: Progress) {
        if let Progress::Waiting(loan) = std::mem::replace(&mut self.state, over) {
            lock(&self.pool).take_back(loan);
        }
    }
}

/// A report that nobody waits for any more leaves its loan to the spawner.
impl Drop for Report {
    fn drop(&mut self) {
        if let Progress::Waiting(loan) = std::mem::replace(&mut self.state, Progress::Executed) {
            lock(&self.pool).abandoned.push(loan);
        }
    }
}

impl AsFd for Report {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl AsRawFd for Report {
    fn as_raw_fd(&self) -> RawFd {
        self.pipe.as_raw_fd()
    }
}
