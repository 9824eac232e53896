//! A client of the control socket that is written out, so that nothing of what is tested tests itself.

use super::{Container, PATIENCE};
use serde_json::Value;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A connection.
pub struct Client {
    pub stream: BufReader<UnixStream>,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// In lower case, without the end of the line.
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

impl Client {
    pub fn connect(socket: &Path) -> Self {
        Self::try_connect(socket).unwrap_or_else(|error| panic!("cannot connect: {error}"))
    }

    pub fn try_connect(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Connects as another user, which only root can. Credentials are those of a thread.
    pub fn connect_as(socket: &Path, uid: u32) -> Self {
        let socket = socket.to_owned();
        let thread = std::thread::spawn(move || {
            // SAFETY: three numbers; the call itself, unlike the function of libc, changes this thread alone.
            let done = unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) };
            assert_eq!(done, 0, "cannot become user {uid}");
            Self::connect(&socket)
        });
        thread.join().unwrap()
    }

    pub fn send(&mut self, text: &str) {
        self.try_send(text).unwrap_or_else(|error| panic!("cannot send {text:?}: {error}"));
    }

    pub fn try_send(&mut self, text: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(text.as_bytes())
    }

    pub fn send_get(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"));
    }

    pub fn send_post(&mut self, path: &str, body: &str) {
        let length = body.len();
        self.send(&format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}"));
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> Answer {
        self.send_get(path);
        self.answer()
    }

    #[track_caller]
    pub fn post(&mut self, path: &str, body: &str) -> Answer {
        self.send_post(path, body);
        self.answer()
    }

    /// The head of an answer, and its body if that has a length.
    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        self.try_answer().unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    pub fn try_answer(&mut self) -> io::Result<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let head = head.to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, head, body })
    }

    /// The next line of a stream (chunked, as all of unknown length are); `None` at its end.
    #[track_caller]
    pub fn line(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            let count = self.stream.read_line(&mut line).unwrap_or_else(|error| panic!("no line: {error}"));
            // The frames of the chunks are lines of their own: a length, or nothing.
            match line.trim_end() {
                _ if count == 0 => return None,
                "0" => return None,
                text if text.starts_with('{') => {
                    return Some(
                        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")),
                    );
                }
                text => assert!(text.is_empty() || usize::from_str_radix(text, 16).is_ok(), "{text}"),
            }
        }
    }

    /// Lines up to the first for which this holds, that one included.
    #[track_caller]
    pub fn lines_until(&mut self, holds: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().unwrap_or_else(|| panic!("the stream ended after {lines:#?}"));
            let done = holds(&line);
            lines.push(line);
            if done {
                return lines;
            }
        }
    }

    /// Whether the other side has closed the connection, or does so in this time.
    pub fn is_closed_within(&mut self, time: Duration) -> bool {
        self.stream.get_ref().set_read_timeout(Some(time)).unwrap();
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => matches!(error.kind(), io::ErrorKind::ConnectionReset),
        }
    }
}

impl Container {
    /// Where the control socket is, as seen from here.
    pub fn socket(&self) -> PathBuf {
        self.path("control.sock")
    }

    /// A connection to the control socket.
    #[track_caller]
    pub fn client(&self) -> Client {
        // It is there before the first service is started, but perhaps nothing was.
        let there = super::eventually(PATIENCE, || self.socket().exists());
        self.check(there, "there is no control socket");
        Client::connect(&self.socket())
    }

    /// One request on a connection of its own.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.client().get(path)
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.client().post(path, body)
    }

    /// One service, as `status` shows it.
    #[track_caller]
    pub fn status_of(&self, name: &str) -> Value {
        let answer = self.get(&format!("/v1/services/{name}"));
        self.check(answer.status == 200, &format!("{answer:?}"));
        answer.json()
    }
}
