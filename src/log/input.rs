//! The standard input of a logger: a pipe whose both ends are held here, so that it outlives the processes that read it.
//!
//! What a process that died had not read stays in the pipe for the next. When the input [ends](Input::end), what came before
//! goes to the process that is there, and then the end of file; what comes after waits for the next one, which gets another
//! pipe.

use super::outlet::{LOW, Notice, Outlet, Progress, empty};
use crate::sys::fds;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{read, write};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What is taken out of a pipe at once: as much as one holds.
const PIPE: usize = 64 * 1024;

/// A pipe to the processes of one service, and the bytes that wait for room in it.
#[derive(Debug, Default)]
pub struct Input {
    /// What processes read from; there from the first start on.
    reader: Option<OwnedFd>,
    /// None before that, and from the end of file to the next start.
    writer: Option<OwnedFd>,
    buffer: Vec<u8>,
    /// How much of the buffer is in the pipe.
    written: usize,
    /// The file ends there in the buffer.
    end: Option<usize>,
}

impl Input {
    /// The end for a new process to read from. It blocks, as programs expect, also when an earlier process has changed that.
    ///
    /// # Errors
    /// No descriptors are to be had; what waits is kept.
    pub fn open(&mut self) -> io::Result<BorrowedFd<'_>> {
        if self.end.is_some() || self.writer.is_none() {
            let (reader, writer) = fds::pipe()?;
            fds::set_nonblocking(&writer)?;
            self.take_back();
            (self.reader, self.writer) = (Some(reader), Some(writer));
        }
        let reader = self.reader.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let _ = fcntl(reader, FcntlArg::F_SETFL(OFlag::empty()));
        Ok(reader.as_fd())
    }

    /// Lets the file end after what has come until now. Until it is opened anew, what comes waits.
    pub fn end(&mut self) {
        if self.writer.is_some() {
            self.end.get_or_insert(self.buffer.len());
            let _ = self.flush();
        }
    }

    /// Takes out all that no process has read, of the pipe too, when nobody reads from it any more.
    pub fn take_left(&mut self) -> Vec<u8> {
        self.take_back();
        self.written = 0;
        std::mem::take(&mut self.buffer)
    }

    /// Gives up the pipe; what was not read from it comes before all that waits.
    fn take_back(&mut self) {
        self.writer = None;
        self.end = None;
        let Some(reader) = self.reader.take() else { return };
        // Another process that reads there must not make this one wait. It is the last time that it matters to anybody.
        if fds::set_nonblocking(&reader).is_err() {
            return;
        }
        let mut left = Vec::new();
        let mut piece = vec![0; PIPE];
        while left.len() < PIPE {
            match read(&reader, &mut piece) {
                Ok(0) => break,
                Ok(count) => left.extend_from_slice(&piece[..count]),
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        }
        left.extend_from_slice(self.buffer.get(self.written..).unwrap_or_default());
        (self.buffer, self.written) = (left, 0);
    }
}

impl Outlet for Input {
    fn buffer(&mut self) -> &mut Vec<u8> {
        if self.written >= LOW {
            // One move of at most HIGH bytes for each LOW bytes written.
            self.buffer.drain(..self.written);
            self.end = self.end.map(|end| end - self.written);
            self.written = 0;
        }
        &mut self.buffer
    }

    fn pending(&self) -> usize {
        self.buffer.len() - self.written
    }

    fn flush(&mut self) -> Progress {
        while let Some(writer) = &self.writer {
            let end = self.end.unwrap_or(self.buffer.len());
            if self.written >= end {
                if self.end.take().is_some() {
                    self.writer = None;
                }
                break;
            }
            match write(writer, self.buffer.get(self.written..end).unwrap_or_default()) {
                Ok(count) => self.written += count,
                Err(Errno::EINTR) => {}
                // EAGAIN: full. Nothing else can happen to a pipe whose both ends are held here.
                Err(_) => return Progress::Stalled,
            }
        }
        if self.pending() > 0 {
            return Progress::Stalled;
        }
        self.written = 0;
        empty(&mut self.buffer);
        Progress::Empty
    }

