//! Signs of readiness that nobody has to ask for.

mod fd;

pub(super) use fd::Newlines;
