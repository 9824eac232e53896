//! The client of the control socket, for the verbs: one connection for each request.
//!
//! It belongs to a short-lived process of its own and never runs in PID 1, so it may wait. Still nothing that it reads is
//! unbounded: whoever answers at the socket may be anybody.

use super::api::Problem;
use crate::sys::error_text;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;
use tokio::net::UnixStream;

/// Bytes of one answer, or of one line of a stream. The status of 10,000 services has 5 MB.
const MAX_ANSWER: usize = 64 << 20;

/// Why there is no answer, or not the one asked for.
#[derive(Debug)]
pub enum Failure {
    /// Nobody listens at any of the places; told of the first.
    NoSupervisor {
        /// Where it was looked for, in this order; never empty.
        places: Vec<PathBuf>,
        /// Why the first cannot be connected to.
        cause: io::Error,
    },
    /// The configuration says that there is no socket.
    SwitchedOff,
    /// The connection ended before the answer was whole.
    Ended(PathBuf),
    /// Somebody answered, but not in the language of `control::api`.
    NotUnderstood(PathBuf, String),
    /// No answer within this time.
    Silent(PathBuf, Duration),
    /// The supervisor answered with a [`Problem`], under this HTTP status.
    Problem(u16, Problem),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSupervisor { places, cause } => {
                let first = places.first().map(|path| path.display().to_string()).unwrap_or_default();
                write!(f, "no supervisor answers at {first}: {}", error_text(cause))?;
                let others: Vec<_> = places.iter().skip(1).map(|path| path.display().to_string()).collect();
                if others.is_empty() { Ok(()) } else { write!(f, " (nor at {})", others.join(", ")) }
            }
            Self::SwitchedOff => {
                f.write_str("no supervisor answers: the setting `socket` is \"none\"; --socket names one")
            }
            Self::Ended(path) => {
                write!(f, "the connection to the supervisor at {} ended before it answered", path.display())
            }
            Self::NotUnderstood(path, what) => {
                write!(f, "cannot understand what answers at {}: {what}", path.display())
            }
            Self::Silent(path, time) => {
                let time = crate::model::format_duration(*time);
                write!(f, "the supervisor at {} does not answer within {time}", path.display())
            }
            Self::Problem(_, Problem { error, help: Some(help) }) => write!(f, "{error}; {help}"),
            Self::Problem(_, Problem { error, help: None }) => f.write_str(error),
        }
    }
}

impl std::error::Error for Failure {}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON, with every key that the supervisor sent, also those that this version does not know.
    pub body: Value,
    /// The same as it came: what it is read from, for each source that values are read from is a part of the program.
    bytes: Vec<u8>,
    socket: PathBuf,
}

impl Answer {
    /// As one of the types of `control::api`.
    ///
    /// # Errors
    /// [`Failure::NotUnderstood`].
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.bytes)
            .map_err(|error| Failure::NotUnderstood(self.socket.clone(), error.to_string()))
    }
}

/// A request under way. Boxed, or each verb would have a client of its own in the program.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + 'a>>;

/// Where the supervisor is looked for.
#[derive(Clone, Debug)]
pub struct Client {
    places: Vec<PathBuf>,
}

impl Client {
    /// A client that tries these places in order.
    #[must_use]
    pub fn new(places: Vec<PathBuf>) -> Self {
        Self { places }
    }

    /// `GET` of one answer. `target` is the path with the query.
    ///
    /// # Errors
    /// Every [`Failure`]; an answer whose JSON has the key `error` is a [`Failure::Problem`].
    #[must_use]
    pub fn get<'a>(&'a self, target: &'a str, patience: Duration) -> Asking<'a, Answer> {
        self.ask(Method::GET, target, None, Some(patience))
    }

    /// `POST` of this body. Without `patience` the answer may take as long as it takes.
    ///
    /// # Errors
    /// As [`Client::get`].
    #[must_use]
    pub fn post<'a>(
        &'a self,
        target: &'a str,
        body: &impl Serialize,
        patience: Option<Duration>,
    ) -> Asking<'a, Answer> {
        // The types of the API have string keys only, so it cannot fail.
        self.ask(Method::POST, target, Some(serde_json::to_vec(body).unwrap_or_default()), patience)
    }

    fn ask<'a>(
        &'a self,
        method: Method,
        target: &'a str,
        body: Option<Vec<u8>>,
        patience: Option<Duration>,
    ) -> Asking<'a, Answer> {
        Box::pin(async move {
            let (stream, socket) = self.connect().await?;
            within(patience, &socket, async {
                let exchange = send(stream, &socket, method, target, body).await?;
                let status = exchange.response.status().as_u16();
                answer(status, &collect(exchange.response.into_body(), &socket).await?, &socket)
            })
            .await
        })
    }

    /// `GET` of an answer that comes line by line.
    ///
    /// # Errors
    /// Every [`Failure`].
    #[must_use]
    pub fn lines<'a>(&'a self, target: &'a str, patience: Duration) -> Asking<'a, Lines> {
        Box::pin(async move {
            let (stream, socket) = self.connect().await?;
            within(Some(patience), &socket, async {
                let exchange = send(stream, &socket, Method::GET, target, None).await?;
                if exchange.response.status().is_success() {
                    return Ok(Lines { exchange, socket: socket.clone(), buffer: Vec::new(), given: 0 });
                }
                let status = exchange.response.status().as_u16();
                answer(status, &collect(exchange.response.into_body(), &socket).await?, &socket)?;
                Err(Failure::NotUnderstood(socket.clone(), format!("HTTP status {status}")))
            })
            .await
        })
    }

    /// The first place where somebody listens.
    async fn connect(&self) -> Result<(UnixStream, PathBuf), Failure> {
        let mut first = None;
        for place in &self.places {
            match UnixStream::connect(place).await {
                Ok(stream) => return Ok((stream, place.clone())),
                Err(error) => drop(first.get_or_insert(error)),
            }
        }
        match first {
            Some(cause) => Err(Failure::NoSupervisor { places: self.places.clone(), cause }),
            None => Err(Failure::SwitchedOff),
        }
    }
}

