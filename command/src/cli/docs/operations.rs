//! `docs/operations.md`: the operations that the gateway knows, from their table.

use std::fmt::Write as _;

use spillway::operation::{Body, FAMILIES, Operation};

/// The text of `docs/operations.md`.
pub(super) fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    for family in FAMILIES {
        let root = family.root.join("/");
        let _ = writeln!(text, "\n## {}: `/{root}`\n", family.api);
        let _ = writeln!(text, "| path | methods | further models | body | may be sent twice |");
        let _ = writeln!(text, "|---|---|---|---|---|");
        for operation in family.operations.iter().copied().flatten() {
            let _ = writeln!(text, "{}", row(operation));
        }
    }
    text
}

fn row(operation: &Operation) -> String {
    let mut places: Vec<String> = Vec::new();
    if operation.places.model != "model" {
        places.push(format!("its own: `{}`", operation.places.model));
    }
    places.extend(operation.places.others.iter().map(|place| format!("`{place}`")));
    if operation.in_query {
        places.push("its own: `?model=` or `?deployment=`".to_owned());
    }
    let body = match operation.body {
        Body::Json => "JSON",
        Body::Form => "form or JSON",
        Body::Any => "any",
    };
    let repeats = if operation.repeats { "yes" } else { "no" };
    let (path, methods) = (operation.path.join("/"), operation.methods);
    format!("| `{path}` | {methods} | {} | {body} | {repeats} |", places.join(", "))
}

const INTRODUCTION: &str = "\
# Operations

This page is generated from the code.

Spillway serves these operations. Any other path is answered with 404 `unknown_path`, and a method
that a path does not have with 405 `method_not_allowed`. [`paths.allow`](config.md) opens more paths.

A path is read once, decided on, and written to each backend from what was read:

- Repeated slashes are one slash. Escapes of characters that need none are decoded. The parts of a path
  that are in the tables below are recognised in upper and lower case, and sent as they are written
  here. Names of models and ids keep their case.
- A path that servers could read in different ways is answered with 400 `path_ambiguous`: with `.` or
  `..` as a segment, an escaped slash or a backslash, `;`, `#`, a control character, `%25`, an escape
  that is none, or bytes that are not UTF-8.

The model is named by `{model}` in the path; else by `model` in the body, whatever its content type
says. The column *further models* lists other places where the operation names models: each must be
one of `models`. A parameter of the query that names a model is removed where the operation does not
read it. A body must name its model once, and in one spelling: `Model` beside `model` is refused.

*May be sent twice*: when a backend fails in a way that leaves open whether it has done what was asked,
another backend is asked only where this says yes.
";
