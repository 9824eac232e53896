//! What a name in `dependencies.d` and `contents.d` stands for.

use super::definitions::{Definitions, Type};
use crate::config::diagnostic::{Code, Span};
use crate::config::import::Reading;
use crate::config::import::draft::{Draft, service_name};
use crate::config::import::logger::Logger;
use crate::config::suggest::did_you_mean;
use std::collections::BTreeMap;

/// The order of all definitions.
#[derive(Debug)]
pub struct Order<'d> {
    /// All definitions.
    pub definitions: &'d Definitions,
    /// Those that only write files: their producers do.
    pub loggers: BTreeMap<&'d str, Logger>,
    /// What starts after `services.d`: `legacy-services`.
    pub late: Vec<Late>,
    /// Which services each name stands for.
    services: BTreeMap<String, Vec<String>>,
}

/// A service that starts after `services.d`.
#[derive(Debug)]
pub struct Late {
    /// Its name.
    pub service: String,
    /// Where that is written.
    pub span: Span,
    /// What says so.
    pub what: String,
}

/// What became of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// It requires these services; whether there are any.
    Requires(bool),
    /// It starts after `services.d`.
    Late,
    /// It is nothing here: why, and what to do.
    Nothing(&'static str),
    /// It is an error, which has been told.
    Broken,
}

/// What s6-overlay starts of its own accord, and what that is in foster.
const BUILT_IN: [&str; 3] = ["base", "legacy-cont-init", "fix-attrs"];
const AFTER_SERVICES: &str = "legacy-services";
/// How long a row of loggers that depend on loggers may be.
const DEEPEST: usize = 8;

impl<'d> Order<'d> {
    /// Gives each definition that is no logger a name. `steps` is what runs before all of them.
    pub fn new(
        definitions: &'d Definitions,
        loggers: BTreeMap<&'d str, Logger>,
        steps: &[String],
        reading: &Reading<'_>,
    ) -> Self {
        let mut services: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut taken: Vec<String> = reading.output.services.iter().map(|draft| draft.name.clone()).collect();
        for name in definitions.all.keys().filter(|name| !loggers.contains_key(name.as_str())) {
            let called = service_name(name, |text| taken.iter().any(|name| name == text));
            taken.push(called.clone());
            services.insert(name.clone(), vec![called]);
        }
        for definition in definitions.all.values() {
            let Some((pipeline, span)) = &definition.pipeline else { continue };
            if definitions.all.contains_key(pipeline) {
                reading.broken(*span, format!("a pipeline and a definition are called `{pipeline}`"));
                continue;
            }
            let members = definitions.pipeline(pipeline);
            let members = members.into_iter().filter_map(|name| services.get(name)).flatten().cloned();
            let members: Vec<String> = members.collect();
            services.insert(pipeline.clone(), members);
        }
        for (bundle, members) in &definitions.started {
            let members = members.iter().filter_map(|(name, _)| services.get(name)).flatten();
            let members: Vec<String> = members.cloned().collect();
            services.insert((*bundle).to_owned(), members);
        }
        for built_in in BUILT_IN {
            let last = match built_in {
                "fix-attrs" => steps.first().filter(|name| name.starts_with("fix-attrs")),
                _ => steps.last(),
            };
            services.insert(built_in.to_owned(), last.into_iter().cloned().collect());
        }
        Self { definitions, loggers, late: Vec::new(), services }
    }

    /// The service that a definition becomes; none of a logger.
    pub fn service(&self, name: &str) -> Option<&String> {
        self.services.get(name).and_then(|names| names.first())
    }

    /// The services that a bundle of s6-overlay stands for.
    pub fn members(&self, bundle: &str) -> Vec<String> {
        self.services.get(bundle).cloned().unwrap_or_default()
    }

    /// Has a service require what is called so.
    pub fn require(
        &mut self,
        draft: &mut Draft,
        on: &str,
        span: Span,
        what: &str,
        reading: &Reading<'_>,
    ) -> Means {
        self.require_through(draft, on, span, what, 0, reading)
    }

    fn require_through(
        &mut self,
        draft: &mut Draft,
        on: &str,
        span: Span,
        what: &str,
        depth: usize,
        reading: &Reading<'_>,
    ) -> Means {
        if self.loggers.contains_key(on) && depth < DEEPEST {
            // Who wants the logger gets what that wanted.
            let definitions = self.definitions;
            let wanted = definitions.all.get(on).map(|definition| &definition.dependencies[..]);
            let mut any = false;
            for (name, _) in wanted.unwrap_or_default() {
                any |= self.require_through(draft, name, span, what, depth + 1, reading)
                    == Means::Requires(true);
            }
            return Means::Requires(any);
        }
        if let Some(names) = self.services.get(on) {
            let is_atom =
                self.definitions.all.get(on).is_some_and(|definition| definition.kind != Type::Bundle);
            if names.contains(&draft.name) && !is_atom {
                let message = format!(
                    "`{what}`: `{on}` contains it itself; s6-rc-compile refuses that, and starts nothing"
                );
                reading.findings.error(Code::Cycle, span, message, None);
                return Means::Broken;
            }
            for name in names {
                draft.push("requires", name.clone(), span);
            }
            return Means::Requires(!names.is_empty());
        }
        match on {
            AFTER_SERVICES => {
                let service = draft.name.clone();
                self.late.push(Late { service, span, what: what.to_owned() });
                Means::Late
            }
            "top" => Means::Nothing(
                "it is all that starts at boot, which has no name here: name the services in `requires` or `after`",
            ),
            "syslogd" | "syslogd-prepare" | "syslogd-log" | "syslogd-pipeline" => Means::Nothing(
                "it is of the syslogd-overlay, which is not in the source, and foster has no /dev/log: have the program write to \
                 standard error",
            ),
            _ => {
                self.unknown(on, span, reading);
                Means::Broken
            }
        }
    }

    /// Tells of names in `user` and `user2` that stand for nothing.
    pub fn check_started(&self, reading: &mut Reading<'_>) {
        for (member, span) in self.definitions.started.iter().flat_map(|(_, members)| members) {
            let known = self.services.contains_key(member) || self.loggers.contains_key(member.as_str());
            if !known && member != AFTER_SERVICES {
                self.unknown(member, *span, reading);
            }
        }
    }

    /// Tells of a name that stands for nothing.
    pub fn unknown(&self, name: &str, span: Span, reading: &Reading<'_>) {
        let help = did_you_mean(name, self.services.keys().map(String::as_str));
        let message =
            format!("there is no definition `{name}`; s6-rc-compile refuses that, and starts nothing");
        reading.findings.error(Code::Reference, span, message, help);
    }
}

/// Has what starts after `services.d` do so, now that these have names.
pub fn after_services(late: Vec<Late>, services: &[String], waits: bool, reading: &mut Reading<'_>) {
    for Late { service, span, what } in late {
        let draft = reading.output.services.iter_mut().find(|draft| draft.name == service);
        let Some(draft) = draft else { continue };
        for name in services {
            draft.push("after", name.clone(), span);
        }
        let trail = &mut reading.output.trail;
        let became = format!("{service}: after");
        match (services.is_empty(), waits) {
            (true, _) => trail.exact(span, what, ""),
            (false, true) => trail.exact(span, what, became),
            (false, false) => {
                let why = "it starts when these are ready, as with S6_CMD_WAIT_FOR_SERVICES=1; there as soon as they are started";
                trail.approximated(span, what, became, why);
            }
        }
    }
}
