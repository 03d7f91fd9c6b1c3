//! Plays the request: the filters run in memory, on the model of Envoy.

use std::collections::BTreeMap;
use std::rc::Rc;

use spillway_model::http::{Answer, Request};
use spillway_model::{Clock, Envoy, Native, Passage, Shared, Step};

use super::Question;
use super::story::{Attempt, DecidedBy, Ending, Own, Story};
use spillway::breaker::store::BreakerStore;
use spillway::config::Member;
use spillway::cookie::Cookies;
use spillway::exchange::effect::LogField;
use spillway::exchange::head::Head;
use spillway::exchange::repetition::allowed_by;
use spillway::gateway::{Gateway, Route};
use spillway::outcome::Verdict;
use spillway::prompt::{self, MediaType};
use spillway::target::Target;
use spillway::time::Timestamp;

/// What becomes of the request, where these are the circuits when it arrives.
pub(super) fn play(
    gateway: &Rc<Gateway>,
    question: &Question,
    (clock, shared): (&Clock, &Shared),
    circuits: &BreakerStore,
    now: Timestamp,
) -> Story {
    let workers = vec![Native::serving(gateway, clock, shared)];
    let (config, failover) = (&gateway.config, gateway.failover);
    let none = BTreeMap::new();
    let mut envoy = Envoy::new(config, failover, workers, clock.clone(), shared.clone(), &none);
    let (mut passage, step) = envoy.begin(0, &request(question));
    let said = |passage: &Passage, field: LogField| {
        let value = passage.state().get(field.property());
        value.map(|value| String::from_utf8_lossy(value).into_owned())
    };
    let id = said(&passage, LogField::Model).and_then(|name| gateway.model(&name));
    let route = id.and_then(|id| gateway.route(id));
    let cookies = question.head.cookie.clone().map(Cookies::read).unwrap_or_default();
    let admission =
        |circuit| route.map(|route| circuits.admission(circuit, &route.model.breaker, now));
    let of_pool = route.map(|route| route.circuits).unwrap_or_default();
    let sent = matches!(step, Step::Attempt);
    let retries = usize::try_from(passage.retries).unwrap_or(usize::MAX);
    let allowed = allowed_by(retries);
    let mut story = Story {
        now,
        client: said(&passage, LogField::Client),
        model: id.map(|id| (id, decided_by(gateway, question))),
        pinned: route.and_then(|route| route.pinned(&cookies)),
        standings: of_pool.iter().filter_map(|circuit| admission(*circuit)).collect(),
        allowed: if sent { allowed } else { 0 },
        attempts: Vec::new(),
        ending: Ending { status: 0, own: None, cookie: false },
    };
    let answer = goes_on(&mut envoy, &mut passage, step, |cluster| {
        let attempt = asked(gateway, question, route?, cluster)?;
        let status = attempt.status;
        story.attempts.push(attempt);
        Some(status)
    });
    let reason = shared.borrow_mut().rejected();
    let cookie = answer.headers.get("set-cookie").is_some();
    let status = answer.status;
    let own = reason.map(|reason| Own { reason, headers: answer.headers, body: answer.body });
    story.ending = Ending { status, own, cookie };
    story
}

/// The request's further way; `answers` says with which status a backend answers.
fn goes_on(
    envoy: &mut Envoy<Native>,
    passage: &mut Passage,
    mut step: Step,
    mut answers: impl FnMut(&str) -> Option<u16>,
) -> Answer {
    loop {
        step = match step {
            Step::Attempt => envoy.attempt(passage),
            Step::Send(sent) => {
                let status = answers(&sent.cluster).unwrap_or(503);
                envoy.reacts(passage, Answer::json(status, "{}").into())
            }
            Step::Done(answer) => return answer,
        };
    }
}

/// The member that is asked, and what it answers.
fn asked(
    gateway: &Gateway,
    question: &Question,
    route: Route<'_>,
    cluster: &str,
) -> Option<Attempt> {
    let is_asked = |member: &Member| gateway.backend(member).is_some_and(|b| b.name == cluster);
    let member = route.model.pool.iter().position(is_asked)?;
    let backend = route.model.pool.get(member)?.backend;
    let own = question.answers.iter().rev().find(|(of, _)| *of == backend);
    let status = own.map_or(question.answer, |(_, status)| *status);
    let (breaker, retry) = (&route.model.breaker, &route.model.retry);
    let elsewhere = Verdict::on_status(status, None, false, breaker, retry).elsewhere;
    Some(Attempt { member, status, elsewhere })
}

fn request(question: &Question) -> Request {
    let Head { method, path, content_type, content_encoding, cookie, credentials, others, .. } =
        &question.head;
    let mut request = Request {
        method: String::from_utf8_lossy(method).into_owned(),
        path: path.clone(),
        body: question.body.clone(),
        streamed: question.head.has_body && question.body.is_empty(),
        ..Request::default()
    };
    let named = [
        ("content-type", content_type),
        ("content-encoding", content_encoding),
        ("cookie", cookie),
    ];
    for (name, value) in named {
        request.headers.0.extend(value.clone().map(|value| (name.to_owned(), value)));
    }
    let credentials = credentials.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    request.headers.0.extend(credentials.chain(others.iter().cloned()));
    request
}

/// What decided on the model, asked in the order in which the exchange asks.
fn decided_by(gateway: &Gateway, question: &Question) -> DecidedBy {
    let (head, config) = (&question.head, &gateway.config);
    let target =
        Target::read(&head.method, &head.path, &config.path_prefix, &config.allowed_paths).ok();
    let form = MediaType::of(head.content_type.as_deref(), head.content_encoding.as_deref());
    let named = || {
        let places = target.as_ref()?.operation.places;
        prompt::read(&question.body, form.as_ref().ok()?, places).ok()?.named
    };
    let cookies = head.cookie.clone().map(Cookies::read).unwrap_or_default();
    if target.as_ref().is_some_and(Target::is_in_path) {
        DecidedBy::Path
    } else if target.as_ref().is_some_and(|target| target.model().is_some()) {
        DecidedBy::Query
    } else if head.has_body && named().is_some() {
        DecidedBy::Body
    } else if gateway.model_of_cookie(&cookies).is_some() {
        DecidedBy::Cookie
    } else {
        DecidedBy::Default
    }
}
