//! When a schedule comes due.
//!
//! | file    | does                                                    |
//! |---------|---------------------------------------------------------|
//! | `cron`  | the next time of a cron expression in a time zone       |
//! | `zone`  | time zones, by name or as the container has it          |
//! | `agenda`| what is due, and what of it is run after the clock jumped |

mod agenda;
mod cron;
mod zone;

pub use agenda::{Agenda, Clock};
pub use cron::Cron;
pub use jiff::tz::TimeZone;
pub use zone::{local_zone, zone};
