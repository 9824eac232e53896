//! A graph as a tree, in the language of Graphviz, and in that of Mermaid.

use super::super::terminal::{DIM, paint, state_colour};
use crate::control::api::{Graph, Node};
use crate::model::{sort_by_key, topological_order};
use std::collections::HashMap;
use std::fmt::Write;

/// How one service depends on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    Requires,
    Wants,
    After,
}

/// A graph with its edges found and its order known.
pub(super) struct Drawing<'a> {
    nodes: &'a [Node],
    /// For each node, what it depends on, in the order of the start. An `after` that says nothing that the other edges do
    /// not say already is left out: that of the main service would otherwise lead everywhere.
    below: Vec<Vec<(usize, Edge)>>,
    /// For each node, the step of the start that it belongs to, from 1.
    steps: Vec<usize>,
    /// All nodes, step by step.
    order: Vec<usize>,
}

impl<'a> Drawing<'a> {
    /// Names that no node has are passed over.
    pub(super) fn new(graph: &'a Graph) -> Self {
        let nodes = &graph.services[..];
        let index: HashMap<&str, usize> =
            nodes.iter().enumerate().map(|(at, node)| (node.name.as_str(), at)).collect();
        let mut below: Vec<Vec<(usize, Edge)>> = nodes
            .iter()
            .map(|node| {
                let mut edges: Vec<(usize, Edge)> = Vec::new();
                for (names, edge) in
                    [(&node.requires, Edge::Requires), (&node.wants, Edge::Wants), (&node.after, Edge::After)]
                {
                    for at in names.iter().filter_map(|name| index.get(name.as_str())) {
                        // Whoever requires it needs no second reason.
                        if !edges.iter().any(|(known, _)| known == at) {
                            edges.push((*at, edge));
                        }
                    }
                }
                edges
            })
            .collect();
        let plain: Vec<Vec<usize>> =
            below.iter().map(|edges| edges.iter().map(|(at, _)| *at).collect()).collect();
        let topological = topological_order(&plain);
        let mut steps = vec![1; nodes.len()];
        for &at in &topological {
            steps[at] = plain[at].iter().map(|below| steps[*below] + 1).max().unwrap_or(1);
        }
        let mut seen = vec![usize::MAX; nodes.len()];
        for (at, edges) in below.iter_mut().enumerate() {
            if edges.iter().any(|(_, edge)| *edge == Edge::After) {
                mark_implied(&plain, at, &mut seen);
                edges.retain(|(other, edge)| *edge != Edge::After || seen[*other] != at);
            }
            sort_by_key(edges, |(other, _)| (steps[*other], *other));
        }
        // In a cycle, which no checked configuration has, nothing has an order.
        let mut order = topological;
        sort_by_key(&mut order, |at| (steps[*at], *at));
        Self { nodes, below, steps, order }
    }

    /// A tree whose roots are what nothing depends on, and the steps of the start below it.
    pub(super) fn tree(&self, unicode: bool, colour: bool) -> String {
        let mut needed = vec![false; self.nodes.len()];
        for (below, _) in self.below.iter().flatten() {
            needed[*below] = true;
        }
        let [fork, last, line, gap] =
            if unicode { ["├─ ", "└─ ", "│  ", "   "] } else { ["|- ", "`- ", "|  ", "   "] };
        let mut text = String::new();
        let mut shown = vec![false; self.nodes.len()];
        // What is still to be drawn, the next one last; no recursion, for depth is what a hostile graph has.
        let mut open: Vec<(usize, Option<Edge>, String, &str)> = self
            .order
            .iter()
            .rev()
            .filter(|at| !needed[**at])
            .map(|at| (*at, None, String::new(), ""))
            .collect();
        while let Some((at, edge, indent, branch)) = open.pop() {
            let again = shown[at] && !self.below[at].is_empty();
            text += &format!("{indent}{branch}{}\n", self.label(at, edge, again, colour));
            if std::mem::replace(&mut shown[at], true) {
                continue;
            }
            let deeper = match branch {
                "" => indent,
                branch if branch == last => indent + gap,
                _ => indent + line,
            };
            for (number, (below, edge)) in self.below[at].iter().enumerate().rev() {
                let branch = if number + 1 == self.below[at].len() { last } else { fork };
                open.push((*below, Some(*edge), deeper.clone(), branch));
            }
        }
        text + &self.start_order()
    }

