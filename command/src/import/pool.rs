//! Reads a backend of the type `Pool`.
//!
//! <https://learn.microsoft.com/azure/api-management/backends>, "Load-balanced pool" and "Session
//! awareness". Lower numbers of `priority` come first, in both.

use super::Work;
use super::backend::{describe, leave};
use super::breaker::EXHAUSTED;
use super::fields::{Entry, Fields, last_part, not_in_the_file};
use super::input::Resource;
use spillway::config::{Problem, name};

/// A pool as it stands in the file.
#[derive(Debug)]
pub(super) struct Pool {
    /// Its name in API Management.
    pub(super) source: String,
    /// Where it stands in the file.
    pub(super) path: String,
    /// Its members.
    pub(super) members: Vec<Member>,
    /// The cookie that keeps a client with its backend: its name where Spillway can use it.
    pub(super) cookie: Option<Option<String>>,
}

/// A member of a pool.
#[derive(Debug)]
pub(super) struct Member {
    /// Where it stands in the file.
    pub(super) path: String,
    /// What it is called in API Management.
    pub(super) source: String,
    /// Its tier.
    pub(super) priority: Option<u64>,
    /// Its share.
    pub(super) weight: Option<u64>,
}

/// The pool.
pub(super) fn read(resource: &Resource, fields: &Fields<'_>, work: &mut Work) -> Pool {
    let pool = fields.object("pool", &mut work.problems);
    let services = pool.get("services").map(|entry| entry.items(&mut work.problems));
    let services = services.unwrap_or_default();
    if services.is_empty() {
        let hint = "name the backends in `services`, or remove the pool";
        work.problems.push(Problem::new(&pool.path, "the pool has no members", hint));
    }
    let mut members: Vec<Member> = Vec::new();
    for entry in services {
        let Some(member) = member(&entry, work) else { continue };
        if members.iter().any(|known| known.source.eq_ignore_ascii_case(&member.source)) {
            work.report.without(&entry.path, "a member that the pool has already", "");
        } else {
            members.push(member);
        }
    }
    tiers(&mut members, work);
    let cookie = affinity(&pool, work);
    if let Some(entry) = pool.get("failureResponse") {
        work.report.without(&entry.path, "the answer of a pool that has nobody left", EXHAUSTED);
    }
    for name in ["url", "protocol", "credentials", "tls", "circuitBreaker", "proxy"] {
        if let Some(entry) = fields.get(name) {
            work.report.without(&entry.path, "a pool's own: its members have theirs", "");
        }
    }
    leave(&pool, work);
    describe(fields, work);
    leave(fields, work);
    Pool { source: resource.name.clone(), path: resource.path.clone(), members, cookie }
}

fn member(entry: &Entry<'_>, work: &mut Work) -> Option<Member> {
    let fields = entry.object(&mut work.problems)?;
    let number = |name, most, work: &mut Work| {
        let entry = fields.get(name)?;
        let number = entry.whole(&mut work.problems)?;
        Some(entry.bounded(number, 0..=most, work))
    };
    let (priority, weight) = (number("priority", 100, work), number("weight", 1000, work));
    if let Some(entry) = fields.get("preferredCarbonEmission") {
        work.report.without(&entry.path, "a preference by carbon emission", "");
    }
    let id = fields.get("id");
    leave(&fields, work);
    let Some(id) = id else {
        let hint = "name a backend: `/backends/eastus`";
        work.problems.push(Problem::new(&entry.path, "the member has no `id`", hint));
        return None;
    };
    let Some(source) = id.value.as_str().map(last_part) else {
        id.text(&mut work.problems);
        return None;
    };
    let Some(source) = source else {
        work.problems.push(not_in_the_file(&id.path));
        return None;
    };
    Some(Member { path: entry.path.clone(), source: source.to_owned(), priority, weight })
}

/// Says where tiers and shares that were left open, or are nothing, get another meaning.
fn tiers(members: &mut [Member], work: &mut Work) {
    let some = members.iter().any(|member| member.priority.is_some());
    for member in members.iter_mut().filter(|member| some && member.priority.is_none()) {
        work.report.differs(&member.path, "no `priority` where others have one: 1 is taken", "");
        member.priority = Some(1);
    }
    let weighed: Vec<Option<u64>> = members
        .iter()
        .filter(|member| member.weight.is_some_and(|weight| weight > 0))
        .map(|member| member.priority)
        .collect();
    for member in members {
        let others_weigh = weighed.contains(&member.priority);
        match member.weight {
            Some(0) if others_weigh => {
                let message = "a `weight` of 0 beside others: 1 is the least, and is taken";
                let hint = "remove the member, or give it a higher `priority` as a last resort";
                work.report.differs(&member.path, message, hint);
                member.weight = Some(1);
            }
            // Nobody in its tier has a share: all have the same.
            Some(0) => member.weight = None,
            None if others_weigh => {
                let message = "no `weight` where others of its priority have one: 1 is taken";
                work.report.differs(&member.path, message, "");
            }
            _ => {}
        }
    }
}

/// The affinity cookie. Microsoft's session-awareness lab also writes `enabled`, `affinityType` and
/// `cookieName`, which are not in the reference.
fn affinity(pool: &Fields<'_>, work: &mut Work) -> Option<Option<String>> {
    let entry = pool.get("sessionAffinity")?;
    let fields = entry.object(&mut work.problems)?;
    let enabled = fields.get("enabled").and_then(|entry| entry.flag(&mut work.problems));
    fields.get("affinityType");
    let session = fields.object("sessionId", &mut work.problems);
    let source = session.get("source").and_then(|entry| entry.text(&mut work.problems));
    let name = session.get("name").or_else(|| fields.get("cookieName"));
    fields.get("cookieName");
    leave(&session, work);
    leave(&fields, work);
    if enabled == Some(false) {
        work.report.taken(&entry.path, "no session affinity: it is not enabled");
        return None;
    }
    if source.is_some_and(|source| !source.eq_ignore_ascii_case("cookie")) {
        let hint = "`session_affinity` knows cookies only";
        work.report.without(&entry.path, "affinity by something else than a cookie", hint);
        return None;
    }
    let cookie = name.and_then(|entry| {
        let cookie = entry.text(&mut work.problems).and_then(|text| name::cookie(text).ok());
        if cookie.is_none() {
            work.report.differs(&entry.path, "not a cookie's name: Spillway's own is taken", "");
        }
        cookie
    });
    work.report.taken(&entry.path, "`session_affinity`");
    let message = "a client whose backend may not be chosen gets another's answer and a new cookie; API Management does not say what it does";
    work.report.differs(
        &entry.path,
        message,
        "for state that no other backend has, set `mode: require`",
    );
    Some(cookie)
}
