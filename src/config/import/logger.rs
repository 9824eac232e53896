//! Programs that write what they read into files: `svlogd`, `s6-log`, `logutil-service`, `logger`; as keys of `[log]`.

use super::Reading;
use super::chain_options::milliseconds;
use super::draft::table;
use super::place::{self, Image};
use crate::config::diagnostic::Span;
use crate::config::tree::Value;

/// What a logger does, as keys of the service whose output it reads.
#[derive(Debug, Default)]
pub struct Logger {
    /// Keys of `[log]`.
    pub keys: Vec<(String, Value<'static>)>,
    /// What differs.
    pub differs: Vec<String>,
}

/// What a file of a logger is like.
struct File {
    directory: String,
    size: u64,
    keep: u64,
    age: u64,
    timestamps: bool,
    console: bool,
}

/// A logger by its command, which runs in `beside`; `None` if this is none, or has more than a file here.
pub fn recognise(words: &[String], beside: &str, image: &Image, reading: &mut Reading<'_>) -> Option<Logger> {
    let (name, words) = words.split_first()?;
    match super::words::base(name) {
        "svlogd" => svlogd(words, beside, image, reading),
        "s6-log" => {
            let at = words.iter().take_while(|word| word.starts_with('-') && *word != "--").count();
            let script = words.get(at..)?;
            let script = script.strip_prefix(&["--".to_owned()]).unwrap_or(script);
            s6_log(script, beside)
        }
        "logutil-service" => {
            let [directory] = words else { return None };
            let script = "n20 s1000000 T".split(' ').chain([directory.as_str()]);
            let mut logger = s6_log(&script.map(str::to_owned).collect::<Vec<_>>(), beside)?;
            logger.differs.push("S6_LOGGING_SCRIPT is taken for its default, `n20 s1000000 T`".to_owned());
            Some(logger)
        }
        "logger" => logger(words),
        _ => None,
    }
}

/// The log of everything that s6-overlay has, on the console too or not, with times or without.
pub fn catch_all(console: bool, timestamps: bool) -> Vec<(String, Value<'static>)> {
    let file = File::new("/run/uncaught-logs", "", 99_999, 10);
    File { timestamps, console, ..file }.logger(Vec::new()).keys
}

impl File {
    fn new(directory: &str, beside: &str, size: u64, keep: u64) -> Self {
        let directory = directory.trim_end_matches('/');
        let directory = match directory.strip_prefix("./").unwrap_or(directory) {
            whole if whole.starts_with('/') => whole.to_owned(),
            "." => beside.to_owned(),
            below => format!("{beside}/{below}"),
        };
        Self { directory, size, keep, age: 0, timestamps: false, console: false }
    }

    fn logger(self, mut differs: Vec<String>) -> Logger {
        let here = Span::whole(0);
        let mut entries: Vec<(&str, Value<'static>)> =
            vec![("path", format!("{}/current", self.directory).into())];
        match self.size {
            0 => entries.push(("max-size", "unlimited".into())),
            10_000_000 => {}
            size if size.is_multiple_of(1_000_000) => {
                entries.push(("max-size", format!("{}MB", size / 1_000_000).into()))
            }
            size => entries.push(("max-size", i64::try_from(size).unwrap_or(i64::MAX).into())),
        }
        if self.keep != 5 {
            entries.push(("keep", i64::try_from(self.keep.min(1000)).unwrap_or(1000).into()));
        }
        if self.age > 0 {
            entries.push(("max-age", milliseconds(self.age.saturating_mul(1000)).into()));
        }
        entries.push(("format", "raw".into()));
        if self.timestamps {
            entries.push(("timestamps", true.into()));
            differs.push("times are of RFC 3339".to_owned());
        }
        differs.push("what is put away is called current.1, current.2, …".to_owned());
        let to =
            if self.console { super::draft::list(["console", "file"], here) } else { Value::from("file") };
        Logger {
            keys: vec![("log.to".to_owned(), to), ("log.file".to_owned(), table(entries, here))],
            differs,
        }
    }
}

/// `svlogd -tt DIR`, and `DIR/config`.
fn svlogd(words: &[String], beside: &str, image: &Image, reading: &mut Reading<'_>) -> Option<Logger> {
    let (mut timestamps, mut directories, mut words) = (false, Vec::new(), words.iter());
    while let Some(word) = words.next() {
        match word.strip_prefix('-') {
            Some("t" | "tt" | "ttt") => timestamps = true,
            Some("v" | "vv") => {}
            Some("l" | "b") => {
                words.next();
            }
            Some(_) => return None,
            None => directories.push(word),
        }
    }
    let [directory] = directories[..] else { return None };
    let mut file = File { timestamps, ..File::new(directory, beside, 1_000_000, 10) };
    let mut differs = Vec::new();
    let config = image.here(&format!("{}/config", file.directory));
    if config.exists() {
        let config = reading.load(&config)?;
        for (line, span) in place::lines(config, reading) {
            let number = || line.get(1..).and_then(|text| text.trim().parse::<u64>().ok());
            match (line.chars().next()?, number()) {
                ('s', Some(size)) => file.size = size,
                ('n', Some(keep)) => file.keep = keep,
                ('t', Some(age)) => file.age = age,
                ('N', Some(_)) => {}
                ('!', _) if line.contains("gzip") => {
                    differs.push("`compress = true` compresses them".to_owned())
                }
                _ => {
                    let why = "foster writes every line, as it is, into one file: `service:NAME` runs svlogd as it was";
                    reading.output.trail.not_carried(span, &line, why);
                    continue;
                }
            }
            reading.output.trail.exact(span, line, "log.file");
        }
    }
    Some(file.logger(differs))
}

/// A logging script: `n20 s1000000 T 1 /var/log/x`. Selections and processors have no key.
fn s6_log(script: &[String], beside: &str) -> Option<Logger> {
    let (mut size, mut keep, mut timestamps, mut stamp) = (99_999, 10, false, false);
    let (mut console, mut found, mut age) = (false, None, 0);
    for word in script {
        let number = || word.get(1..).and_then(|text| text.parse::<u64>().ok());
        match (word.chars().next()?, number()) {
            ('n', Some(number)) => keep = number,
            ('s', Some(number)) => size = number,
            ('R', Some(number)) => age = number,
            ('S' | 'l' | 'r' | 'E' | '^', Some(_)) => {}
            ('t' | 'T', None) if word.len() == 1 => stamp = true,
            ('1', None) if word.len() == 1 => {
                console = true;
                stamp = false;
            }
            ('/' | '.', _) if found.is_none() => {
                found = Some(File::new(word, beside, 0, 0));
                timestamps = stamp;
                stamp = false;
            }
            _ => return None,
        }
    }
    let file = found?;
    Some(File { size, keep, age, timestamps, console, ..file }.logger(Vec::new()))
}

/// `logger -t tag -p facility.priority`
fn logger(words: &[String]) -> Option<Logger> {
    let mut entries: Vec<(&str, Value<'static>)> = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-t" | "--tag" => entries.push(("tag", words.next()?.clone().into())),
            "-p" | "--priority" => {
                let facility = words.next()?.split('.').next()?.to_owned();
                entries.push(("facility", facility.into()));
            }
            _ => return None,
        }
    }
    let mut keys = vec![("log.to".to_owned(), Value::from("syslog"))];
    if !entries.is_empty() {
        keys.push(("log.syslog".to_owned(), table(entries, Span::whole(0))));
    }
    Some(Logger { keys, differs: vec!["its severity is `info`, and `err` for standard error".to_owned()] })
}
