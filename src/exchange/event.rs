//! What can happen to a request.

use std::ops::Range;

use super::head::Head;
use crate::announced::Announcement;
use crate::cleaning::Fields;
use crate::pool::headroom::Remaining;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// Gateway seat: the head of a request has arrived.
    Arrived(Head),
    /// Gateway seat: the beginning of the body is there, after [`super::Effect::AwaitBeginning`].
    BodyBegins {
        /// Its first bytes.
        bytes: &'a [u8],
        /// How many are there in all.
        there: usize,
    },
    /// Gateway seat: the whole body is there, after [`super::Effect::AwaitBody`] or, where it is
    /// shorter than that, [`super::Effect::AwaitBeginning`].
    Body(&'a [u8]),
    /// Backend seat: bytes at the end of the body that passes, after [`super::Effect::AskEnd`].
    BodyEnds {
        /// Where they stand in what is passing, to its end.
        place: Range<usize>,
        /// What they are.
        bytes: &'a [u8],
    },
    /// Gateway seat: the request has come back, after [`super::Effect::Redirect`].
    Redirected,
    /// Backend seat: Envoy starts an attempt at the backend that was named last.
    AttemptStarts,
    /// Backend seat: the head of a backend's answer.
    Answered(Answer),
    /// Backend seat: the trailers of a backend's answer.
    AnswerTrailers(Fields),
    /// Backend seat: the body of an answer that was held, after [`super::Effect::HoldAnswer`].
    AnswerBody(&'a [u8]),
    /// Backend seat: what is left of the backend's limits, after [`super::Effect::AskRemaining`].
    Remains(Remaining),
    /// Backend seat: the beginning of an answer, after [`super::Effect::HoldOpening`].
    Opening {
        /// The first bytes that are there.
        bytes: &'a [u8],
        /// Nothing follows.
        end: bool,
        /// Whether they can be read: not compressed.
        readable: bool,
    },
    /// Backend seat: what opens an answer that was held shows that it is a stream, which the request
    /// had not asked for.
    OpensStream,
    /// Backend seat: more of a stream, after [`super::Effect::HoldStream`].
    StreamPart {
        /// What has come since the last part.
        bytes: &'a [u8],
        /// Nothing follows.
        end: bool,
    },
    /// Backend seat: more of an answer, after [`super::Effect::ReadOn`].
    AnswerPart {
        /// What has come since the last part.
        bytes: &'a [u8],
        /// Nothing follows.
        end: bool,
    },
    /// Backend seat: the stream was held for as long as it may be.
    HeldLongEnough,
    /// Backend seat: the attempt is over, although its answer was not.
    BrokenOff {
        /// Nobody has seen anything of the answer.
        held: bool,
    },
    /// Gateway seat: the head of the answer that the client gets.
    Leaving {
        /// Its status.
        status: u16,
        /// Its `x-ms-region`, read only where the configuration wants it.
        region: Option<Vec<u8>>,
    },
    /// Gateway seat: the request is over, however it ended.
    Ended {
        /// The client's answer has passed to its end.
        complete: bool,
    },
}

/// Bytes of the request's body that pass a seat. There are many of them, and nothing about them
/// depends on the time or on other requests, so they are no [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// Gateway seat: so many bytes, of a request that is not held.
    FromClient(usize),
    /// Gateway seat: so many bytes in all, of a request that is held.
    Held(usize),
    /// Backend seat: so many bytes, of the current attempt.
    ToBackend(usize),
    /// Gateway seat: trailers behind the body.
    Trailers,
    /// Backend seat: no more, for the attempt is over without an answer. `connected`: there was a
    /// connection, so that the backend may have got the request.
    Unanswered {
        /// Whether there was a connection.
        connected: bool,
    },
    /// Gateway seat: nothing, although the body should be there by now.
    Late,
    /// Gateway seat: more than may be held, together with what is held of other requests.
    TooMuch,
}

/// The head of a backend's answer: what judging and cleaning need of it.
#[derive(Debug, Default, Clone)]
pub struct Answer {
    /// All of its headers.
    pub fields: Fields,
    /// Its status; 0 where it has none that can be read.
    pub status: u16,
    /// Whether the request asked for another protocol, such as WebSocket: then 101 is an answer.
    pub switches: bool,
    /// What it announces; read only where the status is not a success.
    pub announcement: Announcement,
    /// Whether it is a stream of events.
    pub streams: bool,
    /// Whether a body follows.
    pub has_body: bool,
    /// Whether the body can be read: not compressed. Asked only where it is to be read.
    pub readable: bool,
}
