//! The gateway is being stopped, and the time that running requests had is over.
//!
//! No backend is blamed for what ends now, and no other one is asked: that would be cut off too. The
//! client gets an error if its answer has not begun, and an error event if it is a stream, so that it
//! sends its request again.

use super::attempts::Break;
use super::flow::Farewell;
use super::{Context, Effect, Exchange};
use crate::reason::Reason;
use crate::reply::Reply;
use crate::stream::Cut;

impl Exchange {
    /// The request ends now.
    pub fn on_shutdown(&mut self, cx: &mut Context<'_>) -> Farewell {
        self.telemetry.shut_down = true;
        if !self.telemetry.has_left() {
            return Farewell::Reply(self.refuse(Reply::shutting_down()));
        }
        if self.attempts.ended_badly(Break::Shutdown) {
            self.note_error(Reason::ShuttingDown.word(), cx);
            self.log_attempts(cx);
            let stream = self.streaming.as_mut();
            let words = stream.and_then(|stream| stream.last_words(Cut::Shutdown));
            cx.extend(words.map(Effect::LastWords));
        }
        Farewell::Cut
    }
}