    fn start_order(&self) -> String {
        let mut text = "\nstart order:\n".to_owned();
        for step in self.order.chunk_by(|a, b| self.steps[*a] == self.steps[*b]) {
            let number = step.first().map_or(0, |at| self.steps[*at]);
            let names: Vec<&str> = step.iter().map(|at| self.nodes[*at].name.as_str()).collect();
            text += &format!("{number:3}. {}\n", names.join(", "));
        }
        text
    }

    /// `db  ready (oneshot, wants)`.
    fn label(&self, at: usize, edge: Option<Edge>, again: bool, colour: bool) -> String {
        let node = &self.nodes[at];
        let mut notes = Vec::new();
        if node.kind != "daemon" {
            notes.push(node.kind.as_str());
        }
        if node.main {
            notes.push("main");
        }
        if !node.enabled {
            notes.push("not enabled");
        }
        match edge {
            Some(Edge::Wants) => notes.push("wanted"),
            Some(Edge::After) => notes.push("order only"),
            Some(Edge::Requires) | None => {}
        }
        let mut text = node.name.clone();
        if let Some(state) = &node.state {
            text += &format!("  {}", paint(state, state_colour(state), colour));
        }
        if !notes.is_empty() {
            text += &paint(&format!("  ({})", notes.join(", ")), DIM, colour);
        }
        if again { text + " (*)" } else { text }
    }

    /// A digraph of the DOT language, <https://graphviz.org/doc/info/lang.html>; edges go to what is depended on.
    pub(super) fn dot(&self) -> String {
        let mut text =
            "digraph foster {\n  rankdir = LR;\n  node [shape = box, style = rounded];\n".to_owned();
        for node in self.nodes {
            let mut label = quote_dot(&node.name);
            if let Some(state) = &node.state {
                label += &format!("\\n{}", quote_dot(state));
            }
            let shape = match node.kind.as_str() {
                "oneshot" => ", shape = ellipse",
                "target" => ", shape = hexagon",
                _ => "",
            };
            let bold = if node.main { ", penwidth = 2" } else { "" };
            // Writing to a string does not fail.
            let _ = writeln!(text, "  \"{}\" [label = \"{label}\"{shape}{bold}];", quote_dot(&node.name));
        }
        for (at, below, edge) in self.edges() {
            let style = match edge {
                Edge::Requires => "",
                Edge::Wants => " [style = dashed]",
                Edge::After => " [style = dotted]",
            };
            let (from, to) = (quote_dot(&self.nodes[at].name), quote_dot(&self.nodes[below].name));
            let _ = writeln!(text, "  \"{from}\" -> \"{to}\"{style};");
        }
        text + "}\n"
    }

    /// A flowchart of Mermaid, <https://mermaid.js.org/syntax/flowchart.html>; edges go to what is depended on.
    pub(super) fn mermaid(&self) -> String {
        let mut text = "flowchart LR\n".to_owned();
        for (at, node) in self.nodes.iter().enumerate() {
            let label = quote_mermaid(&match &node.state {
                Some(state) => format!("{}: {state}", node.name),
                None => node.name.clone(),
            });
            let (open, close) = match node.kind.as_str() {
                "oneshot" => ("([", "])"),
                "target" => ("{{", "}}"),
                _ => ("[", "]"),
            };
            let _ = writeln!(text, "  n{at}{open}\"{label}\"{close}");
        }
        for (at, below, edge) in self.edges() {
            let arrow = match edge {
                Edge::Requires => "-->",
                Edge::Wants => "-. wants .->",
                Edge::After => "-. after .->",
            };
            let _ = writeln!(text, "  n{at} {arrow} n{below}");
        }
        text
    }

    fn edges(&self) -> impl Iterator<Item = (usize, usize, Edge)> {
        let edges = self.below.iter().enumerate();
        edges.flat_map(|(at, below)| below.iter().map(move |(other, edge)| (at, *other, *edge)))
    }
}

/// Marks with `at` what can be reached from it over two edges or more.
fn mark_implied(below: &[Vec<usize>], at: usize, seen: &mut [usize]) {
    let mut open: Vec<usize> = below[at].iter().flat_map(|first| &below[*first]).copied().collect();
    while let Some(node) = open.pop() {
        if std::mem::replace(&mut seen[node], at) != at {
            open.extend(&below[node]);
        }
    }
}

