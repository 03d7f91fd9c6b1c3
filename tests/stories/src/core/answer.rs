//! The pure core in the backend seat, as far as answers go: held, read, or passed on.

use spillway::exchange::{Event, event};

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
        let fields = stream.answer.as_ref().expect("the answer passes").0.clone();
        let switches = self.contexts[&context].switches;
        let answer = event::Answer::read(fields, !end, true, switches);
        let state = if end { Answers::Ended } else { Answers::Passes };
        self.set_answer(context, state);
        self.tell(context, Event::Answered(answer), stream)
    }

    /// A body that trailers follow never says that it has ended.
    pub(super) fn trailers(&mut self, context: u32, stream: &mut Stream) -> Action {
        let fields = stream.answer_trailers.as_ref().expect("trailers pass").0.clone();
        self.tell(context, Event::AnswerTrailers(fields), stream);
        let bytes = stream.answer_body.clone().unwrap_or_default();
        let state = self.contexts[&context].answer;
        self.set_answer(context, Answers::Ended);
        let event = match state {
            Answers::Streams { .. } => Event::StreamPart { bytes: &[], end: true },
            Answers::Opens => Event::Opening { bytes: &bytes, end: true, readable: true },
            _ if self.await_now(context, Awaits::Nothing) == Awaits::Body => {
                Event::AnswerBody(&bytes)
            }
            _ => return Action::Continue,
        };
        self.tell(context, event, stream);
        Action::Continue
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
