//! One request, from its arrival to its last answer, as a state machine.
//!
//! Envoy runs a request through two seats (ARCHITECTURE.md has the picture): the gateway seat sees
//! it once, the backend seat once for each attempt. Both feed the same [`Exchange`] with
//! [`Event`]s and carry out the [`Effect`]s that come back. Nothing here calls Envoy, reads a clock
//! or draws a number, so a test can play any story in any order.
//!
//! | where | events | file |
//! |---|---|---|
//! | gateway seat, request | [`Event::Arrived`], [`Event::Body`] | `head.rs`, `admission.rs`, `arrival.rs`, `choice.rs` |
//! | gateway seat, request's body | [`Event::BodyBegins`], [`Passing::FromClient`], [`Passing::Held`], [`Passing::Trailers`], [`Passing::Late`], [`Passing::TooMuch`] | `upload.rs`, `admission.rs` |
//! | gateway seat, request that comes back | [`Event::Redirected`] | `redirect.rs` |
//! | backend seat, request | [`Event::AttemptStarts`] | `attempt.rs` |
//! | backend seat, request's body | [`Passing::ToBackend`], [`Event::BodyEnds`] | `upload.rs` |
//! | backend seat, no answer | [`Passing::Unanswered`] | `repetition.rs` |
//! | backend seat, answer | [`Event::Answered`], [`Event::AnswerBody`], [`Event::AnswerTrailers`] | `answer.rs` |
//! | backend seat, answer | [`Event::Remains`] | `blame.rs` |
//! | backend seat, answer | [`Event::Opening`], [`Event::OpensStream`], [`Event::AnswerPart`], [`Event::StreamPart`], [`Event::HeldLongEnough`], [`Event::BrokenOff`] | `streaming.rs` |
//! | gateway seat, answer | [`Event::Leaving`] | `departure.rs` |
//! | gateway seat, all is over | [`Event::Ended`] | `blame.rs`, `notes.rs` |
//!
//! What an answer says about its backend goes into circuits, tallies and budgets in `blame.rs`;
//! what an operator wants to know of it is told in `account.rs`.

mod account;
mod admission;
mod answer;
mod arrival;
mod attempt;
mod blame;
mod choice;
mod departure;
pub mod effect;
pub mod event;
pub mod head;
mod notes;
pub mod patience;
pub mod redirect;
mod repetition;
mod streaming;
mod trail;
mod upload;
mod world;

use std::rc::Rc;

use account::Account;
pub use effect::Effect;
pub use event::{Event, Passing};
use world::Eagerness;
pub use world::{Shared, World};

use crate::config::ModelId;
use crate::cookie::Cookies;
use crate::gateway::{Gateway, Route};
use crate::prompt::{Ahead, MediaType, NamedModel};
use crate::reply::Reply;
use crate::stream::Api;
use crate::target::Target;
use crate::usage::{Scan, Usage};
use redirect::Disguise;
use streaming::Streaming;
use trail::Trail;

/// One request and all that is known of it.
#[derive(Debug)]
pub struct Exchange {
    gateway: Rc<Gateway>,
    arrival: Option<Arrival>,
    sending: Option<Sending>,
    trail: Trail,
    /// The model that was asked for, where it is served.
    wanted: Option<ModelId>,
    /// What is told when it is over.
    account: Account,
    /// The current attempt's answer, where it is a stream that can be read.
    streaming: Option<Streaming>,
    /// The current attempt's answer, where its tokens are read and it is no stream.
    reading: Option<Scan>,
    /// Set where the gateway answered by itself.
    refused: Option<&'static str>,
    /// Set while an answer passes the router under another status than its own.
    disguise: Option<Disguise>,
    /// The current attempt's answer has no status that a client can be given.
    statusless: bool,
}

