//! From the file as it was written to a [`Config`] that cannot be wrong.
//!
//! Each part of the file has its reader below; each says every problem it finds and goes on.
//! What a reader gives after a problem does not matter: no [`Config`] is made then.

mod backend;
mod client;
mod model;
mod rule;
mod timeouts;

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde_json::Value;

use super::read::{Fields, Node, Reader};
use super::shape::{FILE, Kind};
use super::{
    AllowedPath, AnswerHeaders, BreakerRule, Config, ErrorFormat, FirstEvent, Id, Model, ModelId,
    NamePattern, Problem, RetryRule, Timeouts, WhenExhausted, json, name, quoted, secret, size,
    url,
};

/// The configuration that the file says, or everything that is wrong with it.
pub fn check(file: &Value) -> Result<Config, Vec<Problem>> {
    let mut reader = Reader::new();
    match read_file(file, &mut reader) {
        Some(config) if reader.problems.is_empty() => Ok(config),
        _ => Err(reader.problems),
    }
}

/// The configuration that these bytes of JSON say, or everything that is wrong with them.
pub fn parse_json(bytes: &[u8]) -> Result<Config, Vec<Problem>> {
    json::read(bytes).map_err(|problem| vec![problem]).and_then(|file| check(&file))
}

/// Ids by name.
struct Ids<'a, T> {
    positions: BTreeMap<&'a str, usize>,
    of: PhantomData<T>,
}

impl<'a, T> Ids<'a, T> {
    fn new(entries: &[(&'a str, Node<'a>)]) -> Self {
        let mut positions = BTreeMap::new();
        positions.extend(entries.iter().map(|(name, _)| (*name, 0)));
        positions.values_mut().zip(0..).for_each(|(position, number)| *position = number);
        Self { positions, of: PhantomData }
    }

    fn get(&self, name: &str) -> Option<Id<T>> {
        self.positions.get(name).copied().map(Id::at)
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.positions.keys().copied()
    }
}

/// In the order of names. Objects have it already wherever they do not keep the file's, so most of
/// these are the last so far.
fn by_name<T>(all: impl Iterator<Item = T>, name: impl Fn(&T) -> &str) -> Vec<T> {
    let mut sorted = Vec::new();
    for one in all {
        let at = sorted.partition_point(|other| name(other) < name(&one));
        sorted.insert(at, one);
    }
    sorted
}

fn read_file(file: &Value, reader: &mut Reader) -> Option<Config> {
    let root = Node { path: String::new(), kind: &ROOT, value: file };
    let fields = root.fields(reader)?;
    let backends = read_named(&fields, "backends", reader);
    let models = read_named(&fields, "models", reader);
    let backend_ids = Ids::new(&backends);
    let model_ids = Ids::new(&models);

    let timeouts = fields.get("timeouts");
    let timeouts = timeouts::read_timeouts(timeouts.as_ref(), &Timeouts::default(), reader);
    let backends = backends
        .iter()
        .filter_map(|(name, node)| backend::read(name, node, &model_ids, timeouts.connect, reader));
    let backends = by_name(backends, |(backend, _)| &backend.name);
    let (backends, deployments): (Vec<_>, Vec<_>) = backends.into_iter().unzip();
    let breaker = fields.get("circuit_breaker");
    let breaker = rule::read_breaker(breaker.as_ref(), &BreakerRule::default(), reader);
    let retry = rule::read_retry(fields.get("retry").as_ref(), &RetryRule::default(), reader);
    let first_event = fields.get("first_event");
    let context = model::Context {
        backends: &backend_ids,
        deployments: &deployments,
        breaker,
        retry,
        timeouts: timeouts.clone(),
        first_event: timeouts::read_first_event(
            first_event.as_ref(),
            &FirstEvent::default(),
            reader,
        ),
        usage_in_streams: read_usage(&fields, reader).unwrap_or(true),
    };
    let models = models.iter().filter_map(|(name, node)| model::read(name, node, &context, reader));
    let models = by_name(models, |model| &model.name);

    let clients = client::read_all(&fields, &backends, reader);
    Some(Config {
        backends,
        models,
        denied_models: read_denied(&fields, &model_ids, reader),
        default_model: read_default_model(&fields, &model_ids, reader),
        path_prefix: fields
            .get("path_prefix")
            .and_then(|node| node.parsed(reader, url::path_prefix))
            .unwrap_or_default(),
        allowed_paths: read_allowed_paths(&fields, reader),
        drop_headers: read_drop_headers(&fields, reader),
        clients,
        client_label: read_client_label(&fields, reader).unwrap_or(true),
        cookie_key: fields.get("cookie_key").and_then(|node| secret::read(&node, reader)),
        when_exhausted: match read_word(&fields, "when_exhausted", reader) {
            Some("service_unavailable") => WhenExhausted::ServiceUnavailable,
            _ => WhenExhausted::RetryLater,
        },
        error_format: match read_word(&fields, "error_format", reader) {
            Some("api_management") => ErrorFormat::ApiManagement,
            _ => ErrorFormat::OpenAi,
        },
        answer_headers: read_answer_headers(&fields, reader),
        timeouts,
        max_request_body: fields
            .get("max_request_body")
            .and_then(|node| read_size_above_zero(&node, reader))
            .unwrap_or(32 << 20),
        max_held_bodies: fields
            .get("max_held_bodies")
            .and_then(|node| read_size_above_zero(&node, reader))
            .unwrap_or(256 << 20),
    })
}