/// What stands between double quotes in DOT.
fn quote_dot(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// What stands between double quotes in Mermaid.
fn quote_mermaid(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, requires: &[&str]) -> Node {
        Node {
            name: name.to_owned(),
            kind: "daemon".to_owned(),
            enabled: true,
            requires: requires.iter().map(|&name| name.to_owned()).collect(),
            ..Node::default()
        }
    }

    /// main after everything; web requires app and wants cache; app and job require db.
    fn graph() -> Graph {
        let mut web = node("web", &["app"]);
        web.wants.push("cache".to_owned());
        let mut job = node("job", &["db"]);
        job.kind = "oneshot".to_owned();
        job.after.push("cache".to_owned());
        let mut main = node("main", &[]);
        main.main = true;
        main.after = ["app", "cache", "db", "job", "web"].map(str::to_owned).to_vec();
        let mut cache = node("cache", &[]);
        cache.enabled = false;
        Graph { services: vec![node("app", &["db"]), cache, node("db", &[]), job, main, web] }
    }

    #[test]
    fn the_tree_shows_each_branch_once_and_the_order_of_the_start() {
        let expected = "\
main  (main)
|- job  (oneshot, order only)
|  |- cache  (not enabled, order only)
|  `- db
`- web  (order only)
   |- cache  (not enabled, wanted)
   `- app
      `- db

start order:
  1. cache, db
  2. app, job
  3. web
  4. main
";
        assert_eq!(Drawing::new(&graph()).tree(false, false), expected);
    }

    #[test]
    fn what_was_shown_with_its_branches_is_not_shown_with_them_again() {
        let services = vec![node("a", &["b"]), node("b", &["c"]), node("c", &[]), node("d", &["b"])];
        let expected = "\
a
└─ b
   └─ c
d
└─ b (*)

start order:
  1. c
  2. b
  3. a, d
";
        assert_eq!(Drawing::new(&Graph { services }).tree(true, false), expected);
    }

    #[test]
    fn states_are_shown_in_colour() {
        let mut web = node("web", &[]);
        web.state = Some("failed".to_owned());
        let graph = Graph { services: vec![web] };
        let text = Drawing::new(&graph).tree(false, true);
        assert!(text.starts_with("web  \x1b[31mfailed\x1b[0m\n"), "{text}");
    }

    #[test]
    fn dot_has_every_service_and_every_edge_that_says_something() {
        let expected = r#"digraph foster {
  rankdir = LR;
  node [shape = box, style = rounded];
  "app" [label = "app"];
  "cache" [label = "cache"];
  "db" [label = "db"];
  "job" [label = "job", shape = ellipse];
  "main" [label = "main", penwidth = 2];
  "web" [label = "web"];
  "app" -> "db";
  "job" -> "cache" [style = dotted];
  "job" -> "db";
  "main" -> "job" [style = dotted];
  "main" -> "web" [style = dotted];
  "web" -> "cache" [style = dashed];
  "web" -> "app";
}
"#;
        assert_eq!(Drawing::new(&graph()).dot(), expected);
    }

    #[test]
    fn mermaid_has_the_same() {
        let expected = r#"flowchart LR
  n0["app"]
  n1["cache"]
  n2["db"]
  n3(["job"])
  n4["main"]
  n5["web"]
  n0 --> n2
  n3 -. after .-> n1
  n3 --> n2
  n4 -. after .-> n3
  n4 -. after .-> n5
  n5 -. wants .-> n1
  n5 --> n0
"#;
        assert_eq!(Drawing::new(&graph()).mermaid(), expected);
    }

    #[test]
    fn no_name_leaves_its_quotes() {
        let services = vec![node("a\"b\\c\n#<", &[])];
        let graph = Graph { services };
        let drawing = Drawing::new(&graph);
        assert!(drawing.dot().contains(r##"  "a\"b\\c\n#<" [label"##), "{}", drawing.dot());
        assert!(drawing.mermaid().contains("n0[\"a#quot;b\\c #35;#lt;\"]"), "{}", drawing.mermaid());
    }

    #[test]
    fn a_thousand_services_one_above_the_other_are_drawn() {
        let name = |at: usize| format!("s{at:04}");
        let services = (0..1_000)
            .map(|at| {
                let below = if at == 0 { Vec::new() } else { vec![name(at - 1)] };
                Node { requires: below, ..node(&name(at), &[]) }
            })
            .collect();
        let text = Drawing::new(&Graph { services }).tree(false, false);
        assert!(text.contains("1000. s0999"), "the last step is missing");
    }

    #[test]
    fn a_graph_with_a_circle_or_an_unknown_name_does_no_harm() {
        let services = vec![node("a", &["b"]), node("b", &["a"]), node("c", &["nobody"])];
        let graph = Graph { services };
        let drawing = Drawing::new(&graph);
        assert!(drawing.tree(false, false).starts_with("c\n"));
        assert!(drawing.dot().contains("\"a\" -> \"b\""));
    }
}
