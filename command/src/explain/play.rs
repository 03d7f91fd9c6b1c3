//! Plays the request: events in, effects out, as Envoy and the filter would.

use std::rc::Rc;

use super::Question;
use super::story::{Attempt, DecidedBy, Ending, Story};
use crate::simulate::host::Host;
use spillway::config::ModelId;
use spillway::cookie::Cookies;
use spillway::exchange::effect::Note;
use spillway::exchange::event::Answer;
use spillway::exchange::{Effect, Event, Exchange};
use spillway::gateway::Gateway;
use spillway::outcome::Verdict;
use spillway::prompt::{self, MediaType};
use spillway::reply::Reply;
use spillway::target::Target;
use spillway::time::Timestamp;

/// What becomes of the request.
pub(super) fn play(
    gateway: &Rc<Gateway>,
    question: &Question,
    host: &mut Host,
    now: Timestamp,
) -> Story {
    let board = host.board();
    let mut play = Play {
        exchange: Exchange::new(gateway.clone()),
        question,
        host,
        now,
        told: Told::default(),
    };
    play.arrives();
    let id = play.told.model.as_deref().and_then(|name| gateway.model(name));
    let route = id.and_then(|id| gateway.route(id));
    let cookies = question.head.cookie.clone().map(Cookies::read).unwrap_or_default();
    let standing = |circuit| route.map(|route| board.standing(circuit, &route.model.breaker, now));
    let circuits = route.map(|route| route.circuits).unwrap_or_default();
    let mut story = Story {
        now,
        client: play.told.client.take(),
        model: id.map(|id| (id, decided_by(gateway, question))),
        pinned: route.and_then(|route| route.pinned(&cookies)),
        standings: circuits.iter().filter_map(|circuit| standing(*circuit)).collect(),
        allowed: play.told.retries.map_or(0, |retries| retries + 1),
        attempts: Vec::new(),
        ending: Ending { status: 0, reply: None, cookie: false },
    };
    story.ending = match play.told.reply.take() {
        Some(reply) => play.leaves(reply.status, Some(reply)),
        None => match id {
            Some(id) => play.is_sent(gateway, id, &mut story.attempts),
            None => play.leaves(503, None),
        },
    };
    story
}

/// One request under way.
struct Play<'a> {
    exchange: Exchange,
    question: &'a Question,
    host: &'a mut Host,
    now: Timestamp,
    told: Told,
}

/// What the exchange has told so far.
#[derive(Debug, Default)]
struct Told {
    client: Option<String>,
    model: Option<String>,
    /// The backend that the next attempt goes to.
    cluster: Option<String>,
    /// Attempts that are left to Envoy's router.
    retries: Option<usize>,
    /// What the gateway answers by itself, or instead of a backend's answer.
    reply: Option<Reply>,
    awaits_body: bool,
    holds_answer: bool,
    holds_opening: bool,
    marked: bool,
    cookie: bool,
}

impl Play<'_> {
    fn arrives(&mut self) {
        self.on(Event::Arrived(self.question.head.clone()));
        if std::mem::take(&mut self.told.awaits_body) {
            self.on(Event::Body(&self.question.body));
        }
    }

    fn is_sent(&mut self, gateway: &Gateway, id: ModelId, attempts: &mut Vec<Attempt>) -> Ending {
        let Some(route) = gateway.route(id) else { return self.leaves(503, None) };
        loop {
            // The backend after this one is named while this one's attempt starts.
            let cluster = self.told.cluster.clone();
            self.on(Event::AttemptStarts);
            if let Some(reply) = self.told.reply.take() {
                return self.leaves(reply.status, Some(reply));
            }
            let asked = |member: &spillway::config::Member| {
                gateway.backend(member).map(|backend| &backend.name) == cluster.as_ref()
            };
            let Some(member) = route.model.pool.iter().position(asked) else {
                return self.leaves(503, None);
            };
            let backend = route.model.pool.get(member).map(|member| member.backend);
            let own = self.question.answers.iter().rev().find(|(of, _)| Some(*of) == backend);
            let status = own.map_or(self.question.answer, |(_, status)| *status);
            let (breaker, retry) = (&route.model.breaker, &route.model.retry);
            let elsewhere = Verdict::on_status(status, None, breaker, retry).elsewhere;
            attempts.push(Attempt { member, status, elsewhere });
            self.answers(status);
            let left = self.told.retries.unwrap_or_default();
            if !std::mem::take(&mut self.told.marked) || left == 0 {
                return self.leaves(status, None);
            }
            self.told.retries = Some(left - 1);
        }
    }

    fn answers(&mut self, status: u16) {
        let answer = Answer { status, has_body: true, readable: true, ..Answer::default() };
        self.on(Event::Answered(answer));
        if std::mem::take(&mut self.told.holds_answer) {
            self.on(Event::AnswerBody(b"{}"));
        }
        if std::mem::take(&mut self.told.holds_opening) {
            self.on(Event::Opening { bytes: b"{}", end: true, readable: true });
        }
    }

    fn leaves(&mut self, status: u16, reply: Option<Reply>) -> Ending {
        self.on(Event::Leaving { status, region: None });
        let reply = self.told.reply.take().or(reply);
        self.on(Event::Ended { complete: true });
        let status = reply.as_ref().map_or(status, |reply| reply.status);
        Ending { status, reply, cookie: self.told.cookie }
    }

    fn on(&mut self, event: Event<'_>) {
        let told = &mut self.told;
        for effect in self.host.on(0, &mut self.exchange, event, self.now) {
            match effect {
                Effect::Note(Note::Client, name) => told.client = Some(name),
                Effect::Note(Note::Model, name) => told.model = Some(name),
                Effect::SendTo { backend, retries } => {
                    (told.cluster, told.retries) = (Some(backend), Some(retries));
                }
                Effect::FailOverTo(backend) => told.cluster = Some(backend),
                Effect::Reply(reply) | Effect::ReplaceAnswer(reply) => told.reply = Some(reply),
                Effect::AwaitBody => told.awaits_body = true,
                Effect::HoldAnswer => told.holds_answer = true,
                Effect::HoldOpening => told.holds_opening = true,
                Effect::MarkRetry => told.marked = true,
                Effect::IssueCookie { .. } => told.cookie = true,
                // Headers and bytes lead nowhere else.
                _ => {}
            }
        }
    }
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
