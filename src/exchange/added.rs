//! What the gateway has added to a body, and what it does where a backend refuses it.
//!
//! A stream reports its tokens only when it is asked to, so the gateway adds a field to requests whose
//! clients did not send it ([`crate::usage::Ask`]). A server that does not know the field answers 400
//! or 422, and the client would get an error for something that it never sent.
//!
//! Such an answer is held, and if it names the field, the same backend is asked once more without it.
//! That blames no backend, takes no attempt away from others and is no failover. All other answers are
//! the client's as they are; what the client has sent itself is never left out.
//!
//! # What is remembered
//!
//! A backend that takes the request without the field gets none that has it for an hour
//! ([`MemberState`]). It must have taken the request: an error may show all of what it
//! refuses, and so name the field although it is about another.
//!
//! Each worker remembers it for itself, by member of a pool: what a server knows depends on the
//! deployment. To learn it takes one short round trip an hour, and to look it up in a store that all
//! workers share would take a host call for every stream.
//!
//! An Envoy that cannot replace an answer that was held ([`crate::failover_mode`]) gives the client
//! the refusal. There it is remembered at once, and the next request goes without.
//!
//! [`MemberState`]: crate::pool::MemberState

use std::ops::Range;

use super::{Context, Exchange};
use crate::time::Millis;

/// What the current attempt's backend gets of what was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    /// All of it, if there is any.
    Sent,
    /// Nothing: it has refused it before.
    LeftOut,
    /// Nothing: it has refused it in this request.
    Refused,
}

impl Exchange {
    /// An attempt at this member starts. `again`: the last one was there too.
    pub(super) fn add_or_leave_out(&mut self, member: usize, again: bool, cx: &mut Context<'_>) {
        let now = cx.now();
        let Some(sending) = &mut self.sending else { return };
        let known = cx.known_of(sending.model, member);
        let refuses = known.is_some_and(|known| known.refuses_usage_until > now);
        sending.added = match sending.added {
            Added::Refused if again => Added::Refused,
            _ if refuses => Added::LeftOut,
            _ => Added::Sent,
        };
    }

    /// The bytes of the body that the current attempt's backend does not get.
    pub(super) fn left_out(&self) -> Option<Range<usize>> {
        self.sending.as_ref().filter(|sending| sending.added != Added::Sent)?;
        self.info.as_ref()?.added.clone()
    }

    /// Whether an answer of this status may refuse what was added, and so must be read.
    pub(super) fn may_refuse(&self, status: u16) -> bool {
        let added = self.info.as_ref().is_some_and(|info| info.added.is_some());
        matches!(status, 400 | 422) && added && self.left_out().is_none()
    }

    /// The body of such an answer is there. If it refuses what was added, the same backend is asked
    /// once more.
    pub(super) fn asks_without(&mut self, body: &[u8], cx: &mut Context<'_>) -> bool {
        if !body.windows(FIELD.len()).any(|word| word == FIELD) {
            return false;
        }
        if !self.gateway.failover.replaces_held_answers() {
            self.remember_refusal(cx);
            return false;
        }
        if let Some(sending) = &mut self.sending {
            sending.added = Added::Refused;
        }
        self.may_repeat_once_more() && self.repeat(cx).is_some()
    }

    /// The answer is good: if it is one without what its backend has refused, that was why.
    pub(super) fn is_taken(&self, cx: &mut Context<'_>) {
        if self.sending.as_ref().is_some_and(|sending| sending.added == Added::Refused) {
            self.remember_refusal(cx);
        }
    }

    fn remember_refusal(&self, cx: &mut Context<'_>) {
        let until = cx.now() + REMEMBERED;
        let (Some(sending), Some(member)) = (&self.sending, self.attempts.last()) else { return };
        if let Some(known) = cx.known_of(sending.model, member) {
            known.refuses_usage_until = until;
        }
    }
}

/// How an error names what was added.
const FIELD: &[u8] = b"stream_options";

/// Servers are replaced by newer ones, and models are moved to others.
const REMEMBERED: Millis = Millis::from_secs(60 * 60);
