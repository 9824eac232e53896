//! What foster printed and the services said, in the order in which it came.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Stdout,
    Stderr,
    Event,
}

#[derive(Clone, Debug)]
pub struct Line {
    pub at: Instant,
    pub source: Source,
    pub text: String,
}

#[derive(Default)]
pub struct Transcript {
    lines: Mutex<Vec<Line>>,
    more: Condvar,
}

/// Written into the events FIFO to end its reader.
pub const END: &str = "\u{4}end";

impl Transcript {
    /// Reads lines in a thread until the end of the stream.
    pub fn read(self: &Arc<Self>, source: Source, stream: impl Read + Send + 'static) -> JoinHandle<()> {
        let transcript = Arc::clone(self);
        std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut bytes = Vec::new();
            while stream.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
                // A terminal ends lines with a carriage return before the newline.
                while bytes.pop_if(|last| matches!(last, b'\r' | b'\n')).is_some() {}
                let text = String::from_utf8_lossy(&bytes).into_owned();
                bytes.clear();
                if source == Source::Event && text == END {
                    return;
                }
                transcript.lines.lock().unwrap().push(Line { at: Instant::now(), source, text });
                transcript.more.notify_all();
            }
        })
    }

    /// Waits until the function finds what it looks for; it sees all lines so far each time.
    pub fn wait<T>(&self, limit: Duration, mut find: impl FnMut(&[Line]) -> Option<T>) -> Option<T> {
        let end = Instant::now() + limit;
        let mut lines = self.lines.lock().unwrap();
        loop {
            if let Some(found) = find(&lines) {
                return Some(found);
            }
            let left = end.checked_duration_since(Instant::now())?;
            lines = self.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    pub fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap().clone()
    }

    /// The end of all that was seen, for a failure report.
    pub fn show(&self, start: Instant) -> String {
        let lines = self.lines();
        let from = lines.len().saturating_sub(80);
        let mut text = format!("--- seen ({} lines, the last {}):\n", lines.len(), lines.len() - from);
        for line in &lines[from..] {
            let at = line.at.saturating_duration_since(start);
            let _ =
                writeln!(text, "{:>8.3} {:6} {}", at.as_secs_f64(), format!("{:?}", line.source), line.text);
        }
        text
    }
}
