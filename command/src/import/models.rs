//! Puts pools behind the names that clients ask for.
//!
//! A pool of API Management knows no models: a policy, or the API that it stands in, sends requests
//! to it. Whoever imports says which model a pool serves; the others are named after their pools.
//!
//! Circuit breakers belong to a backend there, and to a pool or the whole file here.

use super::backend::Backend;
use super::breaker::Rule;
use super::pool::{Member, Pool};
use super::report::Report;
use super::{ModelOf, Work, names};
use spillway::config::nearest::nearest;
use spillway::config::{Problem, quoted};

/// A model as it will stand in the configuration.
#[derive(Debug)]
pub(super) struct Model {
    /// The name that clients ask for.
    pub(super) name: String,
    /// Where its pool stands in the file, and what it is called there.
    pub(super) origin: (String, String),
    /// Whether nobody said its name.
    pub(super) unnamed: bool,
    /// Its members: positions in the list of backends, tiers and shares.
    pub(super) members: Vec<(usize, Option<u64>, Option<u64>)>,
    /// The cookie that keeps a client with its backend.
    pub(super) cookie: Option<Option<String>>,
    /// When its backends are left alone.
    pub(super) rule: Option<Rule>,
}

/// The models: those that were asked for, then one for each pool that nobody named.
pub(super) fn of(
    backends: &[Backend],
    pools: &[Pool],
    wanted: &[ModelOf],
    work: &mut Work,
) -> Vec<Model> {
    let alone: Vec<Pool> = backends.iter().map(alone).collect();
    let mut models: Vec<Model> = Vec::new();
    for ModelOf { model, serves } in wanted {
        let is = |pool: &&Pool| pool.source.eq_ignore_ascii_case(serves);
        match pools.iter().find(is).or_else(|| alone.iter().find(is)) {
            None => work.problems.push(nobody(serves, backends, pools)),
            Some(_) if models.iter().any(|known| known.name == *model) => {
                let message = format!("the model {} stands twice", quoted(model));
                work.problems.push(Problem::new("--model", message, "name each model once"));
            }
            Some(pool) => models.extend(model_of(model, pool, backends, pools, work)),
        }
    }
    let named =
        |pool: &&Pool| !wanted.iter().any(|it| it.serves.eq_ignore_ascii_case(&pool.source));
    let rest: Vec<&Pool> = match (pools.is_empty(), wanted.is_empty()) {
        (true, true) => alone.iter().collect(),
        (true, false) => Vec::new(),
        (false, _) => pools.iter().filter(named).collect(),
    };
    for pool in rest {
        let name = names::model(&pool.source);
        if models.iter().any(|known| known.name == name) {
            let message = format!("the model {} would stand twice", quoted(&name));
            let hint = format!("say which model {} serves as well", quoted(&pool.source));
            work.problems.push(Problem::new("--model", message, hint));
            continue;
        }
        let message =
            format!("the model {} is named after it: clients ask for models", quoted(&name));
        work.report.differs(&pool.path, message, UNNAMED);
        let model = model_of(&name, pool, backends, pools, work);
        models.extend(model.map(|model| Model { unnamed: true, ..model }));
    }
    unused(backends, &models, work);
    if !work.faithful {
        for model in &models {
            for message in BETTER {
                work.report.differs(
                    &model.origin.0,
                    message,
                    "`--faithful` does as API Management",
                );
            }
        }
    }
    models
}

/// What a gateway needs to know and no list of backends says.
pub(super) fn absent(report: &mut Report) {
    let message = "a policy says what API Management tries again; Spillway tries every member once after 408, 429, 5xx and failed connections";
    report.absent("retry", message, "a policy's `<retry count=\"2\">` is `retry: { attempts: 3 }`");
    let message = "the API has the path that clients use";
    report.absent(
        "path_prefix",
        message,
        "for `https://…/inference/openai/…` set `path_prefix: /inference`",
    );
    let message = "subscriptions have the clients' keys; without `clients` anyone may call";
    report.absent("clients", message, "give each client a name and a key of its own");
}

/// A single backend as the pool of which it is the only member.
fn alone(backend: &Backend) -> Pool {
    let (path, source) = (backend.path.clone(), backend.source.clone());
    let member =
        Member { path: path.clone(), source: source.clone(), priority: None, weight: None };
    Pool { source, path, members: vec![member], cookie: None }
}

fn nobody(serves: &str, backends: &[Backend], pools: &[Pool]) -> Problem {
    let pools = pools.iter().map(|pool| pool.source.as_str());
    let known: Vec<&str> = pools.chain(backends.iter().map(|it| it.source.as_str())).collect();
    let message = format!("no pool or backend is called {}", quoted(serves));
    let hint = match nearest(serves, known.iter().copied()) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None => {
            let known: Vec<String> = known.iter().take(20).map(|name| quoted(name)).collect();
            format!("there are: {}", known.join(", "))
        }
    };
    Problem::new("--model", message, hint)
}