/// Makes a path with a query: `key=value`, with the values encoded as RFC 3986 says.
#[must_use]
pub fn target(path: &str, query: &[(&str, &str)]) -> String {
    let mut target = path.to_owned();
    for (number, (key, value)) in query.iter().enumerate() {
        target.push(if number == 0 { '?' } else { '&' });
        target.push_str(key);
        target.push('=');
        encode(value, &mut target);
    }
    target
}

/// Appends what may not stand in a path segment or a query as `%XX`.
pub fn encode(text: &str, to: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            to.push_str(&format!("%{byte:02X}"));
        }
    }
}

struct Exchange {
    response: Response<Incoming>,
    // Without it, hyper would close this half of the connection.
    _sender: SendRequest<Full<Bytes>>,
}

async fn send(
    stream: UnixStream,
    socket: &Path,
    method: Method,
    target: &str,
    body: Option<Vec<u8>>,
) -> Result<Exchange, Failure> {
    let not_understood =
        |error: &dyn fmt::Display| Failure::NotUnderstood(socket.to_owned(), error.to_string());
    let told = |error: hyper::Error| match error {
        error if error.is_parse() => not_understood(&error),
        _ => Failure::Ended(socket.to_owned()),
    };
    let mut request = Request::builder().method(method).uri(target).header("host", "foster");
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let body = Full::new(Bytes::from(body.unwrap_or_default()));
    let request = request.body(body).map_err(|error| not_understood(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(told)?;
    // It ends with the connection, or with the runtime.
    tokio::spawn(async move { drop(connection.await) });
    let response = sender.send_request(request).await.map_err(told)?;
    Ok(Exchange { response, _sender: sender })
}

async fn within<T>(
    patience: Option<Duration>,
    socket: &Path,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let Some(time) = patience else { return work.await };
    let late = |_| Err(Failure::Silent(socket.to_owned(), time));
    tokio::time::timeout(time, work).await.unwrap_or_else(late)
}

async fn collect(mut body: Incoming, socket: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::Ended(socket.to_owned()))?;
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
        if bytes.len() > MAX_ANSWER {
            return Err(Failure::NotUnderstood(socket.to_owned(), "the answer has no end".to_owned()));
        }
    }
    Ok(bytes)
}

fn answer(status: u16, bytes: &[u8], socket: &Path) -> Result<Answer, Failure> {
    let body: Value = match serde_json::from_slice(bytes) {
        Ok(body) => body,
        Err(error) => {
            return Err(Failure::NotUnderstood(
                socket.to_owned(),
                format!("HTTP status {status} without JSON: {error}"),
            ));
        }
    };
    if body.get("error").is_some_and(Value::is_string)
        && let Ok(problem) = serde_json::from_slice::<Problem>(bytes)
    {
        return Err(Failure::Problem(status, problem));
    }
    Ok(Answer { status, body, bytes: bytes.to_vec(), socket: socket.to_owned() })
}

/// An answer that comes line by line.
pub struct Lines {
    exchange: Exchange,
    socket: PathBuf,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were given away.
    given: usize,
}

impl Lines {
    /// The next line without its newline; `None` at the end.
    ///
    /// Nothing is lost when the future is dropped before it is ready.
    ///
    /// # Errors
    /// [`Failure::Ended`] when the connection breaks within an answer, [`Failure::NotUnderstood`] for a line without end.
    pub async fn next(&mut self) -> Result<Option<String>, Failure> {
        loop {
            if let Some(line) = self.buffered() {
                return Ok(Some(line));
            }
            let socket = &self.socket;
            if self.buffer.len() > MAX_ANSWER {
                return Err(Failure::NotUnderstood(socket.clone(), "a line has no end".to_owned()));
            }
            match self.exchange.response.body_mut().frame().await {
                Some(Ok(frame)) => {
                    self.buffer.drain(..self.given);
                    self.given = 0;
                    self.buffer.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                }
                // A supervisor that ends leaves its streams without an end of their own.
                _ if self.buffer.len() == self.given => return Ok(None),
                _ => return Err(Failure::Ended(socket.clone())),
            }
        }
    }

    /// The next line if it is here already.
    pub fn buffered(&mut self) -> Option<String> {
        let rest = self.buffer.get(self.given..)?;
        let line = rest.get(..memchr::memchr(b'\n', rest)?)?;
        let text = String::from_utf8_lossy(line).into_owned();
        self.given += line.len() + 1;
        Some(text)
    }

    /// The next line as JSON of this type.
    ///
    /// # Errors
    /// As [`Lines::next`]; [`Failure::NotUnderstood`] for a line that is something else.
    pub async fn next_as<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        let Some(line) = self.next().await? else { return Ok(None) };
        match serde_json::from_slice(line.as_bytes()) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(Failure::NotUnderstood(self.socket.clone(), error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_holds_whatever_a_name_may_be() {
        assert_eq!(target("/v1/status", &[]), "/v1/status");
        let query = [("service", "web@1"), ("service", "a*?&=é")];
        assert_eq!(target("/v1/status", &query), "/v1/status?service=web%401&service=a%2A%3F%26%3D%C3%A9");
    }
}
