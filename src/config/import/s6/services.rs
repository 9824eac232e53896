//! Definitions as services.

use super::definitions::{Definition, Definitions, Type};
use super::directories::{Kind, longrun};
use super::oneshot::oneshot;
use super::order::{Late, Means, Order};
use super::pipeline;
use super::variables::Rules;
use crate::config::import::Reading;
use crate::config::import::draft::Draft;
use crate::config::import::place::Image;

/// What the rest of the tree has to know of them.
#[derive(Debug, Default)]
pub struct Started {
    /// The services that are in `user`.
    pub user: Vec<String>,
    /// What starts after `services.d`.
    pub late: Vec<Late>,
}

/// All definitions as services. `steps` is what runs before everything.
pub fn all(
    definitions: &Definitions,
    image: &Image,
    steps: &[String],
    rules: &Rules,
    reading: &mut Reading<'_>,
) -> Started {
    let loggers = pipeline::loggers(definitions, image, rules, reading);
    let mut order = Order::new(definitions, loggers, steps, reading);
    order.check_started(reading);
    for (name, definition) in &definitions.all {
        if !reading.has_room(definition.span) {
            break;
        }
        if order.loggers.contains_key(name.as_str()) {
            pipeline::told_of_logger(name, definition, image, reading);
            continue;
        }
        let Some(called) = order.service(name).cloned() else { continue };
        let mut draft = Draft::new(called, definition.span);
        let made = match definition.kind {
            Type::Longrun => {
                let kind = Kind::Definition;
                longrun(name, &definition.directory, kind, &mut draft, image, reading).map(|_| ())
            }
            Type::Oneshot => oneshot(name, definition, &mut draft, image, reading),
            Type::Bundle => {
                bundle(name, definition, &mut draft, &mut order, reading);
                Some(())
            }
        };
        if made.is_none() {
            continue;
        }
        for (dependency, span) in &definition.dependencies {
            let what = format!("{name}/dependencies.d/{dependency}");
            let means = order.require(&mut draft, dependency, *span, &what, reading);
            tell(means, *span, what, &draft, reading);
        }
        if let Some((consumer, span)) = &definition.producer_for {
            pipeline::produces(name, &mut draft, consumer, *span, &mut order, reading);
        }
        if !definitions.enabled.contains(name) {
            draft.set("enabled", false, definition.span);
            draft
                .notes
                .push("In no bundle that starts at boot: only what depends on it starts it.".to_owned());
            reading.output.trail.exact(
                definition.span,
                format!("{name}/type"),
                format!("{}: enabled", draft.name),
            );
        }
        reading.output.services.push(draft);
    }
    Started { user: order.members("user"), late: order.late }
}

fn bundle(
    name: &str,
    definition: &Definition,
    draft: &mut Draft,
    order: &mut Order<'_>,
    reading: &mut Reading<'_>,
) {
    draft.set("type", "target", definition.span);
    for (member, span) in &definition.contents {
        let what = format!("{name}/contents.d/{member}");
        match order.require(draft, member, *span, &what, reading) {
            Means::Requires(_) => {}
            means => tell(means, *span, what, draft, reading),
        }
    }
    reading.output.trail.exact(definition.span, name, format!("{}: type, requires", draft.name));
}

/// Tells of a dependency; of a late one, when the services are known.
fn tell(
    means: Means,
    span: crate::config::diagnostic::Span,
    what: String,
    draft: &Draft,
    reading: &mut Reading<'_>,
) {
    let trail = &mut reading.output.trail;
    match means {
        Means::Requires(true) => trail.exact(span, what, format!("{}: requires", draft.name)),
        Means::Requires(false) => trail.exact(span, what, ""),
        Means::Nothing(why) => trail.not_carried(span, what, why),
        Means::Late | Means::Broken => {}
    }
}
