//! Stories about the core: `tests/sim/*.txt` are transcripts of a simulation, with a clock that only the story moves.
//!
//! A transcript begins with a `# title`, then names services, then tells. `plan NAME` begins another plan, which somebody may
//! apply. A line with `> ` is what happens, the lines below it are what the core does about it; `> who: start app` is
//! somebody who waits for the answer. exec succeeds at once unless the story says otherwise, and the last process is
//! reaped at once. `UPDATE=1 cargo test --test sim` writes the answers anew, for a reader to judge.

mod world;

use foster::core::{
    Action, Answer, Cause, Event, Fault, Goal, Next, Notice, Proc, Reason, Request, Role, Sweep, Ticket,
    Timer,
};
use foster::model::{
    Conditions, Exec, Exit, ExitMatch, Id, Kind, OnFailure, Overlap, Plan, Policy, Probe, Schedule, Service,
    Sign, Signal, Stop, parse_duration,
};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use world::invariants::{Edge, check_state, check_step};
use world::{Life, World};

struct Story {
    world: World,
    now: u64,
    timers: BTreeMap<Timer, u64>,
    /// Services whose exec the story reports itself.
    by_hand: Vec<String>,
    /// The plan in force as far as the story is told.
    plan: Rc<Plan>,
    /// Plans that may be applied, by name.
    plans: BTreeMap<String, Rc<Plan>>,
    /// Who waits, by ticket.
    who: Vec<String>,
    told: String,
}

impl Story {
    fn id(&self, name: &str) -> Id {
        let found = self.world.core.plan().services.iter().position(|s| s.name == name);
        Id(u32::try_from(found.unwrap_or_else(|| panic!("no service {name}"))).expect("few services"))
    }

    fn main(&self, name: &str) -> Proc {
        Proc { id: self.id(name), role: Role::Main }
    }

