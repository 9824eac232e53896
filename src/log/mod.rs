//! What becomes of output: bytes to lines, lines into memory and to wherever they are meant to go.
//!
//! Nothing here waits and nothing grows without a bound. The way of lines, in `run::output`, is
//!
//! ```text
//! pipe ── read ──> Splitter ── Block ──> Tail      (the newest lines, for `foster logs` and failure reports)
//!                                   └──> Format ──> Outlet: Console │ file │ Syslog │ Input (of a logger)
//! tracing ──> OwnLines ──────────────────────^
//! ```

mod console;
mod file;
mod format;
mod input;
mod line;
mod outlet;
mod own;
mod syslog;
mod tail;

pub use console::{Console, consoles};
pub use file::{FileOutlet, FileSpec, Files};
pub use format::{Format, Json, MAX_WIDTH, Prefix, Style, TimeText, colour_wanted};
pub use input::Input;
pub use line::{Block, End, Line, MAX_LINE, Splitter};
pub use outlet::{HIGH, LOW, Notice, Outlet, Progress};
pub use own::{LineWriter, OwnLines};
pub use syslog::{Header, Syslog};
pub use tail::{DEFAULT_TAIL, Kept, Place, Stamp, Tail};

/// Which of its two output streams a process wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output, fd 1.
    Out,
    /// Standard error, fd 2.
    Err,
}

impl Stream {
    /// Both, in the order of their descriptors.
    pub const BOTH: [Self; 2] = [Self::Out, Self::Err];

    /// 0 for [`Stream::Out`], 1 for [`Stream::Err`].
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Out => 0,
            Self::Err => 1,
        }
    }
}