    /// None while there is no pipe: it goes on when it is opened.
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.writer.as_ref().map(AsFd::as_fd)
    }

    /// That nobody reads is known to who starts the processes.
    fn is_failing(&self) -> bool {
        false
    }

    fn input(&mut self) -> Option<&mut Input> {
        Some(self)
    }

    fn take_notice(&mut self) -> Option<Notice> {
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read;

    fn put(input: &mut Input, bytes: &[u8]) -> Progress {
        input.buffer().extend_from_slice(bytes);
        input.flush()
    }

    /// What a new process is given.
    fn process(input: &mut Input) -> File {
        File::from(input.open().unwrap().try_clone_to_owned().unwrap())
    }

    fn take(process: &mut File, count: usize) -> String {
        let mut bytes = vec![0; count];
        process.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn rest(process: &mut File) -> String {
        let mut text = String::new();
        process.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn what_a_dead_process_has_not_read_is_read_by_the_next() {
        let mut input = Input::default();
        assert_eq!((put(&mut input, b"before "), input.fd().is_none()), (Progress::Stalled, true));
        let mut first = process(&mut input);
        assert_eq!(input.flush(), Progress::Empty);
        assert_eq!(take(&mut first, 3), "bef");
        fcntl(&first, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        drop(first);
        assert_eq!(put(&mut input, b"while it is down "), Progress::Empty);
        let mut second = process(&mut input);
        let flags = OFlag::from_bits_retain(fcntl(&second, FcntlArg::F_GETFL).unwrap());
        assert!(!flags.contains(OFlag::O_NONBLOCK));
        assert_eq!(put(&mut input, b"after"), Progress::Empty);
        input.end();
        assert_eq!(rest(&mut second), "ore while it is down after");
    }

    #[test]
    fn the_end_comes_after_the_last_byte_and_what_comes_later_is_for_the_next() {
        let mut input = Input::default();
        let mut first = process(&mut input);
        let long = "0123456789".repeat(20_000);
        assert_eq!(put(&mut input, long.as_bytes()), Progress::Stalled);
        input.end();
        assert_eq!(put(&mut input, b"later"), Progress::Stalled);
        let mut got = String::new();
        while got.len() < long.len() {
            got += &take(&mut first, 10_000);
            let _ = input.flush();
        }
        assert_eq!((got == long, rest(&mut first)), (true, String::new()));
        assert_eq!((input.flush(), input.pending(), input.fd().is_none()), (Progress::Stalled, 5, true));
        let mut second = process(&mut input);
        assert_eq!(input.flush(), Progress::Empty);
        input.end();
        assert_eq!(rest(&mut second), "later");
    }

    #[test]
    fn what_a_process_that_was_killed_after_the_end_left_comes_first() {
        let mut input = Input::default();
        let mut first = process(&mut input);
        let long = "0123456789".repeat(20_000);
        let _ = put(&mut input, long.as_bytes());
        input.end();
        let mut got = take(&mut first, 5);
        drop(first);
        let _ = put(&mut input, b"later");
        let mut second = process(&mut input);
        while got.len() < long.len() + 5 {
            let _ = input.flush();
            let most = 10_000.min(long.len() + 5 - got.len());
            got += &take(&mut second, most);
        }
        assert!(got == long + "later");
        assert_eq!(input.flush(), Progress::Empty);

        let _ = put(&mut input, b"nobody reads this");
        assert_eq!(input.take_left(), b"nobody reads this");
        assert_eq!((input.pending(), input.take_left()), (0, Vec::new()));
        let mut third = process(&mut input);
        input.end();
        assert_eq!(rest(&mut third), "");
    }

    #[test]
    fn one_that_does_not_read_fills_it_and_nobody_waits() {
        let mut input = Input::default();
        let _process = process(&mut input);
        let mut said = 0;
        while !input.is_full() {
            let _ = put(&mut input, &[b'x'; 1000]);
            said += 1000;
        }
        assert_eq!(input.flush(), Progress::Stalled);
        assert!(input.fd().is_some() && input.pending() < said && !input.is_failing());
        assert_eq!(input.take_left().len(), said);
    }
}
