//! The JSON schema of the files, out of the keys: editors complete, explain and check with it.
//!
//! It takes whatever foster takes, and refuses most of what foster refuses. What several keys are together (a command or a
//! script, a name that exists) only `foster check` sees.

use super::keys::{SERVICE, SETTINGS};
use super::schema::{Group, Key, Type};
use crate::model::{Signal, capability_names};
use serde_json::{Map, Value, json};

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaOf {
    /// `NAME.toml`, and its drop-ins.
    Service,
    /// `foster.toml`.
    Settings,
}

/// The schema of a file, in draft 2020-12 of JSON Schema.
#[must_use]
pub fn json_schema(file: SchemaOf) -> Value {
    let (title, description, top) = match file {
        SchemaOf::Service => {
            ("A service of foster", "NAME.toml in a services directory, or a drop-in", &SERVICE)
        }
        SchemaOf::Settings => ("Settings of foster", "foster.toml", &SETTINGS),
    };
    let mut schema = Map::new();
    schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".into(), title.into());
    schema.insert("description".into(), description.into());
    if let Value::Object(rest) = table(top) {
        schema.extend(rest);
    }
    schema.insert("$defs".into(), definitions(file));
    Value::Object(schema)
}

/// A table with these keys and no others; or with any variables.
fn table(group: &Group) -> Value {
    if group.keys.is_empty() {
        let value = if group.name == "secrets" { path("^/") } else { json!({"type": "string"}) };
        let names = json!({"pattern": "^[^=\\s]+$"});
        return json!({"type": "object", "propertyNames": names, "additionalProperties": value});
    }
    let properties: Map<String, Value> =
        group.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn property(key: &Key) -> Value {
    let mut schema = Map::new();
    let mut description = match key.kind {
        Type::Table(group) | Type::Tables(group) => group.doc.to_owned(),
        _ => key.doc.to_owned(),
    };
    let bare = key.default.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
    let default = bare.and_then(|text| serde_json::from_slice::<Value>(text.as_bytes()).ok());
    if default.is_none() && !key.default.is_empty() {
        description.push_str(" Default: ");
        description.push_str(key.default);
        description.push('.');
    }
    schema.insert("description".into(), description.into());
    if let Value::Object(value) = value(key.kind) {
        schema.extend(value);
    }
    schema.extend(default.map(|default| ("default".to_owned(), default)));
    // An example is TOML that is JSON too.
    let example = serde_json::from_slice::<Value>(key.example.as_bytes()).ok();
    schema.extend(example.map(|example| ("examples".to_owned(), json!([example]))));
    Value::Object(schema)
}

/// What a value may be. A string in which something expands may be anything; what comes of that, nobody knows here.
fn value(kind: Type) -> Value {
    let array = |items: Value| json!({"type": "array", "items": items});
    match kind {
        Type::Text => json!({"type": "string"}),
        Type::Script => json!({"type": "string", "minLength": 1}),
        Type::Path => path("^/"),
        Type::PathOr(words) => json!({"anyOf": [{"enum": words}, path("^/")]}),
        Type::Boolean => json!({"anyOf": [{"type": "boolean"}, expanding()]}),
        Type::Integer(low, high) => {
            json!({"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, expanding()]})
        }
        Type::Number(low) => json!({"type": "number", "minimum": low}),
        Type::Duration => reference("duration"),
        Type::Size(most) => {
            json!({"anyOf": [{"type": "integer", "minimum": 0, "maximum": most}, pattern(SIZE)]})
        }
        Type::SizeOrUnlimited => {
            json!({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "unlimited"}, pattern(SIZE)]})
        }
        Type::Sinks(words) => {
            let service = pattern("^service:[a-z0-9][a-z0-9._-]*(@[1-9][0-9]*)?$");
            let sink = json!({"anyOf": [{"enum": words}, service]});
            json!({"anyOf": [sink, {"type": "array", "items": sink, "minItems": 1}]})
        }
        Type::Signal => reference("signal"),
        Type::Signals => array(reference("signal")),
        Type::Choice(words) => json!({"anyOf": [{"enum": words}, expanding()]}),
        Type::Services => array(pattern("^[a-z0-9][a-z0-9._-]*(@[1-9][0-9]*)?$")),
        Type::Texts => array(json!({"type": "string"})),
        Type::TextOrTexts => {
            json!({"anyOf": [{"type": "string"}, array(json!({"type": "string"}))]})
        }
        Type::Paths => array(path("^/")),
        Type::EnvironmentFiles => array(path("^-?/")),
        Type::Command => reference("command"),
        Type::Octal => pattern("^(0o)?0*[0-7]{1,3}$"),
        Type::Identity => reference("identity"),
        Type::Identities => array(reference("identity")),
        Type::Limit => reference("limit"),
        Type::Count => {
            json!({"anyOf": [{"type": "integer", "minimum": 1, "maximum": u32::MAX}, {"const": "unlimited"}]})
        }
        Type::Exits => array(
            json!({"anyOf": [{"type": "integer", "minimum": 0, "maximum": 255}, reference("signal-name")]}),
        ),
        Type::Capabilities => array(reference("capability")),
        Type::Form(_, "") => json!({"type": "string"}),
        Type::Form(_, form) => pattern(form),
        Type::Statuses => {
            let code = json!({"type": "integer", "minimum": 100, "maximum": 599});
            let one = json!({"anyOf": [code, pattern("^ *[1-5][0-9][0-9] *(- *[1-5][0-9][0-9] *)?$")]});
            json!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})
        }
        Type::Table(group) => table(group),
        Type::Tables(group) => array(table(group)),
    }
}

