//! The story as a person reads it, and as a program does.

use serde_json::{Map, Value, json};

use super::reasons::{Reasons, Told};
use crate::explain::Question;
use crate::explain::story::{DecidedBy, Own, Story};
use spillway::gateway::Gateway;
use spillway::target::Target;

/// All of it, for people.
pub(super) fn text(gateway: &Gateway, question: &Question, story: &Story) -> String {
    let mut lines = vec![line("path", &path(gateway, question))];
    if let Some(client) = &story.client {
        lines.push(line("client", client));
    }
    let reasons = reasons(gateway, story);
    if let Some((reasons, decided_by)) = &reasons {
        lines.push(line("model", &format!("{}, {}", reasons.model.name, by(*decided_by))));
        lines.extend(reasons.affinity().map(|said| line("affinity", &said)));
        lines.push(String::new());
        lines.extend(table(reasons));
        lines.push(String::new());
    }
    lines.push(line("answer", &answer(reasons.as_ref().map(|(reasons, _)| reasons), story)));
    if let Some(Own { headers, body, .. }) = &story.ending.own {
        lines.extend(
            headers.0.iter().map(|(name, value)| {
                line("", &format!("{name}: {}", String::from_utf8_lossy(value)))
            }),
        );
        if !body.is_empty() {
            lines.push(line("", &String::from_utf8_lossy(body)));
        }
    }
    let affinity = reasons.as_ref().and_then(|(reasons, _)| reasons.model.affinity.as_ref());
    if let Some(affinity) = affinity.filter(|_| story.ending.cookie) {
        lines.push(line("", &format!("set-cookie: {}=…", affinity.cookie)));
    }
    lines.join("\n") + "\n"
}

/// The same, for programs.
pub(super) fn json(gateway: &Gateway, question: &Question, story: &Story) -> String {
    let reasons = reasons(gateway, story);
    let model = reasons.as_ref().map(|(reasons, decided_by)| (reasons, word(*decided_by)));
    let members = reasons.as_ref().map(|(reasons, _)| {
        let object = |told: Told| {
            json!({
                "backend": reasons.name(told.member),
                "deployment": reasons.deployment(told.member),
                "order": told.order,
                "answer": told.answer,
                "why": told.why,
            })
        };
        reasons.members().into_iter().map(object).collect::<Vec<Value>>()
    });
    let own = story.ending.own.as_ref();
    let headers: Map<String, Value> = own
        .iter()
        .flat_map(|own| &own.headers.0)
        .map(|(name, value)| (name.clone(), json!(String::from_utf8_lossy(value))))
        .collect();
    let all = json!({
        "path": path(gateway, question),
        "client": story.client,
        "model": model.map(|(reasons, _)| reasons.model.name.as_str()),
        "decided_by": model.map(|(_, word)| word),
        "pinned": reasons.as_ref().and_then(|(reasons, _)| Some(reasons.name(story.pinned?))),
        "members": members.unwrap_or_default(),
        "answer": {
            "status": story.ending.status,
            "reason": own.map(|own| own.reason.as_str()),
            "headers": headers,
            "body": own.and_then(|own| serde_json::from_slice::<Value>(&own.body).ok()),
            "cookie": story.ending.cookie,
            "why": answer(reasons.as_ref().map(|(reasons, _)| reasons), story),
        },
    });
    format!("{all:#}\n")
}

fn reasons<'a>(gateway: &'a Gateway, story: &'a Story) -> Option<(Reasons<'a>, DecidedBy)> {
    let (id, decided_by) = story.model?;
    let model = id.of(&gateway.config.models)?;
    Some((Reasons { gateway, model, story }, decided_by))
}

fn line(what: &str, said: &str) -> String {
    format!("{what:<10}{said}")
}

/// The path as the client sends it, but for a key in its query.
fn path(gateway: &Gateway, question: &Question) -> String {
    let (path, config) = (&question.head.path, &gateway.config);
    let prefix = &config.path_prefix;
    match Target::read(&question.head.method, path, prefix, &config.allowed_paths) {
        Ok(target) => format!("{prefix}{}", String::from_utf8_lossy(&target.path_and_query())),
        Err(_) => {
            let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
            String::from_utf8_lossy(path).into_owned()
        }
    }
}

const fn by(decided_by: DecidedBy) -> &'static str {
    match decided_by {
        DecidedBy::Path => "by the deployment in the path",
        DecidedBy::Query => "by the model in the query",
        DecidedBy::Body => "by `model` in the body",
        DecidedBy::Cookie => "by the affinity cookie, as the request names none",
        DecidedBy::Default => "by `default_model`, as the request names none",
    }
}

const fn word(decided_by: DecidedBy) -> &'static str {
    match decided_by {
        DecidedBy::Path => "path",
        DecidedBy::Query => "query",
        DecidedBy::Body => "body",
        DecidedBy::Cookie => "cookie",
        DecidedBy::Default => "default",
    }
}

/// What the client gets, and why nobody else is asked.
fn answer(reasons: Option<&Reasons<'_>>, story: &Story) -> String {
    let status = story.ending.status;
    let last = reasons.zip(story.attempts.last());
    let last = last.map(|(reasons, attempt)| (reasons.name(attempt.member), reasons.end()));
    match (&story.ending.own, last) {
        (None, Some((name, end))) => format!("{status}, as {name} answered: {end}"),
        (None, None) => status.to_string(),
        (Some(own), None) => format!("{status} {}, and no backend is asked", own.reason),
        (Some(own), Some((_, end))) => format!("{status} {}: {end}", own.reason),
    }
}

/// A row for each member.
fn table(reasons: &Reasons<'_>) -> Vec<String> {
    let dash = || "-".to_owned();
    let head = ["", "backend", "deployment", "answers", "why"].map(str::to_owned);
    let row = |told: Told| {
        [
            told.order.map_or_else(dash, |order| order.to_string()),
            reasons.name(told.member).to_owned(),
            reasons.deployment(told.member).to_owned(),
            told.answer.map_or_else(dash, |answer| answer.to_string()),
            told.why,
        ]
    };
    let rows: Vec<_> =
        std::iter::once(head).chain(reasons.members().into_iter().map(row)).collect();
    aligned(&rows)
}

/// The rows with their columns below each other; the last is as wide as it likes.
fn aligned(rows: &[[String; 5]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..5).map(width).collect();
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