/// What stands in `backends` or `models`, by name, in the order of the file, which is that of the
/// problems; neither may be missing or empty.
fn read_named<'a>(
    fields: &Fields<'a>,
    field: &str,
    reader: &mut Reader,
) -> Vec<(&'a str, Node<'a>)> {
    let Some(node) = fields.require(reader, field) else { return Vec::new() };
    let Some(entries) = node.entries(reader) else { return Vec::new() };
    if entries.is_empty() {
        reader.say(&node.path, "expected at least one entry, found none", "");
    }
    entries
}

fn read_word(fields: &Fields<'_>, field: &str, reader: &mut Reader) -> Option<&'static str> {
    fields.get(field)?.word(reader)
}

/// Whether `usage` says that streams are made to report their tokens.
fn read_usage(fields: &Fields<'_>, reader: &mut Reader) -> Option<bool> {
    let usage = fields.get("usage")?;
    usage.fields(reader)?.get("include_in_streams")?.flag(reader)
}

fn read_client_label(fields: &Fields<'_>, reader: &mut Reader) -> Option<bool> {
    let metrics = fields.get("metrics")?;
    metrics.fields(reader)?.get("client_label")?.flag(reader)
}

fn read_size_above_zero(node: &Node<'_>, reader: &mut Reader) -> Option<u64> {
    let size = read_size(node, reader)?;
    if size == 0 {
        reader.say(&node.path, "expected a size above zero, found zero", "");
    }
    Some(size)
}

fn read_size(node: &Node<'_>, reader: &mut Reader) -> Option<u64> {
    if let Some(bytes) = node.value.as_u64() {
        return node.accept(reader, size::limited(bytes));
    }
    if node.value.is_string() {
        return node.parsed(reader, size::parse);
    }
    node.wrong(reader, "");
    None
}

fn read_denied(
    fields: &Fields<'_>,
    models: &Ids<'_, Model>,
    reader: &mut Reader,
) -> Vec<NamePattern> {
    let Some(items) = fields.get("denied_models").and_then(|node| node.items(reader)) else {
        return Vec::new();
    };
    let mut read = |node: &Node<'_>| {
        let pattern = node.parsed(reader, name::pattern)?;
        if let NamePattern::Exact(name) = &pattern
            && models.get(name).is_some()
        {
            let message = format!("{} is also served, so it would not be denied", quoted(name));
            reader.say(&node.path, message, "remove it here or from `models`");
        }
        Some(pattern)
    };
    items.iter().filter_map(&mut read).collect()
}

fn read_default_model(
    fields: &Fields<'_>,
    models: &Ids<'_, Model>,
    reader: &mut Reader,
) -> Option<ModelId> {
    let node = fields.get("default_model")?;
    let name = node.text(reader)?;
    resolve(name, models, "models", &node.path, reader)
}

fn read_allowed_paths(fields: &Fields<'_>, reader: &mut Reader) -> Vec<AllowedPath> {
    let paths = fields.get("paths").and_then(|node| node.fields(reader));
    let items = paths.and_then(|paths| paths.get("allow")).and_then(|node| node.items(reader));
    let items = items.unwrap_or_default();
    items.iter().filter_map(|item| item.parsed(reader, AllowedPath::read)).collect()
}

fn read_drop_headers(fields: &Fields<'_>, reader: &mut Reader) -> Vec<String> {
    let items = fields.get("drop_headers").and_then(|node| node.items(reader)).unwrap_or_default();
    items.iter().filter_map(|item| item.parsed(reader, name::header)).collect()
}

/// The id of the name, which must be one of `section`.
fn resolve<T>(
    name: &str,
    ids: &Ids<'_, T>,
    section: &str,
    path: &str,
    reader: &mut Reader,
) -> Option<Id<T>> {
    let id = ids.get(name);
    if id.is_none() {
        let hint = format!("add it to `{section}`");
        let hint = reader.did_you_mean(name, ids.names(), hint);
        reader.say(path, format!("{} is not one of `{section}`", quoted(name)), hint);
    }
    id
}

fn read_answer_headers(fields: &Fields<'_>, reader: &mut Reader) -> AnswerHeaders {
    let Some(node) = fields.get("answer_headers") else {
        return AnswerHeaders { backend: true, attempts: true, region: false };
    };
    let words: Vec<&str> = node
        .items(reader)
        .unwrap_or_default()
        .iter()
        .filter_map(|item| item.word(reader))
        .collect();
    let has = |word| words.contains(&word);
    AnswerHeaders { backend: has("backend"), attempts: has("attempts"), region: has("region") }
}

static ROOT: Kind = Kind::Object(&FILE);

#[cfg(test)]
mod tests;
