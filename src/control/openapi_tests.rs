//! `docs/openapi.json`: written from the table of routes and the types of the API, and kept fresh by this test.
//! `UPDATE=1 cargo test --lib openapi` writes it anew.

use super::api;
use super::routes::{COMMON, ROUTES, Route, Type};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

const FILE: &str = "docs/openapi.json";

/// Every type that the table names.
fn define(generator: &mut SchemaGenerator) {
    macro_rules! types {
        ($($name:ident)*) => { $(generator.subschema_for::<api::$name>();)* };
    }
    types!(Status ServiceStatus Act Acted SendSignal Wait Apply Applied Shutdown Health Explanation Event Graph
           Timeline LogLine Level Problem);
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn content(answer: Type) -> Value {
    match answer {
        Type::One(name) => json!({ "application/json": { "schema": reference(name) } }),
        Type::Lines(name) => json!({ "application/x-ndjson": { "schema": reference(name) } }),
        Type::Description => json!({ "application/json": { "schema": { "type": "object" } } }),
    }
}

/// Whether a status is answered with the type of the route and not with a problem.
fn is_answer(route: &Route, status: u16) -> bool {
    route.statuses.iter().any(|(own, _)| *own == status)
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = Vec::new();
    if route.path.contains("{name}") {
        parameters.push(json!({
            "name": "name", "in": "path", "required": true, "description": "Its exact name: `web`, `worker@1`",
            "schema": { "type": "string" }
        }));
    }
    for parameter in route.parameters {
        let text = json!({ "type": "string" });
        let schema = if parameter.repeated { json!({ "type": "array", "items": text }) } else { text };
        parameters.push(json!({
            "name": parameter.name, "in": "query", "description": parameter.about, "schema": schema
        }));
    }
    let mut responses = Map::new();
    for (status, meaning) in route.statuses {
        responses
            .insert(status.to_string(), json!({ "description": meaning, "content": content(route.answer) }));
    }
    for (status, meaning) in COMMON.iter().filter(|(status, _)| !is_answer(route, *status)) {
        let applies = match status {
            403 => route.acts,
            408 | 413 => route.body.is_some(),
            _ => true,
        };
        if applies {
            let problem = json!({ "application/json": { "schema": reference("Problem") } });
            responses.insert(status.to_string(), json!({ "description": meaning, "content": problem }));
        }
    }
    responses.sort_keys();
    let who = if route.acts { "Root and the supervisor's own user." } else { "Everybody." };
    let mut operation = json!({
        "summary": route.about,
        "description": who,
        "operationId": format!("{}{}", route.method, route.path.trim_end_matches("/{name}")).replace("/v1/", "_")
            .replace(['.', '/'], "_").to_lowercase(),
    });
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(name) = route.body {
        operation["requestBody"] =
            json!({ "content": { "application/json": { "schema": reference(name) } } });
    }
    operation["responses"] = responses.into();
    operation
}

fn description() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    define(&mut generator);
    let mut schemas = generator.take_definitions(true);
    schemas.sort_keys();
    let mut paths = Map::new();
    for route in &ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "foster",
            "version": "1",
            "description": "The control socket of foster, a PID 1 supervisor for multi-process containers: HTTP over a Unix \
                            socket. Clients ignore keys that they do not know; none is ever renamed or removed.",
            "license": { "name": "MIT OR Apache-2.0" }
        },
        "servers": [{ "url": "http://localhost", "description": "curl --unix-socket /run/foster/control.sock" }],
        "paths": paths,
        "components": { "schemas": schemas }
    })
}

#[test]
fn the_description_of_the_api_is_fresh() {
    let fresh = serde_json::to_string_pretty(&description()).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(FILE, &fresh).unwrap();
    }
    let written = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(written == fresh, "{FILE} is stale: UPDATE=1 cargo test --lib openapi");
}

#[test]
fn every_reference_of_the_description_leads_somewhere() {
    fn visit(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|inner| visit(inner, found));
            }
            Value::Array(list) => list.iter().for_each(|inner| visit(inner, found)),
            _ => {}
        }
    }
    let description = description();
    let mut found = Vec::new();
    visit(&description, &mut found);
    assert!(found.len() > 40, "the references were not found");
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference}"));
        assert!(description.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn every_path_has_one_meaning() {
    for (at, route) in ROUTES.iter().enumerate() {
        let again = ROUTES[..at].iter().any(|other| (other.method, other.path) == (route.method, route.path));
        assert!(!again, "{} {} is there twice", route.method, route.path);
        assert!(!route.about.is_empty() && !route.statuses.is_empty(), "{}", route.path);
    }
}
