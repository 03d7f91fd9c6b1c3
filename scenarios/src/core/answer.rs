//! The pure core in the backend seat, as far as answers go: held, read, or passed on.

use spillway::announced::Announcement;
use spillway::exchange::{Event, event};
use spillway::stream::is_event_stream;

use super::effects::status;
use super::{Awaits, Core};
use crate::envoy::{Action, Stream};

/// Where the answer of an attempt stands.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Answers {
    Awaited,
    Passes,
    /// Passes, and is read.
    Reads,
    /// Held until its first bytes are there.
    Opens,
    /// Read as it comes; of what is held back, so many bytes have been read.
    Streams {
        held: bool,
        read: usize,
    },
    Ended,
}

impl Core {
    pub(super) fn answered(&mut self, context: u32, end: bool, stream: &mut Stream) -> Action {
        let header = |name| stream.answer.as_ref()?.get(name).map(<[u8]>::to_vec);
        let announcement = Announcement {
            retry_after_ms: header("retry-after-ms"),
            retry_after: header("retry-after"),
            reset_requests: header("x-ratelimit-reset-requests"),
            reset_tokens: header("x-ratelimit-reset-tokens"),
        };
        let answer = event::Answer {
            status: status(stream),
            announcement,
            streams: header("content-type").is_some_and(|kind| is_event_stream(&kind)),
            has_body: !end,
            readable: header("content-encoding").is_none(),
        };
        let state = if end { Answers::Ended } else { Answers::Passes };
        self.set_answer(context, state);
        self.tell(context, Event::Answered(answer), stream)
    }

    /// More of an answer that is read.
    fn part(&mut self, context: u32, end: bool, stream: &mut Stream) -> Action {
        let bytes = stream.answer_body.clone().unwrap_or_default();
        if end {
            self.set_answer(context, Answers::Ended);
        }
        self.tell(context, Event::AnswerPart { bytes: &bytes, end }, stream)
    }

    pub(super) fn set_answer(&mut self, context: u32, answer: Answers) {
        self.contexts.get_mut(&context).expect("open").answer = answer;
    }

    fn stream_part(&mut self, context: u32, end: bool, stream: &mut Stream) -> Action {
        let Answers::Streams { held, read } = self.contexts[&context].answer else {
            panic!("no stream");
        };
        let body = stream.answer_body.clone().unwrap_or_default();
        let bytes = &body[if held { read } else { 0 }..];
        let action = self.tell(context, Event::StreamPart { bytes, end }, stream);
        let held = action == Action::Pause;
        let streams = Answers::Streams { held, read: body.len() };
        self.set_answer(context, if end { Answers::Ended } else { streams });
        action
    }

    fn opening(&mut self, context: u32, end: bool, stream: &mut Stream) -> Action {
        let bytes = stream.answer_body.clone().unwrap_or_default();
        let encoding = stream.answer.as_ref().and_then(|answer| answer.get("content-encoding"));
        let opening = Event::Opening { bytes: &bytes, end, readable: encoding.is_none() };
        let action = self.tell(context, opening, stream);
        if action == Action::Continue {
            let reads = self.contexts[&context].answer == Answers::Reads;
            let passes = if reads { Answers::Reads } else { Answers::Passes };
            self.set_answer(context, if end { Answers::Ended } else { passes });
        }
        action
    }

    pub(super) fn answer_body(&mut self, context: u32, end: bool, stream: &mut Stream) -> Action {
        if matches!(self.contexts[&context].answer, Answers::Streams { .. }) {
            return self.stream_part(context, end, stream);
        }
        if self.contexts[&context].answer == Answers::Opens {
            return self.opening(context, end, stream);
        }
        if self.contexts[&context].answer == Answers::Reads {
            return self.part(context, end, stream);
        }
        if end {
            self.set_answer(context, Answers::Ended);
        }
        if self.contexts[&context].awaits == Awaits::Nothing {
            return Action::Continue;
        }
        if !end {
            return Action::Pause;
        }
        self.await_now(context, Awaits::Nothing);
        let body = stream.answer_body.clone().unwrap_or_default();
        self.tell(context, Event::AnswerBody(&body), stream)
    }
}
