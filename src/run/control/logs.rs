//! What services wrote, for those who may know: a chunk at a time, and for who follows what comes next.

use super::super::output::{Cursor, Entry};
use super::super::shell::Shell;
use crate::control::api::LogLine;
use crate::control::{Answer, Ask, Logs, Reply, Stream as StreamAsked};
use crate::log::{Kept, Stamp, Stream};
use crate::model::Id;
use std::time::Duration;

/// Bytes that one answer carries, or one line if that is longer.
const CHUNK: usize = 32 * 1024;

/// The stream of a line that stands for those that are missing.
const LOST: &str = "lost";

/// Those who follow, and wait for a line.
#[derive(Debug, Default)]
pub(super) struct Followers {
    waiting: Vec<(Reading, Reply)>,
    /// The newest line when they were last looked at.
    seen: Stamp,
}

impl Followers {
    pub(super) fn forget_abandoned(&mut self) {
        self.waiting.retain(|(_, reply)| !reply.is_abandoned());
    }
}

/// How far somebody has read.
#[derive(Debug)]
pub(super) struct Reading {
    cursor: Cursor,
    /// The only stream that he wants.
    stream: Option<&'static str>,
    follow: bool,
}

/// Whether it is for somebody who wants this stream only. What is lost may be.
fn is_wanted(stream: Option<&str>, line: &LogLine) -> bool {
    stream.is_none_or(|stream| line.stream == stream || line.stream == LOST)
}

impl Shell {
    /// `ids`: none means all, later ones too.
    pub(super) fn logs(&mut self, ids: Option<&[Id]>, logs: &Logs, reply: Reply) {
        let since = logs.since.map_or(Stamp::default(), |time| self.stamp(self.wall().since_begin(time)));
        let count = logs.lines.map_or(usize::MAX, |lines| usize::try_from(lines).unwrap_or(usize::MAX));
        let stream = logs.stream.map(StreamAsked::name);
        // The newest lines of one stream only are counted among all of them.
        let first = if stream.is_some() { usize::MAX } else { count };
        let cursor = self.output.cursor(ids, first, since, logs.follow);
        let mut reading = Reading { cursor, stream, follow: logs.follow };
        if stream.is_some() && count < usize::MAX {
            self.skip_to_last(&mut reading, count);
        }
        // Answered at once also when there is nothing, so that the client knows that it follows.
        let lines = self.read_logs(&mut reading);
        let more = (reading.follow || !lines.is_empty()).then(|| Ask::MoreLogs(Box::new(reading)));
        reply.send(Answer::Lines { lines: lines.into(), more });
    }

    pub(super) fn more_logs(&mut self, mut reading: Reading, reply: Reply) {
        let lines = self.read_logs(&mut reading);
        if !lines.is_empty() {
            reply.send(Answer::Lines { lines: lines.into(), more: Some(Ask::MoreLogs(Box::new(reading))) });
        } else if reading.follow {
            self.control.followers.waiting.push((reading, reply));
        } else {
            reply.send(Answer::Lines { lines: Vec::new().into(), more: None });
        }
    }

    /// Hands new lines to those who wait for them.
    pub(in crate::run) fn tell_followers(&mut self) {
        let newest = self.output.newest();
        let followers = &mut self.control.followers;
        if followers.waiting.is_empty() || std::mem::replace(&mut followers.seen, newest) == newest {
            return;
        }
        for (reading, reply) in std::mem::take(&mut followers.waiting) {
            if reply.is_abandoned() {
                continue;
            }
            if self.output.has_logs(&reading.cursor) {
                self.more_logs(reading, reply);
            } else {
                self.control.followers.waiting.push((reading, reply));
            }
        }
    }

    /// It is over: who follows gets what there is, and the end.
    pub(super) fn end_followers(&mut self) {
        for (mut reading, reply) in std::mem::take(&mut self.control.followers.waiting) {
            reading.follow = false;
            self.more_logs(reading, reply);
        }
    }

    fn read_logs(&mut self, reading: &mut Reading) -> Vec<u8> {
        let mut lines = Vec::new();
        let Reading { cursor, stream, .. } = reading;
        self.each_line(cursor, |line| {
            // The types of the API have string keys only, so it cannot fail.
            if is_wanted(*stream, &line) && serde_json::to_writer(&mut lines, &line).is_ok() {
                lines.push(b'\n');
            }
            lines.len() < CHUNK
        });
        lines
    }

    /// Leaves the last so many lines of those that he wants.
    fn skip_to_last(&mut self, reading: &mut Reading, count: usize) {
        let Reading { cursor, stream, .. } = reading;
        let (mut ahead, mut wanted) = (cursor.clone(), 0usize);
        self.each_line(&mut ahead, |line| {
            wanted += usize::from(is_wanted(*stream, &line));
            true
        });
        let mut surplus = wanted.saturating_sub(count);
        if surplus > 0 {
            self.each_line(cursor, |line| {
                surplus -= usize::from(is_wanted(*stream, &line));
                surplus > 0
            });
        }
    }

    /// The last lines of the last process of a service.
    pub(super) fn last_log_lines(&mut self, id: Id, count: usize) -> Vec<LogLine> {
        let count = self.output.last_lines(id, count).count();
        let mut cursor = self.output.cursor(Some(&[id]), count, Stamp::default(), false);
        let mut lines = Vec::with_capacity(count);
        self.each_line(&mut cursor, |line| {
            lines.push(line);
            true
        });
        lines
    }

    fn each_line(&mut self, cursor: &mut Cursor, mut emit: impl FnMut(LogLine) -> bool) {
        let (wall, before, running) = (self.wall(), self.before_begin(), self.running());
        let Self { output, plan, .. } = self;
        output.read_logs(cursor, |entry| {
            let (Entry::Line(id, _) | Entry::Lost(id, _)) = entry;
            let service =
                plan.services.get(id.index()).map(|service| service.name.clone()).unwrap_or_default();
            let (time, stream, text) = match entry {
                Entry::Line(_, Kept { stamp, stream, line }) => (
                    Duration::from_nanos(stamp.0).saturating_sub(before),
                    if stream == Stream::Out { "stdout" } else { "stderr" },
                    String::from_utf8_lossy(line.bytes).into_owned(),
                ),
                Entry::Lost(_, 1) => (running, LOST, "1 line is missing here".to_owned()),
                Entry::Lost(_, count) => (running, LOST, format!("{count} lines are missing here")),
            };
            emit(LogLine { time: wall.at(time), service, stream: stream.to_owned(), text })
        });
    }

    /// How long the output has been older than the time of the shell.
    fn before_begin(&self) -> Duration {
        self.output.began().elapsed().saturating_sub(self.running())
    }

    fn stamp(&self, since_begin: Duration) -> Stamp {
        let time = since_begin + self.before_begin();
        Stamp(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }
}
