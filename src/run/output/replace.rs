//! Another plan: other names, other services, other sinks.

use super::source::{NOWHERE, Route};
use super::{Output, Source, Stream, stream_token};
use crate::log::{Format, Stamp, Style, Tail};
use crate::model::{Id, Plan, Sink, StderrTo};

/// The id has no service.
const NONE: u32 = u32::MAX;

impl Output {
    /// The services are these from now on, by id. Those of `anew` are others than before under the same id: none of what the
    /// former ones wrote is kept, and their pipes are closed when the outlets have taken what is in them.
    pub fn replace(&mut self, plan: &Plan, anew: &[Id]) {
        self.epoch = self.epoch.wrapping_add(1);
        let coloured = self.outlets.all().any(|(_, slot)| slot.coloured);
        let names = plan.services.iter().map(|service| service.name.as_str());
        let style = Style::new(names, coloured);
        self.of.resize(plan.services.len().max(self.of.len()), NONE);
        for id in anew {
            self.retire(*id);
        }
        self.forget_loggers(plan, anew);
        for (id, service) in plan.ids().zip(&plan.services) {
            if service.is_tombstone() {
                continue;
            }
            let routes = self.routes(style, id, plan);
            let at = self.at(id).filter(|at| *at < self.sources.len()).unwrap_or_else(|| self.adopt(id));
            if let Some(source) = self.sources.get_mut(at) {
                source.routes = routes;
                source.routes.iter_mut().for_each(|route| route.format.set_pid(source.pid));
                (source.on_full, source.stderr) = (service.log.on_full, service.log.stderr);
                source.inherits = service.inherits_output();
                source.tail.set_limit(service.log.memory as usize);
            }
        }
        self.own_format = Format::own(plan.settings.log_format, style);
        self.bury_sources();
        self.keep_outlets();
        // Another sink may have room where the former one had none.
        self.outlets.resumable = true;
    }

    /// Where the lines of a service go.
    fn routes(&mut self, style: Style, id: Id, plan: &Plan) -> Box<[Route]> {
        let service = plan.service(id);
        let log = &service.log;
        let mut routes = Vec::with_capacity(log.to.len());
        for sink in &log.to {
            let usual = |format| Format::service(format, style, &service.name, id.index());
            let (format, [out, err]) = match sink {
                Sink::Console => (usual(log.format), Stream::BOTH.map(|stream| self.outlets.console(stream))),
                Sink::Service(to) => (usual(log.format), [self.logger(*to, plan); 2]),
                Sink::Syslog(syslog) => (Format::syslog(syslog), [self.syslog(syslog); 2]),
                Sink::Null | Sink::Inherit => continue,
                Sink::File(file) => (usual(file.format), self.file(file, log.stderr)),
            };
            let err = if log.stderr == StderrTo::Null { NOWHERE } else { err };
            routes.push(Route { format, outlets: [out, err] });
        }
        routes.into_boxed_slice()
    }

    fn keep_outlets(&mut self) {
        let sources = &self.sources;
        let routes = || sources.iter().flat_map(|source| &source.routes);
        self.outlets.keep(|at| routes().any(|route| route.outlets.contains(&at)));
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

    /// A source for a new service; gives its place.
    fn adopt(&mut self, id: Id) -> usize {
        let source = Source::new(self.clock.next(1));
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
        if let Some(of) = self.of.get_mut(id.index()) {
            *of = u32::try_from(at).unwrap_or(NONE);
        }
        at
    }

    /// Closes the pipes of services that are gone, as soon as nothing of theirs is left in them.
    pub(super) fn bury_sources(&mut self) {
        let mut buried = false;
        for at in 0..self.sources.len() {
            let Some(source) = self.sources.get_mut(at).filter(|source| source.retired && !source.is_cut())
            else {
                continue;
            };
            let pipes = std::mem::take(&mut source.pipes);
            *source = Source::new(Stamp::default());
            source.tail = Tail::new(0);
            for pipe in pipes.iter().flatten() {
                // Not left to the closing: a process that was forked meanwhile may hold the pipe open.
                let _ = self.epoll.delete(pipe.reader());
            }
            let tokens = Stream::BOTH.map(|stream| stream_token(at, stream));
            self.queue.retain(|token| !tokens.contains(token));
            self.paused.retain(|token| !tokens.contains(token));
            self.resting.forget(tokens);
            self.retired = self.retired.saturating_sub(1);
            self.free.extend(u32::try_from(at));
            buried = true;
        }
        if buried {
            self.keep_outlets();
        }
    }
}
