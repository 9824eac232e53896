//! Log files among the outlets.

use super::outlets::{Key, Outlets};
use super::{FILES, Output, data};
use crate::log::{FileSpec, Stream};
use crate::model::{LogFile, LogLevel, StderrTo};
use crate::sys::error_text;
use nix::sys::epoll::{EpollEvent, EpollFlags};
use std::io;

impl Output {
    /// The outlets of both streams, which are one where the file is, or where nothing comes of standard error.
    pub(super) fn file(&mut self, file: &LogFile, stderr: StderrTo) -> [u32; 2] {
        let mut told = String::new();
        Stream::BOTH.map(|stream| {
            let stream = if stderr == StderrTo::Stderr { stream } else { Stream::Out };
            let spec = FileSpec::of(file, stream);
            let path = spec.path.display().to_string();
            self.outlets.file(path.clone(), spec).unwrap_or_else(|error| {
                let text = format!("cannot open {path}: {}; its lines go to the console", error_text(&error));
                if told != text {
                    self.own.push(LogLevel::Warn, text.as_bytes());
                    told = text;
                }
                self.outlets.console(stream)
            })
        })
    }

    /// Has all log files opened anew: their paths may name others now.
    pub fn reopen_files(&self) {
        self.outlets.files.reopen();
    }
}

impl Outlets {
    fn file(&mut self, path: String, spec: FileSpec) -> io::Result<u32> {
        let is_first = self.files.fd().is_none();
        let outlet = self.files.open(spec)?;
        if let (true, Some(fd)) = (is_first, self.files.fd()) {
            self.epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, data(self.tag, FILES)))?;
        }
        let key = Key::File(path.clone());
        match self.find(&key) {
            // The same file, which is now treated as this outlet wanted it.
            Some(at) => Ok(at),
            None => self.add(key, path, Box::new(outlet), false),
        }
    }

    /// Some file has something to tell.
    pub(super) fn files_rang(&mut self) {
        self.files.rang();
        let files = self.all().filter(|(_, slot)| matches!(slot.key, Key::File(_)));
        let files: Vec<_> = files.map(|(at, _)| at).collect();
        files.into_iter().for_each(|at| self.rang(at));
    }
}
