//! What may be done twice.
//!
//! A chat that is sent to a second backend, although the first may have answered it too, costs tokens.
//! A file, a job or a thread that is made twice is there twice. The table of operations says which is
//! which ([`crate::operation::Operation::repeats`]). An operation that must not be done twice goes to
//! another backend only where it is plain that the first has not done it: the connection was never
//! there, or the answer refuses the request.

use super::Exchange;
use crate::outcome::Verdict;
use crate::reply::Reply;

impl Exchange {
    /// Whether another backend may be asked after this verdict.
    pub(super) fn may_repeat(&self, verdict: Verdict) -> bool {
        !verdict.failed() || self.repeats()
    }

    /// The attempt is over without an answer. `connected`: there was a connection, so that the backend
    /// may have got the request.
    pub const fn on_no_answer(&mut self, connected: bool) {
        if let Some(sending) = &mut self.sending {
            sending.perhaps_done = connected;
        }
    }

    /// Envoy tries again by itself where no answer came. It must not, where the backend may have done
    /// what must not be done twice.
    pub(super) fn must_not_repeat(&mut self) -> Option<Reply> {
        let reply = self.outcome_unknown();
        self.sending.as_mut()?.perhaps_done = false;
        reply
    }

    /// What a client is told whose request may have been done, and must not be done twice.
    pub(super) fn outcome_unknown(&self) -> Option<Reply> {
        let perhaps_done = self.sending.as_ref().is_some_and(|sending| sending.perhaps_done);
        (perhaps_done && !self.repeats()).then(Reply::outcome_unknown)
    }

    fn repeats(&self) -> bool {
        self.info.as_ref().is_none_or(|info| info.target.operation.repeats)
    }
}
