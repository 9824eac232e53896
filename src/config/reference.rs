//! The reference of all keys (`docs/config.md`), out of the schema.

use super::keys::{SERVICE, SETTINGS};
use super::schema::{Group, Key, Type};
use std::fmt::Write;

/// The text of `docs/config.md`: rules, then every key with its type, default and an example.
#[must_use]
pub fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    text += "\n## Service files\n";
    group(&mut text, &SERVICE, "web.toml", 3);
    text += "\n## foster.toml\n\n";
    text += SETTINGS_INTRODUCTION;
    group(&mut text, &SETTINGS, "foster.toml", 3);
    text += DIAGNOSTICS;
    text
}

fn group(text: &mut String, group: &Group, file: &str, level: usize) {
    if !group.name.is_empty() {
        let _ = write!(text, "\n{} `{}`\n\n{}\n", "#".repeat(level), group.header(), group.doc);
    }
    if !group.keys.is_empty() {
        text.push_str("\n| key | value | default | meaning |\n|---|---|---|---|\n");
    }
    for key in group.keys {
        let (title, default, doc) = (key.kind.title(), key.default, key.doc);
        let title = match key.kind {
            // As a heading is called in a link: without dots and brackets.
            Type::Table(inner) | Type::Tables(inner) => {
                // The second heading of a name gets a number.
                let second =
                    if file == "foster.toml" && SERVICE.key(inner.name).is_some() { "-1" } else { "" };
                format!("[{title}](#{}{second})", inner.name.replace('.', ""))
            }
            _ => title,
        };
        let _ = writeln!(text, "| `{}` | {title} | {default} | {doc} |", key.name);
    }
    examples(text, group, file);
    for inner in group.groups() {
        self::group(text, inner, file, level);
    }
}

/// One block for each table. Keys that exclude each other or need another one are left to the text.
fn examples(text: &mut String, group: &Group, file: &str) {
    let given = |key: &&Key| !key.example.is_empty() && !APART.contains(&(group.name, key.name));
    let mut lines: Vec<String> =
        group.keys.iter().filter(given).map(|key| format!("{} = {}", key.name, key.example)).collect();
    match group.name {
        "environment" => lines.push("PORT = \"${PORT:-8080}\"\nURL = \"http://localhost:${PORT}/\"".into()),
        "ready.headers" | "health.headers" => lines.push("Host = \"www.example.org\"".into()),
        "secrets" => lines.push("DB_PASSWORD = \"/run/secrets/db-password\"".into()),
        _ => {}
    }
    if lines.is_empty() {
        return;
    }
    let header = match (file, group.name) {
        ("foster.toml", "") => "# foster.toml\n".to_owned(),
        ("foster.toml", _) => format!("# foster.toml\n{}\n", group.header()),
        (_, "") => String::new(),
        (_, "schedule") => format!("type = \"oneshot\"\ncommand = \"backup\"\n\n{}\n", group.header()),
        (_, name) => {
            let about = match name.split_once('.') {
                Some(("log", sink)) => format!("[log]\nto = \"{sink}\"\n\n"),
                Some((outer, _)) => format!("[{outer}]\nhttp = \"http://127.0.0.1:8080/\"\n\n"),
                None => String::new(),
            };
            format!("command = \"web\"\n\n{about}{}\n", group.header())
        }
    };
    let _ = write!(text, "\n```toml\n{header}{}\n```\n", lines.join("\n"));
}

/// Keys that cannot stand in the example of their table.
const APART: &[(&str, &str)] = &[
    ("", "script"),
    ("", "shell"),
    ("", "instances"),
    ("", "essential"),
    ("", "after"),
    ("", "before"),
    ("", "required-by"),
    ("", "wanted-by"),
    ("", "wants"),
    ("", "enabled"),
    ("", "main"),
    ("", "on-demand"),
    ("ready", "notify"),
    ("ready", "fd"),
    ("ready", "tcp"),
    ("ready", "unix"),
    ("ready", "exec"),
    ("ready", "file"),
    ("ready", "log"),
    ("ready", "delay"),
    ("health", "tcp"),
    ("health", "unix"),
    ("health", "exec"),
    ("socket", "mode"),
    ("socket", "user"),
    ("socket", "group"),
    ("reload", "signal"),
    ("reload", "notify"),
    ("log", "to"),
    ("log.file", "stderr-path"),
];

const INTRODUCTION: &str = r#"# Configuration

<!-- Generated from src/config/keys.rs; `UPDATE=1 cargo test --test config_docs` writes it anew. -->

