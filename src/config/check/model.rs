//! Reads one of `models`, its pool and its affinity.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Ids, read_usage, resolve, rule, timeouts};
use crate::config::read::{Fields, Node, Reader};
use crate::config::{
    Affinity, Backend, BackendId, BreakerRule, DeploymentNames, FirstEvent, Member, Model,
    RetryRule, SecureCookie, Timeouts, name,
};

/// What models refer to.
pub(super) struct Context<'a> {
    /// The backends' ids.
    pub(super) backends: &'a Ids<'a, Backend>,
    /// What models are called at each backend.
    pub(super) deployments: &'a [DeploymentNames],
    /// The file's rule.
    pub(super) breaker: BreakerRule,
    /// The file's rule.
    pub(super) retry: RetryRule,
    /// The file's time-outs.
    pub(super) timeouts: Timeouts,
    /// The file's rule.
    pub(super) first_event: FirstEvent,
    /// The file's rule.
    pub(super) usage_in_streams: bool,
}

/// The model.
pub(super) fn read(
    name: &str,
    node: &Node<'_>,
    context: &Context<'_>,
    reader: &mut Reader,
) -> Option<Model> {
    node.accept(reader, name::model(name));
    let fields = node.fields(reader)?;
    let pool = fields.require(reader, "pool");
    let pool = pool.and_then(|pool| read_pool(name, &pool, context, reader)).unwrap_or_default();
    let affinity = fields.get("session_affinity");
    Some(Model {
        name: name.to_owned(),
        pool,
        affinity: affinity.and_then(|node| read_affinity(&node, reader)),
        breaker: rule::read_breaker(
            fields.get("circuit_breaker").as_ref(),
            &context.breaker,
            reader,
        ),
        retry: rule::read_retry(fields.get("retry").as_ref(), &context.retry, reader),
        headroom: fields.get("headroom").and_then(|node| node.flag(reader)).unwrap_or(false),
        timeouts: timeouts::read_timeouts(
            fields.get("timeouts").as_ref(),
            &context.timeouts,
            reader,
        ),
        first_event: timeouts::read_first_event(
            fields.get("first_event").as_ref(),
            &context.first_event,
            reader,
        ),
        usage_in_streams: read_usage(&fields, reader).unwrap_or(context.usage_in_streams),
    })
}

fn read_pool(
    model: &str,
    pool: &Node<'_>,
    context: &Context<'_>,
    reader: &mut Reader,
) -> Option<Vec<Member>> {
    let items = pool.items(reader)?;
    if items.is_empty() {
        let hint = "name at least one backend, or remove the model";
        reader.say(&pool.path, "the pool has no members", hint);
    }
    let mut seen = BTreeSet::new();
    let mut members = Vec::with_capacity(items.len());
    for item in &items {
        let Some((backend, priority, weight)) = read_member(item, context, reader) else {
            continue;
        };
        if !seen.insert(backend) {
            let hint = "remove one of the two; to send it more requests, raise its `weight`";
            reader.say(&item.path, "the same backend is already in this pool", hint);
        }
        let names = context.deployments.get(backend.position());
        let deployment = names.and_then(|names| names.get(model)).map_or(model, String::as_str);
        members.push(Member { backend, priority, weight, deployment: deployment.to_owned() });
    }
    Some(members)
}

fn read_member(
    item: &Node<'_>,
    context: &Context<'_>,
    reader: &mut Reader,
) -> Option<(BackendId, u32, u32)> {
    if let Value::String(name) = item.value {
        let backend = resolve(name, context.backends, "backends", &item.path, reader)?;
        return Some((backend, PRIORITY, WEIGHT));
    }
    let fields = item.fields(reader)?;
    let priority = fields.get("priority").and_then(|node| node.whole(reader));
    let weight = read_weight(&fields, reader);
    let node = fields.require(reader, "backend")?;
    let backend = resolve(node.text(reader)?, context.backends, "backends", &node.path, reader)?;
    Some((backend, priority.unwrap_or(PRIORITY), weight.unwrap_or(WEIGHT)))
}

fn read_weight(fields: &Fields<'_>, reader: &mut Reader) -> Option<u32> {
    let node = fields.get("weight")?;
    if node.value.as_u64() == Some(0) {
        node.wrong(reader, "remove the member or give it 1 or more");
        return None;
    }
    node.whole(reader)
}

fn read_affinity(node: &Node<'_>, reader: &mut Reader) -> Option<Affinity> {
    if let Value::Bool(wanted) = *node.value {
        return wanted.then(|| Affinity {
            cookie: COOKIE.to_owned(),
            secure: SecureCookie::Auto,
            required: false,
            returns: false,
        });
    }
    let fields = node.fields(reader)?;
    let cookie = fields.get("cookie").and_then(|node| node.parsed(reader, name::cookie));
    let secure = match fields.get("secure").and_then(|node| node.word(reader)) {
        Some("always") => SecureCookie::Always,
        Some("never") => SecureCookie::Never,
        _ => SecureCookie::Auto,
    };
    let mode = fields.get("mode").and_then(|node| node.word(reader));
    let required = mode == Some("require");
    let stated = fields.get("return_to_better_tier");
    let returns = stated.as_ref().and_then(|node| node.flag(reader)).unwrap_or(false);
    if let Some(node) = stated.filter(|_| required && returns) {
        let message = "a client that must stay with its backend cannot return to another one";
        reader.say(&node.path, message, "remove it, or `mode: require`");
    }
    let cookie = cookie.unwrap_or_else(|| COOKIE.to_owned());
    Some(Affinity { cookie, secure, required, returns })
}

const PRIORITY: u32 = 1;
const WEIGHT: u32 = 1;
const COOKIE: &str = "Spillway-Affinity";
