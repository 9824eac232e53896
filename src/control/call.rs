//! What passes between a connection and the shell: a question, and its answer as JSON.
//!
//! A connection knows nothing of the tree and the shell nothing of HTTP. Calls go through a bounded channel, one at a time
//! for each connection; whoever asks waits until there is room.

use super::api::{Act, Apply, Problem, SendSignal, Shutdown, Wait};
use super::pages::{Format, Page};
use crate::model::LogLevel;
use hyper::body::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use std::any::Any;
use tokio::sync::oneshot;

/// A question, and where its answer goes.
#[derive(Debug)]
pub struct Call {
    /// What is asked.
    pub ask: Ask,
    /// Whether who asks is root or the supervisor's own user.
    pub may_act: bool,
    /// Where the answer goes.
    pub reply: Reply,
}

/// What is asked. Names are as the client wrote them; what they stand for, the shell knows.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Ask {
    Status(Vec<String>),
    Service(String),
    Act(Verb, Act),
    Signal(SendSignal),
    Wait(Wait),
    Explain(String),
    Events(Vec<String>),
    /// What came after the last chunk of [`Ask::Events`]. Only the shell knows what is inside.
    MoreEvents(Box<dyn Any + Send>),
    Graph,
    Timeline,
    Apply(Apply),
    Shutdown(Shutdown),
    Health(Vec<String>),
    Page(Page, Format),
    Logs(Logs),
    /// Sets the level, if there is one, and tells it.
    LogLevel(Option<LogLevel>),
    ReopenLogs,
    /// The same of [`Ask::Logs`].
    MoreLogs(Box<dyn Any + Send>),
}

/// Which lines of output are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    /// Of these services; none means all.
    pub services: Vec<String>,
    /// The newest so many of them together; `None` means all.
    pub lines: Option<u32>,
    /// Only those that came since then.
    pub since: Option<Timestamp>,
    /// Only those of standard output, or of standard error.
    pub stream: Option<Stream>,
    /// Go on with what comes.
    pub follow: bool,
}

/// One of the two streams of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    /// As it is called in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// What to do with services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Verb {
    Start,
    Stop,
    Restart,
    Reload,
}

/// Where the answer to a call goes. Nothing happens when who asked has gone.
#[derive(Debug)]
pub struct Reply(oneshot::Sender<Answer>);

impl Reply {
    /// A reply and the end at which its answer arrives.
    #[must_use]
    pub fn new() -> (Self, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Whether who asked has gone.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.0.is_closed()
    }

    /// Answers with this HTTP status and the value as JSON.
    pub fn json(self, status: u16, value: &impl Serialize) {
        self.send(Answer::json(status, value));
    }

    /// Answers that it cannot be answered.
    pub fn problem(self, status: u16, error: impl Into<String>, help: Option<String>) {
        self.json(status, &Problem { error: error.into(), help });
    }

    /// Answers.
    pub fn send(self, answer: Answer) {
        // An error means that nobody waits.
        let _ = self.0.send(answer);
    }
}

/// An answer.
#[derive(Debug)]
pub enum Answer {
    /// All of it.
    Whole {
        /// HTTP status.
        status: u16,
        /// JSON.
        body: Bytes,
    },
    /// All of a page.
    Page {
        /// HTTP status.
        status: u16,
        /// Media type.
        media: &'static str,
        /// As that type says.
        body: Bytes,
    },
    /// Some lines of JSON, and what to ask for more; without that it was the end.
    Lines {
        /// Whole lines.
        lines: Bytes,
        /// How to go on.
        more: Option<Ask>,
    },
}

impl Answer {
    /// The value as JSON, with a newline behind it, for terminals.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        // The types of the API have string keys only, so it cannot fail.
        let mut body = serde_json::to_vec(value).unwrap_or_default();
        body.push(b'\n');
        Self::Whole { status, body: body.into() }
    }
}
