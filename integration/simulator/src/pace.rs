//! When the bytes of an answer flow.
//!
//! Streams that dawdle, stall or break off are where gateways go wrong. An answer's
//! content is first turned into [`Step`]s, a plain list that tests can read, and then
//! played by [`AnswerBody`] as hyper asks for frames.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use sha2::{Digest, Sha256};
use tokio::time::Sleep;

use crate::answer::Content;
use crate::connection::Teardown;
use crate::fault::{Fault, Reset, Stall};
use crate::receipt::Receipt;
use crate::state::hex;

/// One thing that happens while a body is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Send(Bytes),
    Wait(Duration),
    Stall,
    Reset,
}

/// A body that plays steps.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    steps: VecDeque<Step>,
    /// Told as `content-length`; streams have none.
    length: Option<u64>,
    waiting: Option<Pin<Box<Sleep>>>,
    /// Over what was sent so far.
    sent: Sha256,
    fuse: Arc<Teardown>,
    receipt: Receipt,
}

/// The steps that send `content`, with `between` two events, as the fault bends them.
pub(crate) fn steps(
    content: Content,
    between: Duration,
    fault: Option<&Fault>,
    error_event: Bytes,
) -> Vec<Step> {
    let streamed = matches!(content, Content::Events(_));
    let mut pieces = match content {
        Content::Whole(body) if body.is_empty() => Vec::new(),
        Content::Whole(body) if fault.is_some_and(breaks) => halves(body),
        Content::Whole(body) => vec![body],
        Content::Events(events) => events,
    };
    let Some(fault) = fault else {
        return paced(pieces, between);
    };
    if streamed && let Some(after) = error_after(fault) {
        pieces.truncate(after);
        pieces.push(error_event);
    }
    match (fault.reset, fault.stall) {
        (Some(Reset::AfterHeaders), _) => break_off(Vec::new(), between, Step::Reset),
        (Some(Reset::MidStream), _) => {
            pieces.truncate(pieces.len().div_ceil(2));
            break_off(pieces, between, Step::Reset)
        }
        (_, Some(Stall::AfterFirstChunk)) => {
            pieces.truncate(1);
            break_off(pieces, between, Step::Stall)
        }
        (_, Some(Stall::MidStream)) => {
            pieces.truncate(pieces.len().div_ceil(2));
            break_off(pieces, between, Step::Stall)
        }
        _ => paced(pieces, between),
    }
}

// === impl AnswerBody ===

impl AnswerBody {
    pub(crate) fn new(
        steps: Vec<Step>,
        length: Option<u64>,
        fuse: Arc<Teardown>,
        receipt: Receipt,
    ) -> Self {
        let steps = VecDeque::from(steps);
        let body = Self { steps, length, waiting: None, sent: Sha256::new(), fuse, receipt };
        if body.steps.is_empty() {
            body.complete();
        }
        body
    }

    fn complete(&self) {
        self.receipt.complete(hex(&self.sent.clone().finalize()));
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Send(bytes)) => {
                    self.sent.update(&bytes);
                    if self.steps.is_empty() {
                        self.complete();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Step::Wait(time)) => {
                    self.waiting = Some(Box::pin(tokio::time::sleep(time)));
                }
                // Neither ends here: the connection is dropped, with this body, by
                // the blown fuse, by the caller or when the region stops.
                Some(Step::Stall) => {
                    self.steps.push_front(Step::Stall);
                    return Poll::Pending;
                }
                Some(Step::Reset) => {
                    self.steps.push_front(Step::Stall);
                    self.fuse.start();
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map(SizeHint::with_exact).unwrap_or_default()
    }
}

fn paced(pieces: Vec<Bytes>, between: Duration) -> Vec<Step> {
    let mut steps = Vec::with_capacity(pieces.len().saturating_mul(2));
    for piece in pieces {
        if !steps.is_empty() && !between.is_zero() {
            steps.push(Step::Wait(between));
        }
        steps.push(Step::Send(piece));
    }
    steps
}

/// Sends `pieces`, gives them time to leave this machine, and ends with `last`.
fn break_off(pieces: Vec<Bytes>, between: Duration, last: Step) -> Vec<Step> {
    let mut steps = paced(pieces, between);
    steps.extend([Step::Wait(FLUSH), last]);
    steps
}

fn breaks(fault: &Fault) -> bool {
    fault.reset == Some(Reset::MidStream)
        || matches!(fault.stall, Some(Stall::AfterFirstChunk | Stall::MidStream))
}

fn error_after(fault: &Fault) -> Option<usize> {
    if fault.error_event_first {
        return Some(0);
    }
    fault.error_event_after
}

fn halves(mut body: Bytes) -> Vec<Bytes> {
    let first = body.split_to(body.len() / 2);
    vec![first, body]
}

/// A reset discards what the kernel has not sent yet.
const FLUSH: Duration = Duration::from_millis(25);

#[cfg(test)]
mod tests {
    use super::*;

    const BETWEEN: Duration = Duration::from_millis(5);

    fn send(text: &'static str) -> Step {
        Step::Send(Bytes::from_static(text.as_bytes()))
    }

    fn events(fault: &Fault) -> Vec<Step> {
        let error = Bytes::from_static(b"error");
        steps(pieces(["a", "b", "c"]), Duration::ZERO, Some(fault), error)
    }

    fn pieces<const N: usize>(texts: [&'static str; N]) -> Content {
        Content::Events(texts.map(|text| Bytes::from_static(text.as_bytes())).to_vec())
    }

    #[test]
    fn waits_stand_between_events_only() {
        let steps = steps(pieces(["a", "b"]), BETWEEN, None, Bytes::new());
        assert_eq!(steps, [send("a"), Step::Wait(BETWEEN), send("b")]);
    }

    #[test]
    fn an_error_takes_the_place_of_the_rest() {
        let first = Fault { error_event_first: true, ..Fault::default() };
        assert_eq!(events(&first), [send("error")]);
        let later = Fault { error_event_after: Some(2), ..Fault::default() };
        assert_eq!(events(&later), [send("a"), send("b"), send("error")]);
    }

    #[test]
    fn a_stream_breaks_off_half_way() {
        let steps = events(&Fault::reset(Reset::MidStream));
        assert_eq!(steps, [send("a"), send("b"), Step::Wait(FLUSH), Step::Reset]);
    }

    #[test]
    fn a_stream_stalls_after_its_first_event_or_half_way() {
        let steps = events(&Fault::stall(Stall::AfterFirstChunk));
        assert_eq!(steps, [send("a"), Step::Wait(FLUSH), Step::Stall]);
        let steps = events(&Fault::stall(Stall::MidStream));
        assert_eq!(steps, [send("a"), send("b"), Step::Wait(FLUSH), Step::Stall]);
    }

    #[test]
    fn a_whole_body_stalls_half_way() {
        for stall in [Stall::AfterFirstChunk, Stall::MidStream] {
            let whole = Content::Whole(Bytes::from_static(b"abcd"));
            let steps = steps(whole, BETWEEN, Some(&Fault::stall(stall)), Bytes::new());
            assert_eq!(steps, [send("ab"), Step::Wait(FLUSH), Step::Stall]);
        }
    }

    #[test]
    fn an_empty_body_has_no_steps() {
        let empty = Content::Whole(Bytes::new());
        assert_eq!(steps(empty, BETWEEN, None, Bytes::new()), []);
    }
}