Each service is a file `NAME.toml` in a services directory, `/etc/foster/services.d` by default. A name consists of
`a-z`, `0-9`, `.`, `_` and `-`, and begins with a letter or a digit. `foster check` says whether all of it is right.

```toml
description = "Public web server"
command = ["nginx", "-g", "daemon off;"]
requires = ["app"]
user = "www-data"

[environment]
PORT = "${PORT:-8080}"

[stop]
signal = "SIGQUIT"
```

## In an editor

[service.schema.json](service.schema.json) and [foster.schema.json](foster.schema.json) are JSON schemas of the two kinds
of files; `foster schema` prints them. Editors that know TOML (VS Code with Even Better TOML, Helix or Neovim with taplo)
complete and check a file whose first line names its schema, by path or URL:

```toml
#:schema ./service.schema.json
command = ["nginx", "-g", "daemon off;"]
```

or, for a whole directory, a `.taplo.toml` with

```text
[[rule]]
include = ["**/services.d/**/*.toml"]
exclude = ["**/foster.toml"]
schema = { path = "./service.schema.json" }
```

## Rules

**Layers.** Several `--services` directories lie on each other: the `NAME.toml` of a later one replaces that of an
earlier one. `NAME.d/*.toml` beside it are drop-ins: they are laid over `NAME.toml` in the order of their names, those of
an earlier directory first; a drop-in takes the place of one of the same name in an earlier directory. Tables merge key
by key, everything else is replaced, all `[[socket]]` together too. `command` and `script` replace each other; so do the
signs of `[ready]` (`notify = false` takes one away), and the probes of `[health]`. Hidden files are ignored.

**Variables.** `${VAR}`, `${VAR:-default}` (when it is unset or empty) and `${VAR:?message}` expand in every string
value but `script`; a default may hold further `${…}`, and braces in it must be balanced. `$${` is a literal `${`, and a
`$` before anything else is left alone. Looked up are `[environment]`, then `environment-files` that exist, then the
container's environment; `[secrets]` are not. A variable that is not set is an error. `enabled`, `main`, `instances` and
other booleans and integers may be strings that expand to one: `instances = "${WORKERS:-2}"`; `instances` itself sees
the container's environment only.

**Commands** are an array of strings, or one string that is split by the quoting rules of the shell: first split, then
expanded, so a value with spaces stays one argument.

```toml
command = 'redis-server --save "" --port ${REDIS_PORT:-6379}'
```

```toml
script = """
set -e
redis-cli ping | grep -q PONG
exec worker --queue "$QUEUE"
"""
shell = ["/bin/sh", "-euc"]
```

**Sizes** are a whole number with a unit: `"64KiB"`, `"10MB"`, `"1GiB"` (KiB, MiB, … are powers of 1024; kB, MB, … of
1000); without one, or as an integer, bytes. **Durations** are numbers with a unit: `"200ms"`, `"5s"`, `"1m30s"`, `"1h"`, `"0"`. **Signals** are `"SIGTERM"`,
`"TERM"`, `"SIGRTMIN+3"` or a number.

**The command after `--`** (a Docker `CMD`) becomes the main service, under the name `main` (or `cmd`, when there is a
`main.toml`). It is not restarted, and reads the container's stdin unless a service has `stdin = "inherit"`.

```toml
type = "target"
description = "Everything that serves users"
requires = ["app", "db"]
```

```toml
command = "worker --number {instance}"
instances = 2
after = ["db"]
essential = false
environment-files = ["-/etc/worker/{instance}.env"]
```
"#;

const SETTINGS_INTRODUCTION: &str = "`/etc/foster/foster.toml`, or what `--config` or `FOSTER_CONFIG` names. A `foster.toml` in a services directory is laid over
it key by key, that of a later directory over that of an earlier one; it may say all but `services`. A variable overrides
the files; one that is set to nothing counts as unset.
";

const DIAGNOSTICS: &str = r#"
## `foster check --format json`

One object: `{"diagnostics": […], "errors": 1, "warnings": 0}`. Each diagnostic has

| field | value |
|---|---|
| `severity` | `"error"` or `"warning"` |
| `code` | what kind it is: `unreadable`, `syntax`, `unknown-key`, `type`, `value`, `conflict`, `missing`, `reference`, `cycle`, `expansion`, `absent`, `suspicious` |
| `message` | one sentence |
| `file` | path, or the name of a variable; null when it concerns no file |
| `line`, `column` | of the first character, from 1, in characters; null when it concerns a file as a whole |
| `end_line`, `end_column` | behind the last character |
| `help` | what to do about it, or null |
| `related` | further places: `file`, `line`, `column`, `end_line`, `end_column`, `message` |

The exit code is 0, also with warnings, and 78 with errors.
"#;
