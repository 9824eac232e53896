//! What every verb that talks to a supervisor has in common: where the supervisor is, what is said when that fails, and
//! what Ctrl-C means.

use super::terminal::{note, print};
use super::{EX_FALSE, EX_INTERRUPTED, EX_UNAVAILABLE};
use crate::config::{Mode, Request, Variables, settings};
use crate::control::client::{Client, Failure};
use crate::control::socket::search;
use crate::model::{Signal, Socket, map_of};
use crate::sys::error_text;
use futures_core::Stream;
use std::future::poll_fn;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

/// What a supervisor may take to answer a question that needs no waiting.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Where the supervisor is.
#[derive(clap::Args, Debug)]
pub(super) struct Connection {
    /// The supervisor's control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl Connection {
    fn client(&self) -> Client {
        let places = match &self.socket {
            Some(path) => vec![path.clone()],
            None => {
                let environment: Variables = map_of(std::env::vars_os());
                match settings(&Request::new(Vec::new(), None, &environment, Mode::Run)).socket {
                    Socket::Path(path) => vec![path.into()],
                    Socket::Off => Vec::new(),
                    Socket::Search => search(|name| std::env::var_os(name)),
                }
            }
        };
        Client::new(places)
    }

    /// Does what a verb does, and gives its exit code. Ctrl-C ends it in the way of every program.
    pub(super) fn run(&self, work: impl AsyncFnOnce(&Client) -> Result<u8, Trouble>) -> u8 {
        let client = self.client();
        drive(Box::pin(work(&client)), None)
    }

    /// The same; at Ctrl-C it says this, for what was asked goes on.
    pub(super) fn run_and_wait(
        &self,
        interrupted: &str,
        work: impl AsyncFnOnce(&Client) -> Result<u8, Trouble>,
    ) -> u8 {
        let client = self.client();
        drive(Box::pin(work(&client)), Some(interrupted))
    }
}

/// What a verb does. Boxed, or the program would have a runtime for each verb.
type Work<'a> = Pin<Box<dyn Future<Output = Result<u8, Trouble>> + 'a>>;

fn drive(work: Work<'_>, interrupted: Option<&str>) -> u8 {
    crate::sys::signal::restore_inherited();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Trouble::Own("begin".to_owned(), error).say(),
    };
    let result = runtime.block_on(async {
        let Some(text) = interrupted else { return work.await };
        tokio::select! {
            result = work => result,
            () = arrives(Signal::INT) => {
                note(text);
                Ok(EX_INTERRUPTED)
            }
        }
    });
    // Its connections end with this process and not before: a supervisor that ends waits for that, for its end kills whoever
    // is left in the container.
    std::mem::forget(runtime);
    result.unwrap_or_else(Trouble::say)
}

/// Ends when this signal arrives; from this call on it does nothing else. A signal that whoever started this process
/// ignores, as a shell does with SIGINT for what runs in its background, stays ignored.
pub(super) fn arrives(signal: Signal) -> impl Future<Output = ()> {
    let number = signal.number();
    let ignored = crate::sys::signal::inherited().ignored & (1 << (number - 1)) != 0;
    // Where no handler can be had, the signal ends this process as it ends any other.
    let mut signals = if ignored { None } else { signal_hook_tokio::Signals::new([number]).ok() };
    async move {
        match &mut signals {
            Some(signals) => drop(poll_fn(|context| Pin::new(&mut *signals).poll_next(context)).await),
            None => std::future::pending().await,
        }
    }
}

/// Prints the whole answer of a verb that needs no supervisor, and gives the exit code.
pub(super) fn print_only(text: &str) -> u8 {
    print(text).map_or_else(|error| Trouble::Output(error).say(), |()| 0)
}

/// Why a verb came to no result.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is no answer.
    Failure(Failure),
    /// The answer cannot be printed.
    Output(io::Error),
    /// This process cannot do what it needs to: a verb in the infinitive.
    Own(String, io::Error),
}

impl Trouble {
    /// Says what happened, and gives the exit code.
    pub(super) fn say(self) -> u8 {
        match self {
            Self::Failure(failure) => {
                note(&failure.to_string());
                match failure {
                    Failure::Problem(..) => EX_FALSE,
                    _ => EX_UNAVAILABLE,
                }
            }
            // Whoever has read enough is content.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Output(error) => {
                note(&format!("cannot write to stdout: {}", error_text(&error)));
                EX_FALSE
            }
            Self::Own(what, error) => {
                note(&format!("cannot {what}: {}", error_text(&error)));
                EX_FALSE
            }
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
