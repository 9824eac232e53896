//! Why a service is in its state: the way from it to the root cause, and what happens next.

use super::super::shell::Shell;
use crate::control::api::{Explanation, Link};
use crate::core::{Starting, State, StateName, Why};
use crate::model::{Id, Kind, format_duration};
use std::time::Duration;

/// Lines of output that belong to an explanation.
const LAST_LINES: usize = 10;

impl Shell {
    pub(super) fn explain(&mut self, id: Id, may_act: bool) -> Explanation {
        let wall = self.wall();
        let chain = self.core.chain(id);
        let culprit = chain.last().map_or(id, |(id, _)| *id);
        let last_lines = if may_act { self.last_log_lines(culprit, LAST_LINES) } else { Vec::new() };
        let link = |(id, _): &(Id, Why)| Link {
            service: self.name(*id).to_owned(),
            state: self.state(*id).to_string(),
            text: self.reason(*id).unwrap_or_default(),
        };
        Explanation {
            service: self.service_status(id, wall),
            chain: chain.iter().map(link).collect(),
            next: self.what_follows(id),
            exits: self.exits(id, wall),
            last_lines,
        }
    }

    /// What happens next to a service by itself.
    fn what_follows(&self, id: Id) -> String {
        let (service, svc, view) = (self.plan.service(id), self.core.svc(id), self.core.view(id));
        if self.is_stopping() {
            return "the container ends".to_owned();
        }
        let left = view.next.map(|next| {
            let left = Duration::from_millis(next).saturating_sub(self.running());
            // More than milliseconds is not meant.
            format_duration(Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)))
        });
        let delayed = svc.state == State::Starting(Starting::Delay);
        match (view.state, left) {
            (StateName::Backoff, left) => {
                let attempt = svc.failures.saturating_add(1);
                let of = service.restart.limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
                format!(
                    "restarting it in {} (attempt {attempt}{of})",
                    left.unwrap_or_else(|| "0s".to_owned())
                )
            }
            (StateName::Stopping, Some(left)) => {
                format!("killing it with SIGKILL in {left}, if it is not down")
            }
            (StateName::Stopping, None) => "it is down when its processes are gone".to_owned(),
            (StateName::Starting, Some(left)) if delayed => {
                format!("it is ready in {left}, if it still runs")
            }
            (StateName::Starting, _) if service.kind == Kind::Oneshot => "it runs to its end".to_owned(),
            (StateName::Starting, _) => "it becomes ready".to_owned(),
            (StateName::Waiting, _) => "it starts when what it waits for is there".to_owned(),
            (StateName::Ready | StateName::Skipped, _) => "nothing".to_owned(),
            (StateName::Done, _) if service.kind == Kind::Oneshot => "nothing".to_owned(),
            (StateName::Blocked, _) => "nothing until what it requires is started".to_owned(),
            (StateName::Inactive | StateName::Done | StateName::Failed, _) => {
                "nothing until somebody starts it".to_owned()
            }
        }
    }
}