    fn name(&self, id: Id) -> String {
        self.plan.service(id).name.clone()
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.told, "{line}").expect("a string takes all");
    }

    fn happen(&mut self, event: Event) {
        let before = self.world.clone();
        let actions =
            self.world.happen(self.now, event.clone()).unwrap_or_else(|why| panic!("{why}\n{}", self.told));
        let edge = Edge { before: &before, event: &event, actions: &actions, after: &self.world };
        check_step(&edge)
            .and_then(|()| check_state(&self.world))
            .unwrap_or_else(|why| panic!("{why}\n{}", self.told));
        let mut follow = Vec::new();
        for action in actions {
            self.act(action, &mut follow);
        }
        for event in follow {
            self.happen(event);
        }
        if self.world.swept.is_some() && self.world.exit.is_none() && !self.world.anything_lives() {
            self.happen(Event::NoChildren);
        }
    }

    fn act(&mut self, action: Action, follow: &mut Vec<Event>) {
        match action {
            Action::Spawn(proc) => {
                let name = self.name(proc.id);
                let what = match proc.role {
                    Role::Main => "start",
                    Role::Check => "run the condition of",
                    Role::Stop => "run the stop command of",
                    Role::Reload => "run the reload command of",
                    Role::Probe => unreachable!("the core starts no probe like this"),
                };
                self.tell(&format!("  {what} {name}"));
                if !self.by_hand.contains(&name) {
                    follow.push(Event::Spawned(proc));
                }
            }
            Action::Stop(id) => {
                let (name, signal) = (self.name(id), self.world.core.plan().service(id).stop.signal);
                self.tell(&format!("  {signal} to {name}"));
            }
            Action::Kill(proc) => {
                let name = self.name(proc.id);
                self.tell(&format!("  SIGKILL to {name}"));
            }
            Action::EndInput(id) => self.tell_of("end the input of", id),
            Action::Abort(id) => self.tell_of("SIGABRT to", id),
            Action::Probe(id) => self.tell_of("probe", id),
            Action::Abandon(id) => {
                self.tell_of("give up the probe of", id);
                follow.push(Event::Probed(id, false));
            }
            Action::Await(id) => self.tell_of("await", id),
            Action::Forget(id) => self.tell_of("await no more", id),
            Action::Arm(timer, after) => {
                self.timers.insert(timer, self.now + after);
            }
            Action::Disarm(timer) => {
                self.timers.remove(&timer);
            }
            Action::Check(id) => follow.push(Event::Checked(id, true)),
            Action::Sweep(Sweep::Term) => self.tell("  SIGTERM to all that is left"),
            Action::Sweep(Sweep::Kill) => self.tell("  SIGKILL to all that is left"),
            Action::Exit(code) => self.tell(&format!("  exit with code {code}")),
            Action::Announce(notice) => self.announce(notice),
            Action::Reload(id) => {
                let (name, signal) = (self.name(id), self.world.core.plan().service(id).reload.signal);
                self.tell(&format!("  {signal} to {name}"));
            }
            Action::Replaced => {
                self.plan = Rc::clone(self.world.core.plan());
                self.tell("  the new plan is in force");
            }
            Action::Reply(ticket, answer) => {
                let answer = match answer {
                    Answer::Done => "done".to_owned(),
                    Answer::Not(reason) => self.reason(reason),
                    Answer::Except(id, reason) => {
                        format!("all but {}: {}", self.name(id), self.reason(reason))
                    }
                };
                let who = self.who[ticket.0 as usize].clone();
                self.tell(&format!("  {who} hears: {answer}"));
            }
        }
    }

    fn tell_of(&mut self, what: &str, id: Id) {
        let line = format!("  {what} {}", self.name(id));
        self.tell(&line);
    }

    fn reason(&self, reason: Reason) -> String {
        match reason {
            Reason::Blocked(by) => format!("blocked by {}", self.name(by)),
            Reason::Stopped(by) => format!("{} was stopped", self.name(by)),
            reason => format!("{reason:?}").to_lowercase(),
        }
    }

    fn announce(&mut self, notice: Notice) {
        let next = |next: Next| match next {
            Next::Restart => "restart now".to_owned(),
            // The jitter is tested elsewhere; a story is about the size.
            Next::RestartIn(ms, attempt) => {
                format!("restart in about {}ms, attempt {attempt}", (ms + 50) / 100 * 100)
            }
            Next::GaveUp(after) => format!("gives up after {after}"),
            Next::Failed => "has failed".to_owned(),
            Next::Done => "done".to_owned(),
            Next::Rest => "until the next time".to_owned(),
            Next::Retires => "it was to stop anyway".to_owned(),
        };
        let line = match notice {
            Notice::State(id, state) => format!("{} is {state}", self.name(id)),
            Notice::Leftover { id, .. } => format!("{} ended and left children", self.name(id)),
            Notice::Ended { id, next: n, .. } => format!("{} ended: {}", self.name(id), next(n)),
            Notice::NotStarted { id, next: n } => format!("{} could not start: {}", self.name(id), next(n)),
            Notice::CheckFailed { id, .. } => format!("{}: condition not decided", self.name(id)),
            Notice::TakenDown { id, next: n } => format!("{} is down: {}", self.name(id), next(n)),
            Notice::Unready(id) => format!("{} was not ready in time", self.name(id)),
            Notice::Unwell(id, misses) => format!("{}: probe failed, {misses} in a row", self.name(id)),
            Notice::Unhealthy(id, misses, then) => {
                format!("{} is unhealthy after {misses}: {then:?}", self.name(id))
            }
            Notice::Healthy(id) => format!("{} is healthy again", self.name(id)),
            Notice::Watchdog { id, hung: false } => format!("{} is silent", self.name(id)),
            Notice::Watchdog { id, hung: true } => format!("{} says that it hangs", self.name(id)),
            Notice::Overlap { id, queued: true } => format!("{} still runs, and runs again", self.name(id)),
            Notice::Overlap { id, queued: false } => format!("{} still runs: left out", self.name(id)),
            Notice::Late(id) => format!("{} is late", self.name(id)),
            Notice::Blocked(id, by) => format!("{} is blocked by {}", self.name(id), self.name(by)),
            Notice::Shutdown(cause) => {
                let why = match cause {
                    Cause::Asked(_) => "asked to".to_owned(),
                    Cause::Main(id, code) => format!("{} ended with {code}", self.name(id)),
                    Cause::Failed(id, code) => format!("{} failed with {code}", self.name(id)),
                    Cause::Blocked(id, by, _) => {
                        format!("{} cannot run without {}", self.name(id), self.name(by))
                    }
                    Cause::Unhealthy(id) => format!("{} is not well", self.name(id)),
                    Cause::Finished => "nothing left to do".to_owned(),
                };
                format!("shutting down: {why}")
            }
            Notice::Escalated => "no more patience".to_owned(),
            Notice::Reloaded(id) => format!("{} was told to reload", self.name(id)),
            Notice::ReloadFailed { id, reason } => format!("{} did not reload: {reason:?}", self.name(id)),
            Notice::Overdue => "the budget is almost over".to_owned(),
        };
        self.tell(&format!("  {line}"));
    }

    /// Moves the clock; timers fire on the way, in order.
    fn wait(&mut self, text: &str) {
        let until =
            self.now + u64::try_from(parse_duration(text).expect("a duration").as_millis()).expect("short");
        while let Some((&timer, &due)) =
            self.timers.iter().filter(|(_, due)| **due <= until).min_by_key(|(_, due)| **due)
        {
            self.now = self.now.max(due);
            self.timers.remove(&timer);
            self.happen(Event::Timer(timer));
        }
        self.now = until;
    }

    fn line(&mut self, line: &str) {
        let (ticket, line) = match line.split_once(": ") {
            Some((who, line)) => {
                self.who.push(who.to_owned());
                (u32::try_from(self.who.len() - 1).ok().map(Ticket), line)
            }
            None => (None, line),
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["boot"] => self.happen(Event::Boot),
            ["wait", duration] => self.wait(duration),
            ["exec", name] => self.happen(Event::Spawned(self.main(name))),
            ["no", "memory", "for", name] => self.fault(name, Fault { temporary: true, code: 1 }),
            ["no", "such", "command", "for", name] => self.fault(name, Fault { temporary: false, code: 127 }),
            ["condition", "of", name, "exits", code] => {
                let proc = Proc { id: self.id(name), role: Role::Check };
                let exit = Exit::Code(code.parse().expect("a code"));
                self.happen(Event::Exited { proc, exit, leftover: false });
            }
            ["stop", "command", "of", name, "ends"] => {
                let proc = Proc { id: self.id(name), role: Role::Stop };
                self.happen(Event::Exited { proc, exit: Exit::Code(0), leftover: false });
            }
            [name, "exits", code] => self.exits(name, Exit::Code(code.parse().expect("a code")), false),
            [name, "exits", code, "and", "leaves", "children"] => {
                self.exits(name, Exit::Code(code.parse().expect("a code")), true);
            }
            [name, "dies", "of", signal] => {
                self.exits(
                    name,
                    Exit::Signal { signal: signal.parse().expect("a signal"), core: false },
                    false,
                );
            }
            ["the", "children", "of", name, "are", "gone"] => self.happen(Event::Vacated(self.id(name))),
            ["start", name] => self.happen(Event::Request(Request::Start(self.id(name)), ticket)),
            ["stop", name] => self.happen(Event::Request(Request::Stop(self.id(name)), ticket)),
            ["restart", name] => self.happen(Event::Request(Request::Restart(self.id(name)), ticket)),
            ["reload", name] => self.happen(Event::Request(Request::Reload(self.id(name)), ticket)),
            ["wait", "until", name, "is", goal] => {
                let goal = if *goal == "up" { Goal::Ready } else { Goal::Stopped };
                self.happen(Event::Request(Request::Await(self.id(name), goal), ticket));
            }
            ["apply", name] => {
                let mut plan = (*self.plans[*name]).clone();
                let known = self.world.core.plan().services.len().max(plan.services.len());
                plan.services.resize_with(known, Service::tombstone);
                self.happen(Event::Replace(Rc::new(plan), ticket));
            }
            [who, "leaves"] => {
                let at = self.who.iter().rposition(|w| w == who).expect("somebody");
                self.happen(Event::Cancel(Ticket(u32::try_from(at).expect("few"))));
            }
            ["reload", "command", "of", name, "exits", code] => {
                let proc = Proc { id: self.id(name), role: Role::Reload };
                let exit = Exit::Code(code.parse().expect("a code"));
                self.happen(Event::Exited { proc, exit, leftover: false });
            }
            [name, "is", "probed", "with", "success"] => self.happen(Event::Probed(self.id(name), true)),
            [name, "is", "probed", "in", "vain"] => self.happen(Event::Probed(self.id(name), false)),
            [name, "says", "that", "it", "is", said] => {
                let id = self.id(name);
                self.happen(match *said {
                    "ready" => Event::Ready(id),
                    "reloading" => Event::Reloading(id),
                    "stopping" => Event::Leaving(id),
                    "alive" => Event::Alive(id),
                    "hung" => Event::Hung(id),
                    other => panic!("nothing says that it is {other}"),
                });
            }
            [name, "asks", "for", time] => {
                let time = parse_duration(time).expect("a duration").as_millis();
                self.happen(Event::Extend(self.id(name), u64::try_from(time).expect("short")));
            }
            [name, "is", "due"] => self.happen(Event::Triggered(self.id(name))),
            ["explain", name] => {
                for (id, why) in self.world.core.chain(self.id(name)) {
                    let line = format!("  {} is {}: {why:?}", self.name(id), self.world.core.state_name(id));
                    self.tell(&line);
                }
            }
            ["shutdown"] => self.happen(Event::Request(Request::Shutdown(None), None)),
            _ => panic!("unknown line: {line}"),
        }
    }

    fn fault(&mut self, name: &str, fault: Fault) {
        self.happen(Event::SpawnFailed(self.main(name), fault));
    }

    fn exits(&mut self, name: &str, exit: Exit, leftover: bool) {
        let proc = self.main(name);
        let life = self.world.outside[proc.id.index()].main;
        assert_eq!(life, Life::Running, "{name} does not run\n{}", self.told);
        self.happen(Event::Exited { proc, exit, leftover });
    }
}

