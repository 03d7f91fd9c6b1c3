//! One request, from its arrival to its last answer, as a state machine.
//!
//! Envoy runs a request through two filters (ARCHITECTURE.md has the picture): the downstream filter
//! sees it once, the upstream filter once for each attempt. Both feed the same [`Exchange`] with what
//! happens. Each method answers with how it goes on ([`flow`]), and leaves what is to be done besides
//! in its [`Context`] ([`Effect`]). Nothing here calls Envoy, reads a clock or draws a number by
//! itself, so a test can play any story in any order.
//!
//! | where | events | file |
//! |---|---|---|
//! | downstream, request | [`Exchange::on_request_headers`], [`Exchange::on_request_body`] | `head.rs`, `admission.rs`, `request_info.rs`, `choice.rs` |
//! | downstream, request's body | [`Exchange::on_body_beginning`], [`Exchange::on_bytes_passing`], [`Exchange::on_bytes_held`], [`Exchange::on_body_late`], [`Exchange::on_request_trailers`] | `upload.rs`, `admission.rs` |
//! | downstream, request that comes back | [`Exchange::on_return`] | `redirect.rs` |
//! | upstream, request | [`Exchange::on_attempt`] | `attempt.rs` |
//! | upstream, request's body | [`Exchange::on_bytes_upstream`] | `upload.rs` |
//! | upstream, no answer | [`Exchange::on_no_answer`] | `repetition.rs` |
//! | upstream, answer | [`Exchange::on_answer_headers`], [`Exchange::on_answer_body`], [`Exchange::on_answer_trailers`] | `answer_head.rs`, `answer.rs` |
//! | upstream, answer | [`Exchange::on_opening`] | `opening.rs` |
//! | upstream, answer | [`Exchange::on_answer_part`], [`Exchange::on_stream_part`], [`Exchange::on_hold_expired`], [`Exchange::on_upstream_reset`] | `streaming.rs` |
//! | downstream, answer | [`Exchange::on_response_headers`] | `response_headers.rs` |
//! | downstream, all is over | [`Exchange::on_end`] | `health.rs`, `log_fields.rs` |
//!
//! What an answer says about its backend goes into circuits, tallies and budgets in `health.rs`;
//! what an operator wants to know of it is told in `telemetry.rs`.

mod added;
mod admission;
mod answer;
pub mod answer_head;
mod attempt;
pub mod attempt_list;
mod attempts;
mod blame;
mod choice;
mod context;
pub mod effect;
pub mod flow;
pub mod head;
mod health;
mod log_fields;
mod opening;
pub mod redirect;
pub mod repetition;
mod request_info;
mod response_headers;
mod shutdown;
mod streaming;
mod subject;
mod telemetry;
pub mod timeouts;
mod upload;

use std::ops::Range;
use std::rc::Rc;

use added::Added;
use attempts::Attempts;
pub use context::Context;
use context::Eagerness;
pub use effect::Effect;
use flow::RequestFlow;
use health::RetryScope;
use telemetry::Telemetry;

use crate::breaker::RequestMark;
use crate::config::{BackendId, ClientId, ModelId};
use crate::cookie::Cookies;
use crate::gateway::{Gateway, Route};
use crate::outcome::Verdict;
use crate::prompt::{Ahead, MediaType, NamedModel};
use crate::reason::Reason;
use crate::reply::{Lost, Reply};
use crate::stream::Api;
use crate::target::Target;
use crate::time::Millis;
use crate::usage::{Scan, Usage};
use blame::Blame;
use opening::Opening;
use redirect::StatusOverride;
use streaming::Streaming;

/// One request and all that is known of it.
#[derive(Debug)]
pub struct Exchange {
    gateway: Rc<Gateway>,
    info: Option<RequestInfo>,
    sending: Option<Sending>,
    attempts: Attempts,
    /// The model that was asked for, where it is served.
    wanted: Option<ModelId>,
    /// What is told when it is over.
    telemetry: Telemetry,
    /// The current attempt's answer, where it is a stream that can be read.
    streaming: Option<Streaming>,
    /// The current attempt's answer, where its first bytes are awaited.
    opening: Option<Opening>,
    /// The time that the head of the current attempt's answer announces, should an error follow.
    retry_after: Option<Millis>,
    /// What its status says of the current attempt's answer, while its body is awaited for what it
    /// may refuse.
    verdict: Option<Verdict>,
    /// What the client gets of the current attempt is an error of a throttled backend, under a good
    /// status.
    throttled_inside: bool,
    /// The current attempt's answer, where its tokens are read and it is no stream.
    reading: Option<Scan>,
    /// Set where the gateway answered by itself.
    refused: Option<Reason>,
    /// Set while an answer passes the router under another status than its own.
    status_override: Option<StatusOverride>,
    /// The current attempt's answer has no status that a client can be given.
    statusless: bool,
}

/// What was learned from the request's head and body.
#[derive(Debug)]
struct RequestInfo {
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
    /// The body, as far as it was read for that, names further models.
    names_others: bool,
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
    /// Which bytes of the body were added for that, where they are a field that the client has not sent.
    added: Option<Range<usize>>,
    /// What makes the body the same as another, where it was read.
    body_mark: u64,
}

