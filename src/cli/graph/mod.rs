//! `foster graph`: what depends on what, and the order of the start; of a running tree or of a directory.

mod draw;

use super::check::{Format as Findings, print as print_findings};
use super::configuration::Configuration;
use super::connection::{Connection, PATIENCE, print_only};
use super::terminal::{self, print};
use super::{EX_CONFIG, Verb};
use crate::config::{Mode, load};
use crate::control::api::{Graph, Node};
use crate::control::client::Client;
use crate::model::map_of;
use crate::model::{Id, Kind, Plan};

/// Show the dependencies of services and the order in which they start
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  foster graph                                   the running tree, with states
  foster graph services.d                        a directory, without a supervisor
  foster graph --format dot | dot -Tsvg > graph.svg
  foster graph --format mermaid services.d       for Markdown

In the tree, what stands below a service is what it depends on: required, if nothing else is said. (*) is \
shown whole elsewhere. The first to start stand in step 1, and those of one step start side by side.

Exit code: 0, 78 when the directory has errors, 69 when no supervisor answers, 64 for a wrong command \
line.")]
#[command(mut_arg("directories", |argument| {
    argument.help("Services directories, base layer first [default: none, but the running tree]")
}))]
pub(super) struct Args {
    #[command(flatten)]
    configuration: Configuration,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Tree)]
    format: Format,

    #[command(flatten)]
    connection: Connection,
}

/// How a graph is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Tree,
    /// For Graphviz.
    Dot,
    /// For Markdown.
    Mermaid,
    /// As the API gives it.
    Json,
}

impl Verb for Args {
    fn run(self) -> u8 {
        let Self { configuration, format, connection } = self;
        if configuration.is_given() {
            return of_files(configuration, format);
        }
        connection.run(async |client: &Client| {
            let answer = client.get("/v1/graph", PATIENCE).await?;
            let graph: Graph = answer.read()?;
            let text = match format {
                Format::Json => format!("{:#}\n", answer.body),
                _ => show(&graph, format),
            };
            print(&text)?;
            Ok(0)
        })
    }
}

fn of_files(configuration: Configuration, format: Format) -> u8 {
    crate::sys::signal::restore_inherited();
    let environment = map_of(std::env::vars_os());
    match load(&configuration.request(&environment, Mode::Check)) {
        // Warnings are the business of `check`.
        Ok(loaded) => print_only(&show(&of_plan(&loaded.plan), format)),
        Err(report) => {
            print_findings(&report, None, Findings::Text);
            EX_CONFIG
        }
    }
}

fn show(graph: &Graph, format: Format) -> String {
    let drawing = draw::Drawing::new(graph);
    match format {
        Format::Tree => drawing.tree(terminal::unicode(), terminal::colours(&std::io::stdout())),
        Format::Dot => drawing.dot(),
        Format::Mermaid => drawing.mermaid(),
        Format::Json => match serde_json::to_value(graph) {
            Ok(value) => format!("{value:#}\n"),
            // Strings and lists of strings are always JSON.
            Err(_) => String::new(),
        },
    }
}

/// The graph of a plan, as the supervisor would give it.
fn of_plan(plan: &Plan) -> Graph {
    let names = |ids: &[Id]| ids.iter().map(|id| plan.service(*id).name.clone()).collect();
    let services = plan
        .services
        .iter()
        .map(|service| Node {
            name: service.name.clone(),
            kind: match service.kind {
                Kind::Daemon => "daemon",
                Kind::Oneshot => "oneshot",
                Kind::Target => "target",
            }
            .to_owned(),
            state: None,
            enabled: service.enabled,
            main: service.main,
            requires: names(&service.requires),
            wants: names(&service.wants),
            after: names(&service.after),
        })
        .collect();
    Graph { services }
}
