//! Carrying out what an exchange wants done.

use super::exchanges::{self, Ticket};
use super::host;
use crate::affinity;
use crate::breaker::board::Record;
use crate::config::SecureCookie;
use crate::exchange::effect::{Note, RETRY};
use crate::exchange::redirect::FOLLOWED;
use crate::exchange::{Effect, Event};
use crate::pool::headroom::Remaining;
use crate::time::Millis;

/// What the callback does after the effects: most go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Let the request or the answer go on.
    GoOn,
    /// Hold the request until its body is there.
    AwaitBody,
    /// Hold the request until so many bytes of its body are there.
    AwaitBeginning(usize),
    /// Hold the request until all of it is there.
    AwaitEnd,
    /// Hold the answer until its body is there.
    HoldAnswer,
    /// Hold the answer until its first bytes are there.
    HoldOpening,
    /// Hold the answer until its first event is there, and read on from then.
    HoldStream(Millis),
    /// Hold the answer still.
    HoldOn,
    /// Hold the answer's headers until its first part, which follows at once.
    AwaitPart,
    /// Let the answer go on with these bytes after what is there.
    Append(Vec<u8>),
    /// Let the answer go on with these bytes instead of what is there, from this one on.
    ReplacePart(usize, Vec<u8>),
    /// Let the answer go on, and tell of every further part of it.
    ReadOn,
    /// The client has its answer; nothing goes on.
    Replied,
}

/// Carries out the effects in their order.
pub(super) fn carry_out(ticket: Ticket, effects: impl IntoIterator<Item = Effect>) -> Next {
    let mut next = Next::GoOn;
    for effect in effects {
        match effect {
            Effect::AwaitBody => next = Next::AwaitBody,
            Effect::AwaitBeginning(length) => next = Next::AwaitBeginning(length),
            Effect::AwaitEnd => next = Next::AwaitEnd,
            Effect::HoldAnswer => next = Next::HoldAnswer,
            Effect::HoldOpening => next = Next::HoldOpening,
            Effect::HoldStream(time) => next = Next::HoldStream(time),
            Effect::HoldOn => next = Next::HoldOn,
            Effect::Append(bytes) => next = Next::Append(bytes),
            Effect::ReplacePart { from, with } => next = Next::ReplacePart(from, with),
            Effect::ReadOn => next = Next::ReadOn,
            Effect::AwaitPart => next = Next::AwaitPart,
            Effect::LastWords(words) => exchanges::have_last_words(ticket, &words),
            Effect::Reply(reply) => {
                host::put(ATTEMPTS, reply.reason.as_bytes());
                host::reply(&reply);
                next = Next::Replied;
            }
            Effect::SendTo { backend, retries } => {
                host::put(EXCHANGE, &ticket.to_bytes());
                host::put(CLUSTER, exchanges::cluster(ticket, backend).as_bytes());
                host::set_request_header(MAX_RETRIES, retries.to_string().as_bytes());
                host::choose_cluster_again();
            }
            Effect::FailOverTo(backend) => {
                host::put(CLUSTER, exchanges::cluster(ticket, backend).as_bytes());
            }
            Effect::SetRequestHeader(name, value) => host::set_request_header(name, &value),
            Effect::RemoveRequestHeader(name) => host::remove_request_header(&name),
            Effect::ReceiveBodyWithin(time) => exchanges::await_body(ticket, time),
            Effect::DropRequestTrailers => host::drop_request_trailers(),
            Effect::AskEnd(place) => {
                let bytes = host::request_body(place.clone());
                let effects = exchanges::on(ticket, Event::BodyEnds { place, bytes: &bytes });
                next = carry_out(ticket, effects.unwrap_or_default());
            }
            Effect::ReplaceBody { place, with } => host::replace_request_body(place, &with),
            Effect::Record(record) => {
                record_it(ticket, &record);
            }
            Effect::Count { tally, record } => {
                if host::count(record.circuit, tally, &record.rule) {
                    record_it(ticket, &record);
                }
            }
            Effect::AskRemaining => {
                let remaining = Remaining {
                    tokens: host::answer_header("x-ratelimit-remaining-tokens"),
                    requests: host::answer_header("x-ratelimit-remaining-requests"),
                    token_limit: host::answer_header("x-ratelimit-limit-tokens"),
                    request_limit: host::answer_header("x-ratelimit-limit-requests"),
                };
                if let Some(effects) = exchanges::on(ticket, Event::Remains(remaining)) {
                    carry_out(ticket, effects);
                }
            }
            Effect::ChangeAnswer(changes) => host::change_answer(&changes),
            Effect::ChangeTrailers(changes) => host::change_trailers(&changes),
            Effect::ReplaceAnswer(reply) => {
                host::reply(&reply);
                next = Next::Replied;
            }
            Effect::MarkRetry => host::set_answer_header(RETRY, b"1"),
            Effect::Redirect { to } => {
                host::set_answer_header(":status", FOLLOWED.to_string().as_bytes());
                host::set_answer_header("location", &to);
            }
            Effect::SetAnswerHeader(name, value) => host::set_answer_header(name, value.as_bytes()),
            Effect::RemoveAnswerHeader(name) => host::remove_answer_header(name),
            Effect::IssueCookie { affinity, value } => {
                let secure = match affinity.secure {
                    SecureCookie::Auto => host::client_uses_tls(),
                    SecureCookie::Always => true,
                    SecureCookie::Never => false,
                };
                let cookie = affinity::set_cookie(&affinity, &value, secure);
                host::add_answer_header("set-cookie", &cookie);
            }
            Effect::Tell(observation) => exchanges::tell(ticket, &observation),
            Effect::Note(note, text) => host::put(note.property(), text.as_bytes()),
        }
    }
    next
}

/// Puts a record on the board, and tells what became of the circuit.
fn record_it(ticket: Ticket, record: &Record) {
    if let (_, Some(turn)) = host::record_and_tell(record) {
        exchanges::circuit_turned(ticket, record.circuit, turn);
    }
}

/// What a request that comes back must still have: it is another stream for Envoy.
pub(super) const LASTING: [&str; 4] =
    [EXCHANGE, Note::Model.property(), Note::Client.property(), ATTEMPTS];

/// What the access log makes numbers and flags of.
pub(super) const CALCULATED: [Note; 5] = [
    Note::Marks,
    Note::PromptTokens,
    Note::CompletionTokens,
    Note::CachedTokens,
    Note::ReasoningTokens,
];

/// The request's ticket, from the gateway seat to the backend seats.
pub(super) const EXCHANGE: &str = "spillway.exchange";

/// The attempts, for the access log.
pub(super) const ATTEMPTS: &str = Note::Attempts.property();

/// What is added to an answer that its backend has broken off; the writer seat takes it from there
/// (writer.wat has the name too).
pub(super) const LAST_WORDS: &str = "spillway.last_words";

/// The backend that the route's cluster specifier chooses, on the first attempt and each retry.
const CLUSTER: &str = "spillway.cluster";

/// Envoy's router reads it and removes it: attempts after the first.
const MAX_RETRIES: &str = "x-envoy-max-retries";
