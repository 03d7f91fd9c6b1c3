//! What is to be done for a request, besides how it goes on ([`super::flow`]).

use std::borrow::Cow;
use std::ops::Range;

use crate::breaker::store::Record;
use crate::breaker::window::Tally;
use crate::cleaning::Change;
use crate::config::{Affinity, BackendId};
use crate::observation::Observation;
use crate::time::Millis;

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Say so if the body is not there within this time ([`super::Exchange::on_body_late`]).
    ReceiveBodyWithin(Millis),
    /// Send the request to this backend, and again at most so many times.
    SendTo {
        /// The backend.
        backend: BackendId,
        /// Attempts after the first.
        retries: usize,
    },
    /// Send the next attempt, should there be one, to this backend.
    FailOverTo(BackendId),
    /// Set a header of the request that goes on.
    SetRequestHeader(&'static str, Vec<u8>),
    /// Remove a header of the request that goes on.
    RemoveRequestHeader(Cow<'static, str>),
    /// Remove all trailers of the request.
    DropRequestTrailers,
    /// Replace some of the bytes of the request's body that are passing.
    ReplaceBody {
        /// Which of the passing bytes, counted from the first that passes now.
        place: Range<usize>,
        /// What stands there instead.
        with: Vec<u8>,
    },
    /// Record this of a circuit, for all workers.
    Record(Record),
    /// Count these answers of a circuit, and record what follows if too many have failed.
    Count {
        /// The answers.
        tally: Tally,
        /// What follows from too many failures.
        record: Record,
    },
    /// Have an empty part of the answer pass through the last-words filter, which writes this into it.
    LastWords(Vec<u8>),
    /// Change the headers of the answer, in this order.
    ChangeAnswer(Vec<Change>),
    /// Change the trailers of the answer, in this order.
    ChangeTrailers(Vec<Change>),
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
    /// Set a field for the access log.
    Log(LogField, String),
    /// Set the access log's list of attempts, as [`super::attempt_list`] writes it.
    LogAttempts(Vec<u8>),
    /// Tell this to whoever watches over the gateway.
    Tell(Observation),
}

/// What the access log gets to know from the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogField {
    /// The model that was asked for.
    Model,
    /// The client's name.
    Client,
    /// The backends that were tried, what they said and how long they took; or why none was.
    Attempts,
    /// What is asked for, in one word ([`crate::operation::Operation::word`]).
    Operation,
    /// What the backend that was asked last calls the model.
    Deployment,
    /// What the answer that goes to the client says that its model is.
    ResponseModel,
    /// What went wrong with the last attempt so far, and at the end with the request: a status, or a
    /// word. Empty: nothing.
    ErrorType,
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

impl LogField {
    /// Every field.
    pub const ALL: [Self; 14] = [
        Self::Model,
        Self::Client,
        Self::Attempts,
        Self::Operation,
        Self::Deployment,
        Self::ResponseModel,
        Self::ErrorType,
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
            Self::Operation => "spillway.operation",
            Self::Deployment => "spillway.deployment",
            Self::ResponseModel => "spillway.response_model",
            Self::ErrorType => "spillway.error_type",
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
