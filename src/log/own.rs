//! The supervisor's own lines, from tracing to the console.

use super::{End, Line, Splitter};
use crate::model::LogLevel;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, reload};

/// When so much waits for the console, what comes is dropped and counted. A text that comes before is kept whole, however
/// long: a table of a thousand services.
const LIMIT: usize = 64 * 1024;

/// A bounded queue of the supervisor's own lines, filled by tracing and emptied by `run::output`, so that they come
/// out in order with the lines of the services. Clones are handles to the same queue.
#[derive(Clone, Debug, Default)]
pub struct OwnLines {
    queue: Arc<Mutex<Queue>>,
    /// Of the subscriber that fills it, if that is the one in use.
    level: Option<reload::Handle<LevelFilter, Registry>>,
}

#[derive(Debug, Default)]
struct Queue {
    text: Vec<u8>,
    /// Where the lines of one level end and those of another begin.
    runs: Vec<(LogLevel, usize)>,
    dropped: usize,
}

impl OwnLines {
    /// Makes a queue and lets tracing write to it, each event as one line (or several, where its message has some),
    /// without time or target. Where a subscriber is set already, that one stays.
    #[must_use]
    pub fn init(level: LogLevel) -> Self {
        let mut own = Self::default();
        let (subscriber, handle) = own.subscriber(level);
        // An error means that it is set already, as in a test of several in one process.
        own.level = tracing::subscriber::set_global_default(subscriber).is_ok().then_some(handle);
        own
    }

    /// Lets another level through from now on.
    pub fn set_level(&self, level: LogLevel) {
        if let Some(handle) = &self.level {
            // It fails when the subscriber is gone, and the one in use never goes.
            let _ = handle.reload(filter(level));
        }
    }

    /// The level that is let through; the default where the subscriber in use is another one.
    #[must_use]
    pub fn level(&self) -> LogLevel {
        let filter = self.level.as_ref().and_then(reload::Handle::clone_current);
        let level = filter.and_then(|filter| filter.into_level());
        level.map(of_tracing).unwrap_or_default()
    }

    /// Adds one line or several of a level, which is not looked at here; a newline at the end is not needed.
    pub fn push(&self, level: LogLevel, text: &[u8]) {
        let mut queue = self.lock();
        if queue.text.len() >= LIMIT {
            let text = text.strip_suffix(b"\n").unwrap_or(text);
            queue.dropped += 1 + memchr::memchr_iter(b'\n', text).count();
            return;
        }
        queue.text.extend_from_slice(text);
        if !text.ends_with(b"\n") {
            queue.text.push(b'\n');
        }
        let end = queue.text.len();
        match queue.runs.last_mut() {
            Some((same, until)) if *same == level => *until = end,
            _ => queue.runs.push((level, end)),
        }
    }

    /// Whether there is nothing to take.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let queue = self.lock();
        queue.text.is_empty() && queue.dropped == 0
    }

    /// Takes everything that waits, a line at a time.
    pub fn take(&self, mut emit: impl FnMut(LogLevel, Line<'_>)) {
        // Emitted outside the lock, or an emitter that logs would wait for itself.
        let Queue { text, runs, dropped } = std::mem::take(&mut *self.lock());
        let mut begin = 0;
        for (level, end) in runs {
            let run = text.get(begin..end).unwrap_or_default();
            Splitter::default().feed(run, |block| block.lines().for_each(|line| emit(level, line)));
            begin = end;
        }
        if dropped > 0 {
            let line =
                format!("{dropped} lines of the supervisor were dropped: the console did not take them");
            emit(LogLevel::Warn, Line { bytes: line.as_bytes(), end: End::Newline });
        }
    }

    fn subscriber(
        &self,
        level: LogLevel,
    ) -> (impl tracing::Subscriber + Send + Sync + use<>, reload::Handle<LevelFilter, Registry>) {
        let (filter, handle) = reload::Layer::new(filter(level));
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(self.clone())
            .without_time()
            .with_target(false)
            .with_level(false)
            .with_ansi(false);
        (Registry::default().with(filter).with(lines), handle)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing under the lock can panic half way, so a poisoned queue is as good as any.
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

fn of_tracing(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

impl<'a> MakeWriter<'a> for OwnLines {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter(self, LogLevel::Warn)
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Self::Writer {
        LineWriter(self, of_tracing(*event.level()))
    }
}

/// Writes to the queue of [`OwnLines`]. It never fails and never waits.
#[derive(Debug)]
pub struct LineWriter<'a>(&'a OwnLines, LogLevel);

impl io::Write for LineWriter<'_> {
    /// tracing-subscriber writes each event at once, with its newline.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.push(self.1, text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(own: &OwnLines) -> Vec<String> {
        let mut lines = Vec::new();
        own.take(|level, line| {
            let text = String::from_utf8_lossy(line.bytes);
            lines.push(format!("{} {text}", level.name()));
        });
        lines
    }

    #[test]
    fn an_event_becomes_a_line_without_decoration() {
        let own = OwnLines::default();
        let (subscriber, level) = own.subscriber(LogLevel::Warn);
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!("web: exited with code 3; restarting now");
            tracing::info!("too quiet to be heard");
            tracing::error!("one\ntwo");
            let own = OwnLines { level: Some(level), ..own.clone() };
            assert_eq!(own.level(), LogLevel::Warn);
            own.set_level(LogLevel::Info);
            assert_eq!(own.level(), LogLevel::Info);
            tracing::info!("loud enough now");
            tracing::debug!("too quiet to be heard");
        });
        let expected = [
            "warn web: exited with code 3; restarting now",
            "error one",
            "error two",
            "info loud enough now",
        ];
        assert_eq!(taken(&own), expected);
        assert!(own.is_empty());
    }

    #[test]
    fn a_text_of_any_length_is_kept_whole_and_the_lines_of_one_that_is_not_are_counted() {
        let own = OwnLines::default();
        own.push(LogLevel::Info, "a line\n".repeat(LIMIT).as_bytes());
        own.push(LogLevel::Info, b"one\ntwo\n");
        own.push(LogLevel::Info, b"three");
        let lines = taken(&own);
        assert_eq!(lines.len(), LIMIT + 1);
        assert!(lines[LIMIT].starts_with("warn 3 lines "), "{}", lines[LIMIT]);
    }

    #[test]
    fn what_is_too_much_is_dropped_and_counted() {
        let own = OwnLines::default();
        for n in 0..10_000 {
            own.push(LogLevel::Info, format!("line {n}").as_bytes());
        }
        let lines = taken(&own);
        assert_eq!(lines[0], "info line 0");
        let dropped = 10_000 - (lines.len() - 1);
        assert_eq!(lines[lines.len() - 1].split(' ').nth(1), Some(dropped.to_string().as_str()));
        assert!(own.is_empty());
    }
}
