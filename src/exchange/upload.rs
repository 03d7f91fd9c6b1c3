//! How the request's body passes, in both seats.
//!
//! A body is held where the model must be read from it, or where it must be changed before anybody
//! gets it. All others pass while they arrive, and are counted: a length may be announced wrong, or
//! not at all. A long one that names its model early passes too ([`Ahead`]).
//!
//! On their way to a backend the bytes change where they name the model, if that backend has another
//! name for it. Each attempt begins with the client's own bytes again.
//!
//! # The end of a body
//!
//! Where the name moves to the end, the last bytes are known only when the last part is there, and
//! then what comes before them must not have passed. The seat keeps them in its own memory meanwhile:
//! to have Envoy hold a body again that has begun to pass would give the router what it has had.

use std::ops::Range;

use super::{Arrival, Effect, Exchange, World};
use crate::operation::Body;
use crate::prompt::{Ahead, MediaType, Places};
use crate::reply::Reply;

impl Exchange {
    /// What must be there of a body before its model is known.
    ///
    /// All of a form, and all of a body whose length is not known: which bytes are the last is then
    /// seen only when they have passed. All where models are denied: that the last name counts holds
    /// for servers that read all of the body, but there are readers of JSON that stop after its first
    /// object. And all where the operation names further models in places of its own.
    pub(super) fn await_name(&self) -> Effect {
        let early = |arrival: &Arrival| {
            let long = arrival.content_length.is_some_and(|length| length >= Ahead::BEGINNING);
            let operation = arrival.target.operation;
            let plain = arrival.form == MediaType::Json && operation.body == Body::Json;
            long && plain && *operation.places == Places::MODEL
        };
        let early = self.arrival.as_ref().is_some_and(early);
        if early && !self.gateway.denies_models() && !self.gateway.failover.redirects() {
            Effect::AwaitBeginning(Ahead::BEGINNING)
        } else {
            Effect::AwaitBody
        }
    }

    pub(super) fn body_begins(
        &mut self,
        bytes: &[u8],
        there: usize,
        world: &mut World<'_>,
    ) -> Vec<Effect> {
        let Some(ahead) = Ahead::read(bytes) else { return vec![Effect::AwaitBody] };
        let model = match self.named(&ahead.name) {
            Ok(model) => model,
            Err(reply) => return self.reply(reply),
        };
        // It may have to be changed anywhere, so that it asks for its usage.
        if self.may_ask(model) {
            return vec![Effect::AwaitBody];
        }
        if let Some(arrival) = &mut self.arrival {
            arrival.ahead = Some(ahead);
            arrival.passed = there;
        }
        self.choose(model, world)
    }

    /// A body that announced no length, or a wrong one, is counted while it passes.
    pub(super) fn body_from_client(&mut self, length: usize) -> Vec<Effect> {
        let most = self.most();
        let Some(arrival) = &mut self.arrival else { return Vec::new() };
        if !arrival.has_body {
            return Vec::new();
        }
        let before = arrival.passed;
        arrival.passed = before.saturating_add(length);
        let crosses = before <= most && arrival.passed > most;
        if crosses { self.reply(Reply::too_long()) } else { Vec::new() }
    }

    /// A body that is held grows until it has ended, or is too long.
    pub(super) fn body_held(&mut self, length: usize) -> Vec<Effect> {
        if length > self.most() { self.reply(Reply::too_long()) } else { Vec::new() }
    }

    /// The longest body that is taken.
    pub(super) fn most(&self) -> usize {
        usize::try_from(self.gateway.config.max_request_body).unwrap_or(usize::MAX)
    }

    pub(super) fn body_to_backend(&mut self, length: usize) -> Vec<Effect> {
        let Some(sending) = &mut self.sending else { return Vec::new() };
        let start = sending.sent;
        let end = start.saturating_add(length);
        sending.sent = end;
        let last = self.arrival.as_ref().and_then(Arrival::last_bytes);
        if last.as_ref().is_some_and(|last| end > last.end) {
            return self.reply(Reply::bad_body("the request body is longer than it was announced"));
        }
        // Later ones first: those before stay where they are meanwhile.
        let asked = last.and_then(|last| passing(&last, start, end)).map(Effect::AskEnd);
        let changed = self.change().and_then(|(place, with)| {
            // A name may be cut in two: its new bytes go where its first byte passes.
            let with = if place.start >= start { with } else { Vec::new() };
            Some(Effect::ReplaceBody { place: passing(&place, start, end)?, with })
        });
        asked.into_iter().chain(changed).collect()
    }

    /// The last bytes of the body wait for each other, and then name the model.
    pub(super) fn body_ends(&mut self, place: Range<usize>, bytes: &[u8]) -> Vec<Effect> {
        let length = self.arrival.as_ref().and_then(|arrival| arrival.content_length);
        let Some(sending) = &mut self.sending else { return Vec::new() };
        let mut last = std::mem::take(&mut sending.kept);
        last.extend_from_slice(bytes);
        if Some(sending.sent) != length {
            sending.kept = last;
            return vec![Effect::ReplaceBody { place, with: Vec::new() }];
        }
        match self.deployment().and_then(|name| Ahead::end(&last, name)) {
            Some(with) => vec![Effect::ReplaceBody { place, with }],
            None => self.reply(Reply::bad_body("the request body must be a JSON object")),
        }
    }

    /// What of the body is other than the client sent it, besides its end: where it names the model,
    /// if this backend has another name for it or the name moves.
    fn change(&self) -> Option<(Range<usize>, Vec<u8>)> {
        let arrival = self.arrival.as_ref()?;
        if let Some(ahead) = &arrival.ahead {
            return Some((ahead.member.clone(), Vec::new()));
        }
        let named = arrival.named.as_ref()?;
        let deployment = self.deployment()?;
        let differs = deployment != self.route()?.model.name;
        differs.then(|| (named.place.clone(), named.rewritten(deployment)))
    }

    /// What the backend that is asked calls the model.
    fn deployment(&self) -> Option<&str> {
        Some(self.route()?.model.pool.get(self.trail.last()?)?.deployment.as_str())
    }
}

impl Arrival {
    /// The last bytes of a body whose name moves there. What is left out at its beginning is not
    /// among them.
    fn last_bytes(&self) -> Option<Range<usize>> {
        let (ahead, length) = (self.ahead.as_ref()?, self.content_length?);
        Some(length.saturating_sub(Ahead::END).max(ahead.member.end)..length)
    }

    /// How long the body is at a backend that calls the model so, where the client said how long it
    /// is and the name stands in it.
    pub(super) fn length_with(&self, deployment: &str, renamed: bool) -> Option<usize> {
        let length = self.content_length?;
        if let Some(ahead) = &self.ahead {
            return Some(ahead.length(length, deployment));
        }
        let named = self.named.as_ref()?;
        if !renamed {
            return Some(length);
        }
        let name = named.rewritten(deployment).len();
        Some(length.saturating_sub(named.place.len()).saturating_add(name))
    }
}

/// What of a place in the body passes with the bytes from `start` to `end`, counted from `start`.
fn passing(place: &Range<usize>, start: usize, end: usize) -> Option<Range<usize>> {
    let passes = place.start < end && place.end > start;
    passes.then(|| place.start.saturating_sub(start)..place.end.min(end).saturating_sub(start))
}
