//! The way to talk to a running supervisor: HTTP and JSON over a Unix socket.

pub mod api;
pub mod client;
pub mod socket;
