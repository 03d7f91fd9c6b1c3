//! How it goes on after an event: one decision for each, and each kind of event has its own.
//!
//! What else is to be done stands in the effects, which are carried out first.

use crate::reply::Reply;
use crate::time::Millis;

/// Downstream, request: its head, or as much of its body as was awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestFlow {
    /// It goes on.
    Continue,
    /// It is held until its whole body is there.
    AwaitBody,
    /// It is held until so many bytes of its body are there, or all of a shorter one.
    AwaitBeginning(usize),
    /// It is held until all of it is there; nothing reads it.
    AwaitEnd,
    /// The client gets this.
    Reply(Reply),
}

/// Bytes of a request that pass, or an attempt that starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage {
    /// It goes on.
    Continue,
    /// The client gets this.
    Reply(Reply),
}

/// Upstream: the head of a backend's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerFlow {
    /// It passes.
    Pass,
    /// It passes, and every part of it is read ([`super::Exchange::on_answer_part`]).
    Read,
    /// It is held until its body is there ([`super::Exchange::on_answer_body`]).
    HoldBody,
    /// It is held until its first bytes have shown what it is ([`super::Exchange::on_opening`]), but
    /// once some are there, no longer than [`super::Exchange::longest_hold`].
    HoldOpening,
    /// It is held until its first content is there, but no longer than this, and every part of it is read
    /// ([`super::Exchange::on_stream_part`]).
    HoldStream(Millis),
    /// Another backend is asked instead.
    Retry(Retry),
}

/// Upstream: more of a stream that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamFlow {
    /// It is held, with what is held of it already.
    Hold,
    /// What is there passes.
    Pass,
    /// What is there passes up to a byte, with these instead of the rest, if there is one.
    Replace {
        /// The first byte that does not pass.
        from: usize,
        /// What passes instead.
        with: Vec<u8>,
    },
    /// Another backend is asked instead.
    Retry(Retry),
}

/// Upstream: an answer that was held was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It is the client's.
    Keep,
    /// Another backend is asked instead.
    Retry(Retry),
}

/// How another backend is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    /// The answer is marked ([`super::effect::RETRY`]), and the router drops it and tries again.
    Mark,
    /// The answer becomes a redirect to the request's own address, which Envoy follows by itself.
    Redirect {
        /// The address.
        to: Vec<u8>,
    },
}

/// Downstream: the gateway is being stopped, and this request is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Farewell {
    /// The client gets this.
    Reply(Reply),
    /// Its answer has begun, and ends here.
    Cut,
}

/// Downstream: the head of the answer that the client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseFlow {
    /// It passes.
    Pass,
    /// It passes together with its first part, which is there.
    AwaitPart,
    /// The client gets this instead.
    Replace(Reply),
}

impl From<Judged> for AnswerFlow {
    fn from(judged: Judged) -> Self {
        match judged {
            Judged::Keep => Self::Pass,
            Judged::Retry(how) => Self::Retry(how),
        }
    }
}
