//! Logs: numbered lines through a supervisor or a logger to a rotating file, and whether they are all there.

use crate::Bench;
use crate::report::Table;
use crate::setup::{first_line, locate};
use crate::stats::{Series, digits};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes of a line, its newline included.
const LINE: usize = 100;
/// When a file is put away; all of them are kept.
const MOST: u64 = 64 << 20;
const LIMIT: Duration = Duration::from_secs(300);

/// Who takes the lines.
#[derive(Clone, Copy)]
enum How {
    /// A loop that reads a pipe and writes a file.
    Loop,
    /// The keys of `[log.file]`.
    Foster(&'static str),
    /// Directives before that of the directory.
    S6(&'static [&'static str]),
    /// Options.
    Svlogd(&'static [&'static str]),
    Supervisord,
}

struct Taker {
    name: &'static str,
    how: How,
    program: PathBuf,
    /// By how the lines are written: MB/s, and CPU seconds for each GB.
    speed: [Series; 2],
    cpu: [Series; 2],
    wrong: u64,
}

/// The lines come in writes of 8 KiB, or each in one.
const WRITES: [usize; 2] = [8192, LINE];

pub fn measure(bench: &mut Bench) {
    let foster = bench.options.foster.to_string_lossy().into_owned();
    let all: [(&'static str, How, String, &str); 10] = [
        ("bare loop", How::Loop, bench.options.helper("take"), ""),
        ("foster, raw", How::Foster("format = \"raw\""), foster.clone(), ""),
        ("foster, prefix", How::Foster("format = \"prefix\""), foster.clone(), ""),
        (
            "foster, prefix and time",
            How::Foster("format = \"prefix\"\ntimestamps = true"),
            foster.clone(),
            "",
        ),
        ("foster, json", How::Foster("format = \"json\""), foster, ""),
        ("s6-log", How::S6(&[]), "s6-log".into(), "s6"),
        ("s6-log, TAI64N (`t`)", How::S6(&["t"]), "s6-log".into(), "s6"),
        ("s6-log, time (`T`)", How::S6(&["T"]), "s6-log".into(), "s6"),
        ("svlogd", How::Svlogd(&[]), "svlogd".into(), "runit"),
        ("supervisord", How::Supervisord, "supervisord".into(), "supervisor"),
    ];
    let mut takers = Vec::new();
    for (name, how, program, package) in all {
        let Some(program) = locate(&program) else {
            eprintln!("skipped: {name}: {program} is not there");
            continue;
        };
        if let Some(version) =
            first_line(Command::new("dpkg-query").args(["-W", "-f", "${Package} ${Version}", package]))
        {
            eprintln!("{name}: {version}");
        }
        let (speed, cpu) = (<[Series; 2]>::default(), <[Series; 2]>::default());
        takers.push(Taker { name, how, program, speed, cpu, wrong: 0 });
    }
    let bytes: usize = if bench.options.quick { 200_000_000 } else { 1_000_000_000 };
    for round in 0..bench.options.rounds(3, 5) {
        let count = takers.len();
        for at in 0..count {
            // A B C, then C B A.
            let Some(taker) = takers.get_mut(if round % 2 == 0 { at } else { count - 1 - at }) else {
                continue;
            };
            for (index, size) in WRITES.into_iter().enumerate() {
                let result = run(bench, taker, bytes / LINE, size);
                if let Err(why) = &result {
                    eprintln!("{}: {why}", taker.name);
                }
                let gigabytes = bytes as f64 / 1e9;
                taker.wrong += result.as_ref().map_or(0, |one| one.wrong);
                taker.speed[index].push(result.clone().map(|one| gigabytes * 1e3 / one.seconds));
                taker.cpu[index].push(result.map(|one| one.cpu / gigabytes));
            }
        }
    }
    let mut table = Table::new(
        &format!("Logs: {} MB of lines of 100 bytes to files of 64 MiB on a tmpfs", bytes / 1_000_000),
        &[
            "",
            "8 KiB a write: MB/s",
            "÷ bare loop",
            "CPU s/GB",
            "a line a write: MB/s",
            "÷ bare loop",
            "CPU s/GB",
            "lines lost, cut or doubled",
        ],
    );
    for taker in &takers {
        let mut cells = Vec::new();
        for index in 0..WRITES.len() {
            cells.push(taker.speed[index].show());
            cells.push(crate::stats::quotient(taker.speed[index].median(), takers[0].speed[index].median()));
            cells.push(taker.cpu[index].median().map_or("–".into(), digits));
        }
        cells.push(taker.wrong.to_string());
        table.row(taker.name, cells);
    }
    bench.report.add(table);
}

#[derive(Clone)]
struct Ran {
    seconds: f64,
    /// CPU seconds of all but who writes the lines.
    cpu: f64,
    /// Lines that are not where they belong.
    wrong: u64,
}

fn run(bench: &Bench, taker: &Taker, count: usize, size: usize) -> Result<Ran, String> {
    let base = if Path::new("/dev/shm").is_dir() { "/dev/shm".into() } else { std::env::temp_dir() };
    let directory = tempfile::Builder::new().prefix("foster-bench-").tempdir_in(base).map_err(text)?;
    let logs = directory.path().join("logs");
    fs::create_dir(&logs).map_err(text)?;
    let report = directory.path().join("report");
    let lines = [bench.options.helper("lines"), count.to_string(), size.to_string(), path(&report)];
    let begin = Instant::now();
    let (seconds, cpu) = match taker.how {
        How::Loop | How::S6(_) | How::Svlogd(_) => {
            let mut child = logger(taker, &logs).map_err(text)?;
            let begin = Instant::now();
            let mut writer = Command::new(&lines[0])
                .args(&lines[1..])
                .stdout(child.stdin.take().unwrap())
                .spawn()
                .map_err(text)?;
            let cpu = reap(&child)?;
            let seconds = begin.elapsed().as_secs_f64();
            writer.wait().map_err(text)?;
            (seconds, cpu)
        }
        How::Foster(format) => {
            let child = foster(taker, directory.path(), &logs, &lines, format).map_err(text)?;
            let cpu = reap(&child)? - written_in(&report)?;
            (begin.elapsed().as_secs_f64(), cpu)
        }
        How::Supervisord => {
            let child = supervisord(taker, directory.path(), &logs, &lines).map_err(text)?;
            let wanted = (count * LINE) as u64;
            while begin.elapsed() < LIMIT && sizes(&logs) < wanted {
                std::thread::sleep(Duration::from_millis(2));
            }
            let seconds = begin.elapsed().as_secs_f64();
            crate::procfs::kill(child.id() as i32, libc::SIGTERM);
            (seconds, reap(&child)? - written_in(&report)?)
        }
    };
    Ok(Ran { seconds, cpu, wrong: wrong(&logs, count as u64).map_err(text)? })
}

/// A program that takes lines on its standard input.
fn logger(taker: &Taker, logs: &Path) -> io::Result<Child> {
    let mut command = Command::new(&taker.program);
    match taker.how {
        How::S6(directives) => {
            command.args(["n1000", &format!("s{MOST}")]).args(directives).arg(logs);
        }
        How::Svlogd(options) => {
            fs::write(logs.join("config"), format!("s{MOST}\nn1000\n"))?;
            command.args(options).arg(logs);
        }
        _ => {
            command.arg(logs).arg(MOST.to_string());
        }
    }
    command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn()
}

/// foster as PID 1 of a namespace, with one service that ends.
fn foster(taker: &Taker, directory: &Path, logs: &Path, lines: &[String], format: &str) -> io::Result<Child> {
    let services = directory.join("services");
    fs::create_dir(&services)?;
    let file = format!("path = {:?}\nmax-size = {MOST}\nkeep = 1000\n{format}\n", path(&logs.join("log")));
    let service =
        format!("type = \"oneshot\"\ncommand = {lines:?}\n[log]\nto = \"file\"\n[log.file]\n{file}");
    fs::write(services.join("web.toml"), service)?;
    let mut command = Command::new("unshare");
    if !crate::procfs::is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--pid", "--fork", "--mount-proc", "--kill-child", "--"]);
    command.arg(&taker.program).args(["run", "--services"]).arg(&services);
    command.env("FOSTER_SOCKET", directory.join("control.sock"));
    let output = fs::File::create(directory.join("output"))?;
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn()
}

fn supervisord(taker: &Taker, directory: &Path, logs: &Path, lines: &[String]) -> io::Result<Child> {
    let (home, log) = (path(directory), path(&logs.join("log")));
    let config = directory.join("supervisord.conf");
    fs::write(
        &config,
        format!(
            "[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={home}/pid\n\
             [program:web]\ncommand={}\nautorestart=false\nstartsecs=0\nredirect_stderr=true\nstdout_logfile={log}\n\
             stdout_logfile_maxbytes={MOST}\nstdout_logfile_backups=1000\n",
            lines.join(" ")
        ),
    )?;
    let mut command = Command::new(&taker.program);
    command.arg("-c").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Waits for the end of a process; gives the CPU seconds of it and of all that it has waited for.
#[allow(unsafe_code)]
fn reap(child: &Child) -> Result<f64, String> {
    let mut status = 0;
    // SAFETY: all of it is integers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to locals; the child is ours and is not waited for elsewhere.
    let pid = unsafe { libc::wait4(child.id() as i32, &raw mut status, 0, &raw mut usage) };
    if pid < 0 {
        return Err(text(io::Error::last_os_error()));
    }
    if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) != 0 {
        return Err(format!("it ended with {}", libc::WEXITSTATUS(status)));
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Ok(seconds(usage.ru_utime) + seconds(usage.ru_stime))
}

/// CPU seconds of who wrote the lines, as it says itself.
fn written_in(report: &Path) -> Result<f64, String> {
    let text = fs::read_to_string(report).map_err(|_| "the lines were not all written")?;
    text.trim().parse::<f64>().map(|microseconds| microseconds / 1e6).map_err(|e| e.to_string())
}

/// The log files from the oldest: `log.N` … `log.1`, `log` of most; `log.1` … of the loop; `@TIME` …, `current`.
fn in_order(logs: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<(i64, String, PathBuf)> = Vec::new();
    for entry in fs::read_dir(logs)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let rank = match name.strip_prefix("log.").map(str::parse::<i64>) {
            Some(Ok(number)) => -number,
            _ if name == "log" || name == "current" => 1,
            _ if name.starts_with('@') => 0,
            _ => continue,
        };
        found.push((rank, name.clone(), logs.join(name)));
    }
    found.sort();
    Ok(found.into_iter().map(|(_, _, path)| path).collect())
}

fn sizes(logs: &Path) -> u64 {
    in_order(logs)
        .unwrap_or_default()
        .iter()
        .filter_map(|path| fs::metadata(path).ok())
        .map(|data| data.len())
        .sum()
}

/// How many lines are missing, doubled, out of order or not whole.
fn wrong(logs: &Path, count: u64) -> io::Result<u64> {
    let (mut next, mut wrong) = (0, 0);
    for file in in_order(logs)? {
        let content = fs::read(&file)?;
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            match number(line) {
                Some(number) if number == next => next += 1,
                Some(number) => {
                    wrong += number.abs_diff(next);
                    next = number + 1;
                }
                None => wrong += 1,
            }
        }
    }
    Ok(wrong + count.abs_diff(next))
}

/// The number of a line that is whole, whatever name or time is before it: ten digits, a space, and the same letter to its end.
fn number(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\"}").unwrap_or(line);
    let (digits, letters) = line.get(line.len().checked_sub(LINE - 1)?..)?.split_at(11);
    let letter = letters.first()?;
    if !letters.iter().all(|one| one == letter) || digits.last() != Some(&b' ') {
        return None;
    }
    std::str::from_utf8(digits).ok()?.trim_end().parse().ok()
}

fn text(error: io::Error) -> String {
    error.to_string()
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
