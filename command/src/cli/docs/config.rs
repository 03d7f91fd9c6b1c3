//! The reference of the configuration, from its shape.

use spillway::config::shape::{Default, Field, Kind, OBJECTS, Object, one_of};

/// The text of `docs/config.md`.
pub(super) fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    for object in OBJECTS {
        text.push_str(&section(object));
    }
    text
}

fn section(object: &Object) -> String {
    let Object { name, doc, fields } = object;
    let mut text = format!("\n## {}\n\n{doc}\n\n", title(name));
    text.push_str("| field | value | default |\n|---|---|---|\n");
    for Field { name, kind, default, .. } in *fields {
        let default = match default {
            Default::Required => "required".to_owned(),
            Default::Is(value) => format!("`{value}`"),
            Default::Means(words) => (*words).to_owned(),
        };
        text.push_str(&format!("| `{name}` | {} | {default} |\n", words(kind)));
    }
    for Field { name, doc, example, .. } in *fields {
        text.push_str(&format!("\n**`{name}`**: {doc}\n\n```yaml\n{name}: {example}\n```\n"));
    }
    text
}

/// The kind in words, with links to the objects.
fn words(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".into(),
        Kind::Flag => "`true` or `false`".into(),
        Kind::Whole { from, to } => format!("whole number, {from} to {to}"),
        Kind::Duration => "duration".into(),
        Kind::Percent { from } => format!("share, {from}% to 100%"),
        Kind::Size => "size".into(),
        Kind::Url => "URL".into(),
        Kind::Status => "status or range".into(),
        Kind::Secret { file: true } => format!("`${{NAME}}` or {}", link("secret")),
        Kind::Secret { file: false } => "`${NAME}`".into(),
        Kind::OneOf(choices) => one_of(choices),
        Kind::Object(object) => link(object.name),
        Kind::List(item) => format!("list of {}", many(item)),
        Kind::Map { key, value } => format!("{} by {key}", words(value)),
        Kind::Short(Kind::Flag, object) => format!("`true`, `false` or {}", link(object.name)),
        Kind::Short(short, object) => format!("{} or {}", words(short), link(object.name)),
    }
}

/// The kind in words, where there may be several.
fn many(kind: &Kind) -> String {
    match kind {
        Kind::Text => "names".into(),
        Kind::Status => "statuses and ranges".into(),
        Kind::Object(object) => format!("{}s", link(object.name)),
        Kind::Short(short, object) => format!("{} or {}s", many(short), link(object.name)),
        kind => words(kind),
    }
}

fn link(name: &str) -> String {
    format!("[{name}](#{})", title(name).to_lowercase().replace(' ', "-").replace('`', ""))
}

fn title(name: &str) -> String {
    match name {
        "file" => "The file".into(),
        name if name.contains('_') || name == "retry" => format!("`{name}`"),
        name => format!("A {name}"),
    }
}

const INTRODUCTION: &str = "# The configuration

<!-- Printed by `spillway docs` from `src/config/shape`. -->

One file says everything, in YAML or JSON; `docs/example.yaml` is a whole one. `spillway check
FILE` says every problem in it at once, and warns of what will do nothing. The filter reads the same
configuration with the same code when Envoy starts, and refuses the same things. An unknown field is
a problem.

An editor that knows YAML completes and checks the file while it is written, by
[its JSON schema](spillway.schema.json); the file's first line says where that is:

```yaml
# yaml-language-server: $schema=docs/spillway.schema.json
```

That is a path from the file, or a URL. What looks across the file, such as the names of backends in
pools, is `spillway check`'s alone.

A **duration** is a whole number and `ms`, `s`, `m` or `h`: `500ms`, `60s`. A **size** is a whole
number of bytes, or of `KiB`, `MiB`, `GiB`, `KB`, `MB` or `GB`: `32MiB`. A **range** of statuses is
written `500-599`.
";
