//! The control socket: HTTP and JSON over a Unix socket, for the verbs and for whoever else wants to ask.
//!
//! | file      | does                                                             |
//! |-----------|------------------------------------------------------------------|
//! | `api`     | what goes over it: every request body and every answer           |
//! | `socket`  | where it is; how it is made and found                            |
//! | `server`  | who is connected: a bounded number of clients                    |
//! | `stall`   | a connection that is given up when its client takes nothing      |
//! | `respond` | one request and its answer                                       |
//! | `routes`  | the table of what can be asked                                   |
//! | `call`    | what passes between a connection and the shell                   |
//! | `client`  | the other end, for the verbs                                     |

pub mod api;
mod call;
pub mod client;
mod respond;
pub mod routes;
mod server;
pub mod socket;
mod stall;

pub use call::{Answer, Ask, Call, Logs, Reply, Verb};
pub use server::{Busy, CLIENTS, Guests, STRANGERS, converse_over, serve};

#[cfg(test)]
#[path = "openapi_tests.rs"]
mod openapi_tests;