const SIZE: &str = "^ *[0-9]+ *(B|[kK]B|[MGT]B|[KMGT]iB|[KMGT])? *$";

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

/// A string in which something expands.
fn expanding() -> Value {
    json!({"type": "string", "pattern": "\\$\\{"})
}

/// A string that matches, or in which something expands: `{instance}` does too.
fn pattern(pattern: &str) -> Value {
    json!({"type": "string", "pattern": format!("{pattern}|\\$\\{{|\\{{instance\\}}")})
}

fn path(start: &str) -> Value {
    json!({"type": "string", "pattern": format!("{start}|^-?\\$\\{{")})
}

/// What several keys have in common.
fn definitions(file: SchemaOf) -> Value {
    let duration = pattern("^ *(0|([0-9. ]+ *(ms|s|m|h|d) *)+)$");
    let named: Vec<String> = Signal::names().map(|name| format!("SIG{name}")).collect();
    let spelt: Vec<String> = Signal::names().map(in_any_case).collect();
    let spelt = format!(
        "^({})?({}|{}(\\+[0-9]+)?|{}(-[0-9]+)?)$|^[0-9]+$",
        in_any_case("SIG"),
        spelt.join("|"),
        in_any_case("RTMIN"),
        in_any_case("RTMAX"),
    );
    let name = json!({"anyOf": [{"enum": named}, pattern(&spelt)]});
    let signal =
        json!({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 64}, reference("signal-name")]});
    let common = json!({"duration": duration, "signal": signal, "signal-name": name});
    let Value::Object(mut definitions) = common else { return common };
    if file == SchemaOf::Settings {
        return Value::Object(definitions);
    }
    let argv = json!({"type": "array", "items": {"type": "string"}, "minItems": 1});
    let command = json!({"anyOf": [argv, {"type": "string", "minLength": 1}]});
    let number = json!({"type": "integer", "minimum": 0, "maximum": u32::MAX - 1});
    let identity = json!({"anyOf": [number, pattern("^[^:]+$")]});
    let bound = " *(unlimited|infinity|[0-9]+ *(B|[kK]B|[MGT]B|[KMGT]iB|[KMGT])?) *";
    let limit = pattern(&format!("^{bound}(:{bound})?$"));
    let limit = json!({"anyOf": [{"type": "integer", "minimum": 0}, limit]});
    let usual: Vec<String> =
        capability_names().map(|name| name.to_ascii_lowercase().replace('_', "-")).collect();
    let spelt: Vec<String> = capability_names().map(|name| in_any_case(name).replace('_', "[-_]")).collect();
    let spelt = pattern(&format!("^({}[-_])?({})$", in_any_case("CAP"), spelt.join("|")));
    let capability = json!({"anyOf": [{"enum": usual}, spelt]});
    for (name, schema) in
        [("command", command), ("identity", identity), ("limit", limit), ("capability", capability)]
    {
        definitions.insert(name.to_owned(), schema);
    }
    Value::Object(definitions)
}

/// A pattern for a word in any case of letters.
fn in_any_case(word: &str) -> String {
    let letter = |c: char| match c.is_ascii_alphabetic() {
        true => format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase()),
        false => c.to_string(),
    };
    word.chars().map(letter).collect()
}