/// `service app daemon requires=db,cache delay=1s`: what a story is about.
fn service(words: &[&str], names: &mut Vec<String>, by_hand: &mut Vec<String>) -> (usize, Service) {
    let [name, kind, rest @ ..] = words else { panic!("service NAME KIND …") };
    let at = names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push((*name).to_owned());
        names.len() - 1
    });
    let kind = match *kind {
        "daemon" => Kind::Daemon,
        "oneshot" => Kind::Oneshot,
        "target" => Kind::Target,
        other => panic!("no kind {other}"),
    };
    let mut s = Service::new(name, kind);
    let known = names.clone();
    let ids = |list: &str| -> Vec<Id> {
        let id = |name: &str| {
            known.iter().position(|n| n == name).unwrap_or_else(|| panic!("no service {name} above"))
        };
        list.split(',').map(|name| Id(u32::try_from(id(name)).expect("few"))).collect()
    };
    for word in rest {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "requires" => s.requires.extend(ids(value)),
            "wants" => s.wants.extend(ids(value)),
            "after" => s.after.extend(ids(value)),
            "restart-with" => {
                s.requires.extend(ids(value));
                s.restart_with.extend(ids(value));
            }
            "delay" => s.ready.sign = Sign::Delay(parse_duration(value).expect("a duration")),
            "sign" => s.ready.sign = Sign::Notify,
            "probed" => s.ready.sign = Sign::Probe(Probe::Unix("/s".to_owned())),
            "ready-timeout" => s.ready.timeout = parse_duration(value).expect("a duration"),
            "health" => s.health.probe = Some(Probe::Unix("/s".to_owned())),
            "misses" => s.health.failures = value.parse().expect("a number"),
            "unhealthy" => {
                s.health.on_failure = match value {
                    "restart" => OnFailure::Restart,
                    "shutdown" => OnFailure::Shutdown,
                    _ => OnFailure::None,
                }
            }
            "watchdog" => s.health.watchdog = parse_duration(value).ok(),
            "reload-notify" => s.reload.notify = true,
            "on-demand" => s.on_demand = true,
            "logger" => s.logger = true,
            "schedule" | "first" => {
                s.essential = false;
                s.schedule = Some(Schedule {
                    cron: String::new(),
                    timezone: None,
                    overlap: match value {
                        "queue" => Overlap::Queue,
                        _ => Overlap::Skip,
                    },
                    run_at_start: key == "first",
                    pool: Vec::new(),
                });
            }
            "limit" => s.restart.limit = Some(value.parse().expect("a number")),
            "on-failure" => s.restart.policy = Policy::OnFailure,
            "never" => s.restart.policy = Policy::Never,
            "success" => s.restart.success.push(ExitMatch::Code(value.parse().expect("a code"))),
            "inessential" => s.essential = false,
            "disabled" => s.enabled = false,
            "main" => (s.main, s.restart.policy) = (true, Policy::Never),
            "condition" => {
                s.when = Conditions { command: Some(vec!["test".into()]), ..Conditions::default() }
            }
            "stop-command" => s.stop = Stop { command: Some(vec!["stop".into()]), ..s.stop.clone() },
            "stop-timeout" => s.stop.timeout = parse_duration(value).expect("a duration"),
            "stop-signal" => s.stop.signal = value.parse::<Signal>().expect("a signal"),
            "program" => s.exec = Some(Exec { argv: vec![value.to_owned()], ..Exec::default() }),
            "reload-command" => s.reload.command = Some(vec!["reload".into()]),
            "exec-by-hand" => by_hand.push((*name).to_owned()),
            other => panic!("no property {other}"),
        }
    }
    (at, s)
}

