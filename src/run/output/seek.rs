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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::log::{OwnLines, consoles};
    use crate::model::{Kind, Plan, Service};
    use nix::sys::epoll::{EpollCreateFlags, EpollEvent};
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;

    const ID: Id = Id(0);

    fn turn(output: &mut Output, epoll: &nix::sys::epoll::Epoll) {
        let mut events = [EpollEvent::empty(); 8];
        let count = epoll.wait(&mut events, 0u16).unwrap();
        for event in &events[..count] {
            output.event(event.data());
        }
        output.turn(1 << 20);
    }

    #[test]
    fn a_line_is_found_once_and_what_an_earlier_process_wrote_is_not() {
        let epoll = nix::sys::epoll::Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        let (reader, writer) = crate::sys::fds::pipe_nonblocking().unwrap();
        let consoles = consoles(writer.as_fd(), writer.as_fd());
        let plan = Plan { services: vec![Service::new("web", Kind::Daemon)], ..Plan::default() };
        let mut output = Output::new(&plan, consoles, OwnLines::default(), &epoll, 0).unwrap();
        let [mut out, mut err] =
            output.open(ID).unwrap().map(|end| File::from(end.try_clone_to_owned().unwrap()));

        output.seek(ID, Regex::new("^ready$").unwrap());
        out.write_all(b"not ready\nready").unwrap();
        turn(&mut output, &epoll);
        assert_eq!(output.found(), [], "the line has no end yet");
        out.write_all(b"\r\nready\n").unwrap();
        turn(&mut output, &epoll);
        assert_eq!((output.found(), output.found()), (vec![ID], vec![]));

        // Nobody takes what it writes, so its last words stay in the pipe when it ends.
        let line = [&[b'x'; 4000][..], b"\n"].concat();
        let mut rounds = 0;
        while output.pending() < 256 * 1024 {
            out.write_all(&line).unwrap();
            turn(&mut output, &epoll);
            rounds += 1;
            assert!(rounds < 1000, "it never stalls");
        }
        out.write_all(b"ready\n").unwrap();
        turn(&mut output, &epoll);
        output.drain(ID);
        output.seek(ID, Regex::new("^ready$").unwrap());
        output.begin(ID, 2);
        let (mut console, mut piece) = (File::from(reader), vec![0; 1 << 16]);
        while output.pending() > 0 || epoll.wait(&mut [EpollEvent::empty()], 0u16).unwrap() > 0 {
            let _ = console.read(&mut piece);
            turn(&mut output, &epoll);
        }
        assert_eq!(output.found(), [], "that was the former one");
        err.write_all(b"ready\n").unwrap();
        turn(&mut output, &epoll);
        assert_eq!(output.found(), [ID]);

        output.seek(ID, Regex::new("").unwrap());
        output.seek_no_more(ID);
        out.write_all(b"ready\n").unwrap();
        turn(&mut output, &epoll);
        assert_eq!(output.found(), []);
    }
}