/// A request that has a pool, and is being sent to its members.
#[derive(Debug)]
struct Sending {
    model: ModelId,
    /// The member that the client's cookie pinned to, and that was chosen for it.
    pin: Option<usize>,
    /// The member that Envoy sends the next attempt to.
    next: Option<usize>,
    /// The member after the first, chosen together with it: one look at the circuits serves both.
    second: Option<usize>,
    /// Members whose probe this request has claimed and not settled.
    probes: Vec<usize>,
    /// The last attempt failed, so that the next one counts against the retry budget.
    failed: bool,
    /// Every member was shut when it arrived, and those that have failed are tried before their time.
    early: bool,
    /// What makes this request the same as another.
    mark: RequestMark,
    /// The members that have failed others lately, so that a good answer of theirs says something.
    doubted: Vec<usize>,
    /// What this request has said of members, until it is known whose fault it was.
    blame: Blame,
    /// Backends that this request may be sent to, the first included.
    allowed: usize,
    /// The members that might be chosen when it arrived: so many are `allowed`, and so each of them
    /// gets its turn.
    candidates: Candidates,
    /// What the current attempt's backend gets of what was added to the body.
    added: Added,
    /// What the upstream request's headers hold now: they stay between attempts.
    left: UpstreamHeaders,
    /// The last attempt ended without an answer, and its backend may have got the request.
    perhaps_done: bool,
    /// Why the last attempt ended without an answer, if it did.
    lost: Option<Lost>,
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
struct UpstreamHeaders {
    path: Option<Vec<u8>>,
    content_length: Option<usize>,
    credential: Option<&'static str>,
}

impl Exchange {
    /// An exchange that nothing is known of yet.
    pub fn new(gateway: Rc<Gateway>) -> Self {
        Self {
            gateway,
            info: None,
            sending: None,
            attempts: Attempts::default(),
            wanted: None,
            telemetry: Telemetry::default(),
            streaming: None,
            opening: None,
            retry_after: None,
            verdict: None,
            throttled_inside: false,
            reading: None,
            refused: None,
            status_override: None,
            statusless: false,
        }
    }

    /// The tokens that the answer to the client has reported so far.
    pub const fn usage(&self) -> Usage {
        self.telemetry.usage
    }

    /// Who sends it; `None`: nobody who is known.
    pub const fn known_client(&self) -> Option<ClientId> {
        self.telemetry.client
    }

    /// Whether the request may ask for another protocol, such as WebSocket. Envoy tells of such a
    /// request that a body of unknown length follows.
    pub fn may_switch(&self) -> bool {
        let info = self.info.as_ref().filter(|info| info.has_body);
        info.is_some_and(|info| info.content_length.is_none())
    }

    /// The member that is asked after the one whose attempt was just told of. One that failed
    /// without an answer is told of when the next attempt starts.
    pub fn asked_next(&self) -> Option<usize> {
        self.attempts.unanswered().or_else(|| self.sending.as_ref()?.next)
    }

    /// The backend of the attempt that began last.
    pub fn asked(&self) -> Option<BackendId> {
        Some(self.route()?.model.pool.get(self.attempts.last()?)?.backend)
    }

    /// Takes note that the client gets this instead of a backend's answer.
    fn refuse(&mut self, reply: Reply) -> Reply {
        self.refused = Some(reply.reason);
        self.telemetry.reason = Some(reply.reason);
        reply
    }

    fn reply(&mut self, reply: Reply) -> RequestFlow {
        RequestFlow::Reply(self.refuse(reply))
    }

    fn route(&self) -> Option<Route<'_>> {
        self.gateway.route(self.sending.as_ref()?.model)
    }

    /// Whether this request may be sent once more.
    fn may_go_on(&self) -> bool {
        self.sending.as_ref().is_some_and(|sending| self.attempts.asked() < sending.allowed)
    }

    /// The next backend of the pool that has not been tried and may be chosen now. A half-open one
    /// is not claimed yet.
    ///
    /// One that came back in the meantime takes no attempt away from those that were there all
    /// along: with a better priority, it would be asked before the one that works, and be the last.
    fn untried(&self, scope: RetryScope, cx: &mut Context<'_>) -> Option<usize> {
        let sending = self.sending.as_ref().filter(|_| self.may_go_on())?;
        let route = self.gateway.route(sending.model)?;
        let excluded = self.out_of_scope(scope, cx);
        let untried = |member| !self.attempts.has(member) && !excluded.contains(&member);
        let known = |member| untried(member) && sending.candidates.has(member);
        cx.select(sending.model, &route, Eagerness::Never, known)
            .or_else(|| cx.select(sending.model, &route, Eagerness::AsLastResort, untried))
            .or_else(|| {
                let mut members = 0..route.model.pool.len();
                let early = |member: &usize| known(*member) && cx.has_failed(&route, *member);
                members.find(early).filter(|_| sending.early)
            })
    }

    /// The same, with its probe claimed where it is half-open.
    fn claim_untried(&mut self, scope: RetryScope, cx: &mut Context<'_>) -> Option<usize> {
        let route = self.route()?;
        let (member, probe) = cx.claim_of(&route, |cx| self.untried(scope, cx))?;
        let probe = probe || cx.has_failed(&route, member) && cx.claim_early(&route, member);
        if probe {
            self.sending.as_mut()?.probes.push(member);
        }
        Some(member)
    }
}
