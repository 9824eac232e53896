//! Whose process it is that says something.

use crate::model::Id;
use crate::run::shell::Shell;
use crate::sys::{Pid, own_pid, procs, reap};

/// So many parents of a process are asked.
const LONGEST_WAY: usize = 64;

impl Shell {
    /// The service that a process belongs to, be it a zombie: as its own process, by its session, or by that of a parent.
    ///
    /// A process that left its session and whose parents are dead (a daemon of the old kind) is known by its cgroup; without
    /// one it says itself whose it is, in `FOSTER_SERVICE` of its environment: that counts if it runs as the same user as the main process, who could do worse.
    pub(super) fn sender(&self, pid: Pid) -> Option<Id> {
        let mut at = pid;
        for _ in 0..LONGEST_WAY {
            if at <= 1 || at == own_pid() {
                return None;
            }
            if let Some(id) = self.known(at) {
                return Some(id);
            }
            let parent = procs::look(at)?.parent;
            if parent == own_pid() {
                return self.by_cgroup(at).or_else(|| self.says_itself(at));
            }
            at = parent;
        }
        None
    }

    fn known(&self, pid: Pid) -> Option<Id> {
        let by_session = || reap::session_of(pid).and_then(|session| self.procs.of_session(session));
        self.procs.service_of(pid).or_else(by_session)
    }

    fn says_itself(&self, pid: Pid) -> Option<Id> {
        let name = procs::describe(pid)?.service?;
        let id = self.plan.ids().find(|id| self.name(*id) == name)?;
        let main = self.procs.pid(crate::core::Proc { id, role: crate::core::Role::Main })?;
        let user = procs::user_of(main)?;
        (procs::user_of(pid)? == user).then_some(id)
    }
}