fn model_of(
    name: &str,
    pool: &Pool,
    backends: &[Backend],
    pools: &[Pool],
    work: &mut Work,
) -> Option<Model> {
    let mut members = Vec::new();
    for member in &pool.members {
        let is = |backend: &Backend| backend.source.eq_ignore_ascii_case(&member.source);
        match backends.iter().position(is) {
            Some(at) => members.push((at, member.priority, member.weight)),
            None => say(missing(member, pool, backends, pools), work),
        }
    }
    if members.len() < pool.members.len() {
        return None;
    }
    if !pool.members.iter().any(|member| member.path == pool.path) {
        let message = format!("the pool of model {}", quoted(name));
        work.report.taken(&pool.path, message);
    }
    let rule = rule_of(&members, backends, pool, work);
    Some(Model {
        name: name.to_owned(),
        origin: (pool.path.clone(), pool.source.clone()),
        unnamed: false,
        members,
        cookie: pool.cookie.clone(),
        rule,
    })
}

/// The same pool may serve several models: what is wrong with it is said once.
fn say(problem: Problem, work: &mut Work) {
    if !work.problems.contains(&problem) {
        work.problems.push(problem);
    }
}

/// Why a member is no single backend.
fn missing(member: &Member, pool: &Pool, backends: &[Backend], pools: &[Pool]) -> Problem {
    let find = |name: &str| pools.iter().find(|pool| pool.source.eq_ignore_ascii_case(name));
    let Some(inner) = find(&member.source) else {
        let known = backends.iter().map(|backend| backend.source.as_str());
        let hint = match nearest(&member.source, known) {
            Some(near) => format!("did you mean {}?", quoted(near)),
            None => "the file must hold the pool's members too".to_owned(),
        };
        let message = format!("no backend is called {}", quoted(&member.source));
        return Problem::new(&member.path, message, hint);
    };
    let mut seen: Vec<&str> = Vec::new();
    let mut next = vec![inner];
    while let Some(at) = next.pop() {
        if at.source.eq_ignore_ascii_case(&pool.source) {
            let message = format!("the pool {} holds itself", quoted(&pool.source));
            return Problem::new(&member.path, message, "name single backends as its members");
        }
        if !seen.contains(&at.source.as_str()) {
            seen.push(&at.source);
            next.extend(at.members.iter().filter_map(|member| find(&member.source)));
        }
    }
    let message = format!("{} is a pool, and a pool holds single backends", quoted(&member.source));
    Problem::new(
        &member.path,
        message,
        "name the inner pool's members, with higher priorities for those that come later",
    )
}

/// The rule for a pool: that of its members, or of the first tier's where they differ.
fn rule_of(
    members: &[(usize, Option<u64>, Option<u64>)],
    backends: &[Backend],
    pool: &Pool,
    work: &mut Work,
) -> Option<Rule> {
    let mut ordered: Vec<_> = members.iter().collect();
    ordered.sort_by_key(|(_, priority, _)| priority.unwrap_or(1));
    let members: Vec<&Backend> =
        ordered.iter().filter_map(|(at, _, _)| backends.get(*at)).collect();
    let Some(rule) = members.iter().find_map(|backend| backend.rule.as_ref()) else {
        let message = "no circuit breaker, so API Management never passes over a member; Spillway's own holds";
        work.report.differs(
            &pool.path,
            message,
            "`circuit_breaker` sets when a backend is left alone",
        );
        return None;
    };
    for backend in members {
        match &backend.rule {
            None => {
                let message =
                    format!("no circuit breaker: that of {} holds for the whole pool", rule.path);
                work.report.differs(&backend.path, message, "");
            }
            Some(other) if other.lines != rule.lines => {
                let message = format!(
                    "another rule than {}, which stands first in the pool {} and holds for all of it",
                    rule.path,
                    quoted(&pool.source)
                );
                work.report.differs(&other.path, message, "");
            }
            Some(same) => work.report.taken(&same.path, "`circuit_breaker`"),
        }
    }
    Some(rule.clone())
}

/// Backends that no model leads to: they stand in the file and do nothing.
fn unused(backends: &[Backend], models: &[Model], work: &mut Work) {
    for (at, backend) in backends.iter().enumerate() {
        if models.iter().any(|model| model.members.iter().any(|(member, _, _)| *member == at)) {
            continue;
        }
        let rule = if backend.rule.is_some() { "; its circuit breaker is left out" } else { "" };
        let message = format!("in no pool, so no model leads to it{rule}");
        work.report.differs(
            &backend.path,
            message,
            "`--model NAME=BACKEND` makes it a model of its own",
        );
    }
}

/// What Spillway does otherwise unless it is told to be faithful.
const BETTER: [&str; 2] = [
    "where nobody is left, clients get 429 or 503 with the soonest `Retry-After` instead of an empty 503",
    "a backend that refuses Spillway's key is passed over instead of its refusal passed on",
];

/// What to do about a model that has its pool's name.
pub(super) const UNNAMED: &str = "import with `--model NAME=POOL`, or rename the model in the file";
