//! One request, from its head to its answer.
//!
//! The order matters and is Azure's: a wrong key is refused first, whatever else is
//! wrong; then comes what a script wants; then path, deployment and limits; the
//! operation last. Everything that waits or breaks is here, so that what decides the
//! answer (`decide`) stays a plain function.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};

use crate::answer::{Answer, Content, Refusal};
use crate::connection::Teardown;
use crate::control;
use crate::credentials;
use crate::errors;
use crate::fault::{Fault, Reset, Stall};
use crate::input::{self, Input};
use crate::operation::{self, Dispatch};
use crate::pace::{self, AnswerBody};
use crate::receipt::Receipt;
use crate::route::Route;
use crate::script::Script;
use crate::state::State;

/// Answers `request`, or never returns if a fault says so.
pub(crate) async fn serve(
    state: Arc<State>,
    fuse: Arc<Teardown>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let (head, body) = request.into_parts();
    if let Some(command) = head.uri.path().strip_prefix(control::PREFIX) {
        let body = input::read(body).await.bytes;
        let answer = control::answer(&state, &head.method, command, &body);
        let receipt = Receipt::uncounted(&state);
        return Ok(respond(answer, None, Duration::ZERO, fuse, receipt));
    }
    let receipt = Receipt::open(&state, &head);
    let body = input::read(body).await;
    receipt.received(&body);
    if !body.whole {
        // Nobody is left to read it, and the journal's entry stays without a status.
        let answer = control::problem(StatusCode::BAD_REQUEST, "the body broke off");
        let receipt = Receipt::uncounted(&state);
        return Ok(respond(answer, None, Duration::ZERO, fuse, receipt));
    }
    let reading = Reading::of(&head, &body.bytes);
    receipt.asked_for(reading.asked.as_deref());

    let (mut answer, fault) = match fault_for(&state, &head, reading.asked.as_deref()) {
        Err(refusal) => (*refusal, None),
        Ok(fault) => {
            hold(&state, fault.as_ref(), &fuse).await;
            (decide(&state, &reading, fault.as_ref()), fault)
        }
    };
    let client_request_id = head.headers.get("x-ms-client-request-id");
    answer.dress(&state.config.display_name, client_request_id);
    receipt.answered(&answer);
    let between = between_chunks(&state, fault.as_ref());
    Ok(respond(answer, fault.as_ref(), between, fuse, receipt))
}

/// What a request says, before anyone judges it.
struct Reading {
    route: Option<Route>,
    input: Input,
    /// The deployment of the path, else the model of the body.
    asked: Option<String>,
}

impl Reading {
    fn of(head: &Parts, body: &[u8]) -> Self {
        let route = Route::parse(&head.method, head.uri.path(), head.uri.query());
        let input = Input::parse(&head.headers, body);
        let in_path = route.as_ref().and_then(|route| route.deployment.clone());
        Self { asked: in_path.or_else(|| input.model()), route, input }
    }
}

/// The fault in the request's own header, else the script's next. None for a caller
/// with a wrong key, who must not use up the script.
fn fault_for(
    state: &State,
    head: &Parts,
    deployment: Option<&str>,
) -> Result<Option<Fault>, Refusal> {
    if !credentials::admitted(&head.headers, state.config.api_key.as_deref()) {
        return Err(errors::access_denied());
    }
    let Some(header) = head.headers.get(FAULT_HEADER) else {
        return Ok(state.next_fault(deployment));
    };
    match serde_json::from_slice::<Script>(header.as_bytes()) {
        Ok(script) => Ok(script
            .first_for(&state.config.name, deployment)
            .or_else(|| state.next_fault(deployment))),
        Err(problem) => {
            let text = format!("the header {FAULT_HEADER} is not a script: {problem}");
            Err(Box::new(control::problem(StatusCode::BAD_REQUEST, &text)))
        }
    }
}

/// Waits as told; does not come back from a stall or a reset.
async fn hold(state: &State, fault: Option<&Fault>, fuse: &Teardown) {
    let delay = fault
        .and_then(|fault| fault.delay_ms)
        .map_or(state.config.latency.before_headers, Duration::from_millis);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let Some(fault) = fault else { return };
    if fault.reset == Some(Reset::BeforeHeaders) {
        fuse.start();
        pending::<()>().await;
    }
    if fault.stall == Some(Stall::BeforeHeaders) {
        pending::<()>().await;
    }
}

fn decide(state: &State, reading: &Reading, fault: Option<&Fault>) -> Answer {
    let dispatch = Dispatch {
        state,
        route: reading.route.as_ref(),
        input: &reading.input,
        asked: reading.asked.as_deref(),
        chunks: chunks(state, fault),
        now: SystemTime::now(),
    };
    let mut answer = dispatch
        .scripted(fault)
        .unwrap_or_else(|| dispatch.answer().unwrap_or_else(|refusal| *refusal));
    if let Some(fault) = fault {
        bend(&mut answer, fault, dispatch.now);
    }
    answer
}

fn chunks(state: &State, fault: Option<&Fault>) -> usize {
    fault.and_then(|fault| fault.chunks).unwrap_or(state.config.latency.chunks).max(1)
}

fn between_chunks(state: &State, fault: Option<&Fault>) -> Duration {
    fault
        .and_then(|fault| fault.chunk_delay_ms)
        .map_or(state.config.latency.between_chunks, Duration::from_millis)
}

/// What a fault changes in an answer, its own or the normal one: another success
/// status, headers it adds, tokens it keeps from being told.
fn bend(answer: &mut Answer, fault: &Fault, now: SystemTime) {
    if let Some(status) = fault.status_code()
        && status.is_success()
        && answer.status.is_success()
    {
        answer.status = status;
    }
    if let Some(wait) = &fault.retry_after
        && fault.status.is_none()
    {
        answer.tell_wait(wait, now);
    }
    for (name, value) in &fault.headers {
        answer.set(name, value);
    }
    let error_event = fault.error_event_first || fault.error_event_after.is_some();
    if error_event && matches!(answer.content, Content::Events(_)) {
        answer.usage = None;
    }
}

fn respond(
    answer: Answer,
    fault: Option<&Fault>,
    between: Duration,
    fuse: Arc<Teardown>,
    receipt: Receipt,
) -> Response<AnswerBody> {
    let length = match &answer.content {
        Content::Whole(body) => Some(body.len() as u64),
        Content::Events(_) => None,
    };
    let error_event = operation::error_event(&answer.content);
    let steps = pace::steps(answer.content, between, fault, error_event);
    let mut response = Response::new(AnswerBody::new(steps, length, fuse, receipt));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
        .headers_mut()
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static(answer.content_type));
    response
}

const FAULT_HEADER: &str = "x-sim-fault";
