//! Lines that somebody waits for.

use super::Output;
use crate::log::Line;
use crate::model::Id;
use regex_lite::Regex;

/// What is looked for in the lines of one service.
#[derive(Debug)]
pub(super) struct Sought {
    id: Id,
    regex: Regex,
}

impl Sought {
    /// The service, if this is the line.
    pub(super) fn is_in(&self, line: Line<'_>) -> Option<Id> {
        let bytes = line.bytes.strip_suffix(b"\r").unwrap_or(line.bytes);
        self.regex.is_match(&String::from_utf8_lossy(bytes)).then_some(self.id)
    }
}

impl Output {
    /// From now on, looks for a line of the service that matches; lines of processes that have ended do not count.
    pub fn seek(&mut self, id: Id, regex: Regex) {
        if let Some(source) = self.at(id).and_then(|at| self.sources.get_mut(at)) {
            source.sought = Some(Box::new(Sought { id, regex }));
        }
    }

    /// Looks for none any more.
    pub fn seek_no_more(&mut self, id: Id) {
        if let Some(source) = self.at(id).and_then(|at| self.sources.get_mut(at)) {
            source.sought = None;
        }
    }

    /// The services whose line came since the last call. It is looked for no more.
    pub fn found(&mut self) -> Vec<Id> {
        std::mem::take(&mut self.found)
    }
}
