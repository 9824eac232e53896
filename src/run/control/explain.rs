//! Why a service is in its state: the way from it to the root cause, and what happens next.

use super::super::report;
use super::super::shell::Shell;
use crate::control::api::{Explanation, Link};
use crate::core::{StateName, Why};
use crate::model::{Id, Kind, format_duration};
use std::time::Duration;

impl Shell {
    pub(super) fn explain(&self, id: Id, _may_act: bool) -> Explanation {
        let wall = self.wall();
        let chain = self.core.chain(id);
        let link = |(id, _): &(Id, Why)| Link {
            service: self.name(*id).to_owned(),
            state: self.state(*id).to_string(),
            text: report::reason(&self.core, *id).unwrap_or_default(),
        };
        Explanation {
            service: self.service_status(id, wall),
            chain: chain.iter().map(link).collect(),
            next: self.what_follows(id),
            exits: self.exits(id, wall),
            last_lines: Vec::new(),
        }
    }

    /// What happens next to a service by itself.
    fn what_follows(&self, id: Id) -> String {
        let service = self.plan.service(id);
        let svc = self.core.svc(id);
        if self.is_stopping() {
            return "the container ends".to_owned();
        }
        match self.core.state_name(id) {
            StateName::Backoff => {
                let left = self.next_start(id).unwrap_or_default().saturating_sub(self.running());
                let left =
                    format_duration(Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(0)));
                let attempt = svc.failures.saturating_add(1);
                match service.restart.limit {
                    Some(limit) => format!("restarting it in {left} (attempt {attempt} of {limit})"),
                    None => format!("restarting it in {left} (attempt {attempt})"),
                }
            }
            StateName::Waiting => "it starts as soon as what it waits for is there".to_owned(),
            StateName::Starting if service.kind == Kind::Oneshot => "it runs to its end".to_owned(),
            StateName::Starting => "it becomes ready".to_owned(),
            StateName::Ready if service.kind == Kind::Target => "nothing: it is reached".to_owned(),
            StateName::Ready => "nothing: it is up".to_owned(),
            StateName::Stopping => "it stops".to_owned(),
            StateName::Done if service.kind == Kind::Oneshot => "nothing: it has done its work".to_owned(),
            StateName::Skipped => "nothing: its conditions do not hold".to_owned(),
            StateName::Blocked => "nothing until what it requires is started".to_owned(),
            StateName::Inactive | StateName::Done | StateName::Failed => {
                "nothing until somebody starts it".to_owned()
            }
        }
    }
}
