//! What one service writes, and where that goes.

use super::outlets::Outlets;
use super::pipe::{Count, Pipe};
use super::seek::Sought;
use super::{Token, stream_token};
use crate::log::{Block, Format, Stamp, Stream, Tail, TimeText};
use crate::model::{Id, OnFull, StderrTo};
use crate::sys::Pid;

/// The outlet of a stream that has none.
pub(super) const NOWHERE: u32 = u32::MAX;

/// One sink of a service: a format, and the outlet of each stream.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) format: Format,
    pub(super) outlets: [u32; 2],
}

/// What one service writes.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) routes: Box<[Route]>,
    pub(super) on_full: OnFull,
    pub(super) stderr: StderrTo,
    /// Its main process, the last one that was.
    pub(super) pid: Option<Pid>,
    /// It has the supervisor's own descriptors instead of pipes.
    pub(super) inherits: bool,
    pub(super) tail: Tail,
    pub(super) pipes: [Option<Box<Pipe>>; 2],
    /// Since when it belongs to this service: tells it from an earlier one in the same place.
    pub(super) born: Stamp,
    /// Its service is gone, and what is in its pipes is still to be told.
    pub(super) retired: bool,
    /// A process was started while output of the one before was still in a pipe.
    pub(super) begins: bool,
    pub(super) sought: Option<Box<Sought>>,
    /// Lines that an outlet had no room for.
    pub(super) dropped: u64,
}

impl Source {
    pub(super) fn new(born: Stamp) -> Self {
        Self {
            routes: Box::default(),
            on_full: OnFull::Block,
            stderr: StderrTo::Stderr,
            pid: None,
            inherits: false,
            tail: Tail::default(),
            pipes: [None, None],
            born,
            retired: false,
            begins: false,
            sought: None,
            dropped: 0,
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.pipes.iter().flatten().any(|pipe| pipe.is_cut())
    }

    pub(super) fn count(&self, stream: Stream) -> Count {
        self.pipes[stream.index()].as_ref().map(|pipe| pipe.count()).unwrap_or_default()
    }

    pub(super) fn needs_time(&self) -> bool {
        self.routes.iter().any(|route| route.format.needs_time())
    }

    /// Whether this stream is not to be read now, because something that it goes to has no room.
    pub(super) fn is_held_up(&self, stream: Stream, outlets: &mut Outlets) -> bool {
        self.waits().any(|route| outlets.holds_up(route.outlets[stream.index()], stream))
    }

    /// Whether others come first: they have been waiting for the same room.
    pub(super) fn comes_later(&self, stream: Stream, outlets: &Outlets) -> bool {
        self.waits().any(|route| outlets.is_awaited(route.outlets[stream.index()], stream))
    }

    /// The routes whose outlets it waits for.
    fn waits(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().filter(|_| self.on_full == OnFull::Block)
    }
}

/// The parts of a [`Source`] that lines go through once they are read.
pub(super) struct Way<'a> {
    pub(super) at: usize,
    pub(super) stream: Stream,
    pub(super) routes: &'a [Route],
    pub(super) on_full: OnFull,
    pub(super) tail: &'a mut Tail,
    pub(super) dropped: &'a mut u64,
    pub(super) sought: &'a mut Option<Box<Sought>>,
    pub(super) found: &'a mut Vec<Id>,
}

impl Way<'_> {
    /// Into memory, and to every outlet. `is_ours`: written by the process that runs now.
    pub(super) fn pass(
        &mut self,
        stamp: Stamp,
        block: Block<'_>,
        is_ours: bool,
        time: &TimeText,
        outlets: &mut Outlets,
    ) {
        self.tail.push(stamp, self.stream, block);
        if is_ours
            && let Some(sought) = &self.sought
            && let Some(id) = block.lines().find_map(|line| sought.is_in(line))
        {
            self.found.push(id);
            *self.sought = None;
        }
        let from: (Token, Stream) = (stream_token(self.at, self.stream), self.stream);
        let may_drop = self.on_full == OnFull::Drop;
        for route in self.routes {
            let outlet = route.outlets[self.stream.index()];
            if outlet != NOWHERE {
                let lost = outlets.put(outlet, &route.format, block, from, time, may_drop);
                *self.dropped += lost as u64;
            }
        }
    }
}