/// What was learned from the request's head and body.
#[derive(Debug)]
struct Arrival {
    target: Target,
    /// The path as it stands on the request.
    path: Vec<u8>,
    /// The request's own address; empty where nothing redirects to it.
    url: Vec<u8>,
    /// Whether a body came or comes with it.
    has_body: bool,
    /// Bytes of the body that have passed without being held.
    passed: usize,
    /// What its path belongs to, where that is known.
    api: Option<Api>,
    /// Its body was read, and says nothing of a stream.
    plain: bool,
    /// The cookies that the client sent.
    cookies: Cookies,
    /// How the body is written.
    form: MediaType,
    /// The model that draws a response's images, where a header names it.
    image: Option<ModelId>,
    /// The length that the client announced.
    content_length: Option<usize>,
    /// Where the body names the model, known for requests that are routed by their body.
    named: Option<NamedModel>,
    /// The model that the body has named early, of a body that passes unread.
    ahead: Option<Ahead>,
    /// The model that path or query name, while the body is awaited for other reasons.
    named_outside: Option<ModelId>,
    /// The body was made to ask for the usage.
    asked: bool,
}

/// A request that has a pool, and is being sent to its members.
#[derive(Debug)]
struct Sending {
    model: ModelId,
    /// The member that the client's cookie pinned to, and that was chosen for it.
    pin: Option<usize>,
    /// The member that Envoy sends the next attempt to.
    next: Option<usize>,
    /// The member after the first, chosen together with it: one look at the board serves both.
    second: Option<usize>,
    /// Members whose probe this request has claimed and not settled.
    probes: Vec<usize>,
    /// The last attempt failed, so that the next one counts against the retry budget.
    failed: bool,
    /// Backends that this request may be sent to, the first included.
    allowed: usize,
    /// The members that might be chosen when it arrived: so many are `allowed`, and so each of them
    /// gets its turn.
    candidates: Candidates,
    /// What the upstream request's headers hold now: they stay between attempts.
    held: Held,
    /// The last attempt ended without an answer, and its backend may have got the request.
    perhaps_done: bool,
    /// Bytes of the body that the current attempt has sent.
    sent: usize,
    /// Bytes at the body's end that the current attempt has not sent yet.
    kept: Vec<u8>,
}

/// Members of a pool. Mostly they are all of it, and nobody wants to write down a thousand of them.
#[derive(Debug)]
enum Candidates {
    /// This one alone.
    Only(usize),
    /// All but these.
    AllBut(Vec<usize>),
}

impl Candidates {
    fn has(&self, member: usize) -> bool {
        match self {
            Self::Only(one) => *one == member,
            Self::AllBut(others) => !others.contains(&member),
        }
    }

    /// How many they are, in a pool of so many.
    const fn count(&self, pool: usize) -> usize {
        match self {
            Self::Only(_) => 1,
            Self::AllBut(others) => pool.saturating_sub(others.len()),
        }
    }
}

/// The headers of the upstream request that the last attempt left.
#[derive(Debug, Default)]
struct Held {
    path: Option<Vec<u8>>,
    content_length: Option<usize>,
    credential: Option<&'static str>,
}

impl Exchange {
    /// An exchange that nothing is known of yet.
    pub fn new(gateway: Rc<Gateway>) -> Self {
        Self {
            gateway,
            arrival: None,
            sending: None,
            trail: Trail::default(),
            wanted: None,
            account: Account::default(),
            streaming: None,
            reading: None,
            refused: None,
            disguise: None,
            statusless: false,
        }
    }

    /// Takes an event in and says what is to be done, in this order.
    pub fn on(&mut self, event: Event<'_>, world: &mut World<'_>) -> Vec<Effect> {
        self.clock(&event, world);
        let effects = match event {
            Event::Arrived(head) => self.arrived(head, world),
            Event::BodyBegins { bytes, there } => self.body_begins(bytes, there, world),
            Event::Body(body) => self.body(body, world),
            Event::BodyEnds { place, bytes } => self.body_ends(place, bytes),
            Event::Redirected => self.redirected(),
            Event::AttemptStarts => self.attempt_starts(world),
            Event::Answered(head) => self.answered(&head, world),
            Event::AnswerTrailers(fields) => self.answer_trailers(&fields),
            Event::AnswerBody(body) => self.answer_body(body, world),
            Event::Remains(remaining) => self.remains(&remaining, world),
            Event::Opening { bytes, end, readable } => self.opening(bytes, end, readable, world),
            Event::OpensStream => self.opens_stream(world),
            Event::StreamPart { bytes, end } => self.stream_part(bytes, end, world),
            Event::AnswerPart { bytes, end } => self.answer_part(bytes, end),
            Event::HeldLongEnough => self.held_long_enough(world),
            Event::BrokenOff { held } => self.broken_off(held, world),
            Event::Leaving { status, region } => self.leaving(status, region, world),
            Event::Ended { complete } => self.ended(complete, world),
        };
        self.clock_off(&effects, world);
        effects
    }

