//! Another plan: other names, other services.

use super::{Output, Source, Stream, stream_token};
use crate::log::{Prefix, Style, Tail};
use crate::model::Id;

/// The id has no service.
const NONE: u32 = u32::MAX;

impl Output {
    /// Services have these names from now on, by id; an empty name stands for none. The services of `anew` are others than
    /// before under the same id: none of what the former ones wrote is kept, and their pipes are closed when the console
    /// has taken what is in them.
    pub fn replace(&mut self, names: &[&str], anew: &[Id]) {
        self.epoch = self.epoch.wrapping_add(1);
        let style = Style::new(names.iter().copied(), self.coloured.contains(&true));
        self.of.resize(names.len().max(self.of.len()), NONE);
        for id in anew {
            self.retire(*id);
        }
        for (index, name) in names.iter().enumerate() {
            match self.of.get(index).copied() {
                _ if name.is_empty() => {}
                Some(NONE) => self.adopt(style, name, index),
                Some(at) => {
                    if let Some(source) = self.sources.get_mut(at as usize) {
                        source.prefix = Prefix::service(style, name, index);
                    }
                }
                None => {}
            }
        }
        self.own_prefix = Prefix::own(style);
        self.bury_sources();
    }

    fn retire(&mut self, id: Id) {
        let Some(at) = self.of.get_mut(id.index()).map(|at| std::mem::replace(at, NONE) as usize) else {
            return;
        };
        self.drain_source(at);
        if let Some(source) = self.sources.get_mut(at) {
            source.retired = true;
            self.retired += 1;
        }
    }

    /// A source for a new service.
    fn adopt(&mut self, style: Style, name: &str, index: usize) {
        let source = Source::new(style, name, index, self.clock.next());
        let at = self.free.pop().map(|at| at as usize).filter(|at| *at < self.sources.len());
        let at = match at.and_then(|at| self.sources.get_mut(at).map(|slot| (at, slot))) {
            Some((at, slot)) => {
                *slot = source;
                at
            }
            None => {
                self.sources.push(source);
                self.sources.len() - 1
            }
        };
        if let Some(of) = self.of.get_mut(index) {
            *of = u32::try_from(at).unwrap_or(NONE);
        }
    }

    /// Closes the pipes of services that are gone, as soon as nothing of theirs is left in them.
    pub(super) fn bury_sources(&mut self) {
        for at in 0..self.sources.len() {
            let Some(source) = self.sources.get_mut(at).filter(|source| source.retired && !source.is_cut())
            else {
                continue;
            };
            source.retired = false;
            source.tail = Tail::new(0);
            let pipes = std::mem::take(&mut source.pipes);
            for pipe in pipes.iter().flatten() {
                // Not left to the closing: a process that was forked meanwhile may hold the pipe open.
                let _ = self.epoll.delete(pipe.reader());
            }
            let tokens = Stream::BOTH.map(|stream| stream_token(at, stream));
            self.queue.retain(|token| !tokens.contains(token));
            self.paused.retain(|token| !tokens.contains(token));
            self.retired = self.retired.saturating_sub(1);
            self.free.extend(u32::try_from(at));
        }
    }
}
