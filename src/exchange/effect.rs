//! What is to be done for a request.

use std::borrow::Cow;
use std::ops::Range;

use crate::breaker::board::Record;
use crate::breaker::window::Tally;
use crate::cleaning::Change;
use crate::config::Affinity;
use crate::observation::Observation;
use crate::reply::Reply;
use crate::time::Millis;

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Answer the client; no backend is contacted.
    Reply(Reply),
    /// Hold the request until its whole body is there ([`super::Event::Body`]).
    AwaitBody,
    /// Hold the request until so many bytes of its body are there ([`super::Event::BodyBegins`]), or
    /// all of a shorter one.
    AwaitBeginning(usize),
    /// Say so if the body is not there within this time ([`super::Passing::Late`]).
    ReceiveBodyWithin(Millis),
    /// Hold the request until all of it is there; nobody reads it.
    AwaitEnd,
    /// Send the request to this backend, and again at most so many times.
    SendTo {
        /// The backend's name.
        backend: String,
        /// Attempts after the first.
        retries: usize,
    },
    /// Send the next attempt, should there be one, to this backend.
    FailOverTo(String),
    /// Set a header of the request that goes on.
    SetRequestHeader(&'static str, Vec<u8>),
    /// Remove a header of the request that goes on.
    RemoveRequestHeader(Cow<'static, str>),
    /// Remove all trailers of the request.
    DropRequestTrailers,
    /// Say what these of the passing bytes are: the body ends with them, or soon after
    /// ([`super::Event::BodyEnds`]).
    AskEnd(Range<usize>),
    /// Replace some of the bytes that are passing.
    ReplaceBody {
        /// Which of the passing bytes, counted from the first that passes now.
        place: Range<usize>,
        /// What stands there instead.
        with: Vec<u8>,
    },
    /// Put this on the board that all workers share.
    Record(Record),
    /// Count these answers of a circuit, and put the record on the board if too many have failed.
    Count {
        /// The answers.
        tally: Tally,
        /// What follows from too many failures.
        record: Record,
    },
    /// Say what is left of the backend's limits ([`super::Event::Remains`]).
    AskRemaining,
    /// Hold the answer until its body is there ([`super::Event::AnswerBody`]).
    HoldAnswer,
    /// Hold the answer until its first bytes are there ([`super::Event::Opening`]).
    HoldOpening,
    /// Hold the answer until its first event has been judged, but no longer than so, and tell of
    /// every part of it until its end ([`super::Event::StreamPart`]).
    HoldStream(Millis),
    /// Go on holding it.
    HoldOn,
    /// Add these bytes to the end of the answer's part that is passing.
    Append(Vec<u8>),
    /// Let these bytes pass instead of those of the answer that are there, from this one on.
    ReplacePart {
        /// Bytes that are there before, and stay.
        from: usize,
        /// What passes instead of the rest.
        with: Vec<u8>,
    },
    /// Tell of every further part of the answer ([`super::Event::AnswerPart`]).
    ReadOn,
    /// Let the answer's headers go together with its first part, which is there.
    AwaitPart,
    /// Have an empty part of the answer pass through the writer seat, which writes this into it.
    LastWords(Vec<u8>),
    /// Have Envoy drop this answer and make the next attempt.
    MarkRetry,
    /// Have Envoy drop this answer and run the request through all filters once more
    /// ([`super::Event::Redirected`]).
    Redirect {
        /// The request's own address.
        to: Vec<u8>,
    },
    /// Change the headers of the answer, in this order.
    ChangeAnswer(Vec<Change>),
    /// Change the trailers of the answer, in this order.
    ChangeTrailers(Vec<Change>),
    /// Give the client this instead of the answer.
    ReplaceAnswer(Reply),
    /// Set a header of the answer.
    SetAnswerHeader(&'static str, String),
    /// Remove a header of the answer.
    RemoveAnswerHeader(&'static str),
    /// Give the client its affinity cookie.
    IssueCookie {
        /// Name and attributes.
        affinity: Affinity,
        /// Its value.
        value: String,
    },
    /// Note something for the access log.
    Note(Note, String),
    /// Tell this to whoever watches over the gateway.
    Tell(Observation),
}

/// What the access log gets to know from the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// The model that was asked for.
    Model,
    /// The client's name.
    Client,
    /// The backends that were tried, what they said and how long they took; or why none was.
    Attempts,
    /// What the backend that was asked last calls the model.
    Deployment,
    /// The `api-version` that the client asked for.
    ApiVersion,
    /// How the request ended, in one word ([`crate::observation::Outcome`]).
    Outcome,
    /// What it was besides: `pinned`, `stream`, both or neither.
    Marks,
    /// Tokens of the input.
    PromptTokens,
    /// Tokens of the answer.
    CompletionTokens,
    /// Tokens of the input that came from a cache.
    CachedTokens,
    /// Tokens of the answer that were spent on reasoning.
    ReasoningTokens,
}

impl Note {
    /// Every note.
    pub const ALL: [Self; 11] = [
        Self::Model,
        Self::Client,
        Self::Attempts,
        Self::Deployment,
        Self::ApiVersion,
        Self::Outcome,
        Self::Marks,
        Self::PromptTokens,
        Self::CompletionTokens,
        Self::CachedTokens,
        Self::ReasoningTokens,
    ];

    /// The name under which it stands in the stream's filter state, where Envoy puts `wasm.` before
    /// it.
    pub const fn property(self) -> &'static str {
        match self {
            Self::Model => "spillway.model",
            Self::Client => "spillway.client",
            Self::Attempts => "spillway.attempts",
            Self::Deployment => "spillway.deployment",
            Self::ApiVersion => "spillway.api_version",
            Self::Outcome => "spillway.outcome",
            Self::Marks => "spillway.marks",
            Self::PromptTokens => "spillway.prompt_tokens",
            Self::CompletionTokens => "spillway.completion_tokens",
            Self::CachedTokens => "spillway.cached_tokens",
            Self::ReasoningTokens => "spillway.reasoning_tokens",
        }
    }
}

/// The answer's header that Envoy's retry policy waits for.
pub const RETRY: &str = "x-spillway-retry";