    /// Lets bytes of the request's body pass, and says what is to be done with them.
    pub fn pass(&mut self, passing: Passing) -> Vec<Effect> {
        match passing {
            Passing::FromClient(length) => self.body_from_client(length),
            Passing::Held(length) => self.body_held(length),
            Passing::ToBackend(length) => self.body_to_backend(length),
            Passing::Trailers => self.trailers_from_client(),
            Passing::Unanswered { connected } => self.unanswered(connected),
            Passing::Late => self.reply(Reply::body_late()),
            Passing::TooMuch => self.reply(Reply::too_much_held()),
        }
    }

    /// The tokens that the answer to the client has reported so far.
    pub const fn usage(&self) -> Usage {
        self.account.usage
    }

    /// Whether the answer may be a stream of events, as far as the request tells.
    pub fn may_stream(&self) -> bool {
        self.arrival.as_ref().is_none_or(|arrival| !arrival.plain)
    }

    /// Whether the request may ask for another protocol, such as WebSocket. Envoy tells of such a
    /// request that a body of unknown length follows.
    pub fn may_switch(&self) -> bool {
        let arrival = self.arrival.as_ref().filter(|arrival| arrival.has_body);
        arrival.is_some_and(|arrival| arrival.content_length.is_none())
    }

    /// The trail of attempts for the access log, such as `eastus 429 12ms, westus 200 340ms`.
    pub fn attempts_text(&self) -> String {
        let Some(route) = self.route() else { return String::new() };
        self.trail.text(|member| {
            let backend = self.gateway.backend(route.model.pool.get(member)?)?;
            Some(backend.name.as_str())
        })
    }

    /// The member that is asked after the one whose attempt was just told of. One that failed
    /// without an answer is told of when the next attempt starts.
    pub fn asked_next(&self) -> Option<usize> {
        self.trail.unanswered().or_else(|| self.sending.as_ref()?.next)
    }

    fn reply(&mut self, reply: Reply) -> Vec<Effect> {
        self.refused = Some(reply.reason);
        self.account.reason = Some(reply.reason);
        vec![Effect::Reply(reply)]
    }

    fn route(&self) -> Option<Route<'_>> {
        self.gateway.route(self.sending.as_ref()?.model)
    }

    /// Whether this request may be sent once more.
    fn may_go_on(&self) -> bool {
        self.sending.as_ref().is_some_and(|sending| self.trail.len() < sending.allowed)
    }

    /// The next backend of the pool that has not been tried and may be chosen now. A half-open one
    /// is not claimed yet.
    ///
    /// One that came back in the meantime takes no attempt away from those that were there all
    /// along: with a better priority, it would be asked before the one that works, and be the last.
    fn untried(&self, world: &mut World<'_>) -> Option<usize> {
        let sending = self.sending.as_ref().filter(|_| self.may_go_on())?;
        let route = self.gateway.route(sending.model)?;
        let untried = |member| !self.trail.has(member);
        let known = |member| untried(member) && sending.candidates.has(member);
        world
            .peek(sending.model, &route, Eagerness::Never, known)
            .or_else(|| world.peek(sending.model, &route, Eagerness::AsLastResort, untried))
    }

    /// The same, with its probe claimed where it is half-open.
    fn claim_untried(&mut self, world: &mut World<'_>) -> Option<usize> {
        let (member, probe) = world.claim_of(&self.route()?, |world| self.untried(world))?;
        if probe {
            self.sending.as_mut()?.probes.push(member);
        }
        Some(member)
    }
}