/// Puts a service into a plan, at the place that its name has in all plans.
fn put(plan: &mut Plan, (at, service): (usize, Service)) {
    let length = plan.services.len().max(at + 1);
    plan.services.resize_with(length, Service::tombstone);
    plan.services[at] = service;
}

/// Runs the story that a transcript tells, and tells it anew.
fn retell(text: &str) -> String {
    let (mut names, mut by_hand, mut plans) = (Vec::new(), Vec::new(), vec![("first", Plan::default())]);
    let mut told = String::new();
    let mut story: Option<Story> = None;
    for line in text.lines() {
        if let Some(happens) = line.strip_prefix("> ") {
            let story = story.get_or_insert_with(|| Story {
                world: World::new(plans[0].1.clone()),
                plan: Rc::new(plans[0].1.clone()),
                now: 0,
                timers: BTreeMap::new(),
                by_hand: by_hand.clone(),
                plans: plans.iter().map(|(name, plan)| ((*name).to_owned(), Rc::new(plan.clone()))).collect(),
                who: Vec::new(),
                told: std::mem::take(&mut told),
            });
            story.tell(line);
            story.line(happens);
        } else if line.starts_with("  ") {
            // An answer; told anew.
        } else {
            if let Some(declared) = line.strip_prefix("service ") {
                let words: Vec<&str> = declared.split_whitespace().collect();
                let (_, plan) = plans.last_mut().expect("there is one");
                put(plan, service(&words, &mut names, &mut by_hand));
            } else if let Some(name) = line.strip_prefix("plan ") {
                plans.push((name, Plan::default()));
            } else if let Some(budget) = line.strip_prefix("budget ") {
                plans[0].1.settings.shutdown_timeout = parse_duration(budget).unwrap_or(Duration::ZERO);
            }
            match &mut story {
                Some(story) => story.tell(line),
                None => told += &format!("{line}\n"),
            }
        }
    }
    story.map_or(told, |s| s.told)
}

#[test]
fn every_story_is_told_as_it_is_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sim");
    let mut paths: Vec<_> =
        std::fs::read_dir(directory).expect("tests/sim").map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    assert!(paths.len() >= 10, "stories are missing");
    for path in paths {
        let written = std::fs::read_to_string(&path).expect("a story");
        assert!(written.starts_with("# "), "{}: a story has a title", path.display());
        let told = retell(&written);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, told).expect("written");
        } else {
            snapbox::assert_data_eq!(told, snapbox::Data::text(written).raw());
        }
    }
}
