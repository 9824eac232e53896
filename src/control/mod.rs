//! The control socket: HTTP and JSON over a Unix socket, for the verbs and for whoever else wants to ask. And the pages: what
//! probes and Prometheus read over TCP.
//!
//! | file      | does                                                             |
//! |-----------|------------------------------------------------------------------|
//! | `api`     | what goes over it: every request body and every answer           |
//! | `socket`  | where it is; how it is made and found                            |
//! | `server`  | who is connected: a bounded number of clients                    |
//! | `stall`   | a connection that is given up when its client takes nothing      |
//! | `respond` | one request and its answer                                       |
//! | `routes`  | the table of what can be asked                                   |
//! | `pages`   | the pages, and in which format they are wanted                   |
//! | `metrics` | figures as OpenMetrics, and as Prometheus had them before        |
//! | `call`    | what passes between a connection and the shell                   |
//! | `client`  | the other end, for the verbs                                     |

pub mod api;
mod call;
pub mod client;
pub mod metrics;
pub mod pages;
mod respond;
pub mod routes;
mod server;
pub mod socket;
mod stall;

pub use call::{Answer, Ask, Call, Logs, Reply, Stream, Verb};
pub use respond::Site;
pub use server::{Busy, CLIENTS, Guests, STRANGERS, converse_over, serve, serve_pages};

#[cfg(test)]
#[path = "openapi_tests.rs"]
mod openapi_tests;
