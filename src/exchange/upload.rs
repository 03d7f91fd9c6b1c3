//! How the request's body passes, in both filters.
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
//! then what comes before them must not have passed. The exchange keeps them in its own memory meanwhile:
//! to have Envoy hold a body again that has begun to pass would give the router what it has had.

use std::ops::Range;

use super::flow::{Passage, RequestFlow};
use super::{Context, Effect, Exchange, RequestInfo};
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
    pub(super) fn await_name(&self) -> RequestFlow {
        let early = |info: &RequestInfo| {
            let long = info.content_length.is_some_and(|length| length >= Ahead::BEGINNING);
            let operation = info.target.operation;
            let plain = info.form == MediaType::Json && operation.body == Body::Json;
            long && plain && *operation.places == Places::MODEL
        };
        let early = self.info.as_ref().is_some_and(early);
        if early && !self.gateway.denies_models() && !self.gateway.failover.redirects() {
            RequestFlow::AwaitBeginning(Ahead::BEGINNING)
        } else {
            RequestFlow::AwaitBody
        }
    }

    /// The beginning of the body is there, after [`RequestFlow::AwaitBeginning`]: its first bytes, of
    /// so many in all.
    pub fn on_body_beginning(
        &mut self,
        bytes: &[u8],
        there: usize,
        cx: &mut Context<'_>,
    ) -> RequestFlow {
        self.telemetry.own.start(cx.moment());
        let flow = self.named_early(bytes, there, cx);
        self.waits(flow, cx)
    }

    fn named_early(&mut self, bytes: &[u8], there: usize, cx: &mut Context<'_>) -> RequestFlow {
        let Some(ahead) = Ahead::read(bytes) else { return RequestFlow::AwaitBody };
        let model = match self.named(&ahead.name) {
            Ok(model) => model,
            Err(reply) => return self.reply(reply),
        };
        // It may have to be changed anywhere, so that it asks for its usage.
        // Or it must be there whole, so that its attempts' time is not its client's.
        let route = self.gateway.route(model);
        let limited = route.is_some_and(|route| route.model.timeouts.per_try.is_some());
        if limited || self.may_ask(model) {
            return RequestFlow::AwaitBody;
        }
        if let Some(info) = &mut self.info {
            info.ahead = Some(ahead);
            info.passed = there;
        }
        self.choose(model, cx)
    }

    /// A body that announced no length, or a wrong one, is counted while it passes.
    pub fn on_bytes_passing(&mut self, length: usize) -> Passage {
        let most = self.most();
        let Some(info) = &mut self.info else { return Passage::Continue };
        if !info.has_body {
            return Passage::Continue;
        }
        let before = info.passed;
        info.passed = before.saturating_add(length);
        let crosses = before <= most && info.passed > most;
        if crosses { self.stop(Reply::too_long()) } else { Passage::Continue }
    }

    /// A body that is held grows until it has ended, or is too long.
    /// `crowded`: more is held than may be, together with what is held of other requests.
    pub fn on_bytes_held(&mut self, length: usize, crowded: bool) -> Passage {
        if crowded {
            self.stop(Reply::too_much_held())
        } else if length > self.most() {
            self.stop(Reply::too_long())
        } else {
            Passage::Continue
        }
    }

    /// The body should be there by now, and is not.
    pub fn on_body_late(&mut self) -> Reply {
        self.refuse(Reply::body_late())
    }

    fn stop(&mut self, reply: Reply) -> Passage {
        Passage::Reply(self.refuse(reply))
    }

    /// The longest body that is taken.
    pub(super) fn most(&self) -> usize {
        usize::try_from(self.gateway.config.max_request_body).unwrap_or(usize::MAX)
    }

    /// So many bytes of the body pass to the current attempt's backend. `bytes` reads some of them.
    pub fn on_bytes_upstream(
        &mut self,
        length: usize,
        bytes: &dyn Fn(Range<usize>) -> Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Passage {
        let Some(sending) = &mut self.sending else { return Passage::Continue };
        let start = sending.sent;
        let end = start.saturating_add(length);
        sending.sent = end;
        let last = self.info.as_ref().and_then(RequestInfo::last_bytes);
        if last.as_ref().is_some_and(|last| end > last.end) {
            return self.stop(Reply::bad_body("the request body is longer than it was announced"));
        }
        // Later ones first: those before stay where they are meanwhile.
        if let Some(place) = last.and_then(|last| passing(&last, start, end)) {
            match self.ends_with(&bytes(place.clone())) {
                Ok(with) => replace(Some(place), with, cx),
                Err(reply) => return Passage::Reply(reply),
            }
        }
        if let Some((place, with)) = self.change() {
            // A name may be cut in two: its new bytes go where its first byte passes.
            let with = if place.start >= start { with } else { Vec::new() };
            replace(passing(&place, start, end), with, cx);
        }
        // What was added stands before everything else.
        if let Some(place) = self.left_out() {
            replace(passing(&place, start, end), Vec::new(), cx);
        }
        Passage::Continue
    }

    /// What passes instead of bytes at the end of the body: they wait for each other, and then name the
    /// model.
    fn ends_with(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Reply> {
        let length = self.info.as_ref().and_then(|info| info.content_length);
        let Some(sending) = &mut self.sending else { return Ok(bytes.to_vec()) };
        let mut last = std::mem::take(&mut sending.kept);
        last.extend_from_slice(bytes);
        if Some(sending.sent) != length {
            sending.kept = last;
            return Ok(Vec::new());
        }
        match self.deployment().and_then(|name| Ahead::end(&last, name)) {
            Some(with) => Ok(with),
            None => Err(self.refuse(Reply::bad_body("the request body must be a JSON object"))),
        }
    }

    /// What of the body is other than the client sent it, besides its end: where it names the model,
    /// if this backend has another name for it or the name moves.
    fn change(&self) -> Option<(Range<usize>, Vec<u8>)> {
        let info = self.info.as_ref()?;
        if let Some(ahead) = &info.ahead {
            return Some((ahead.property.clone(), Vec::new()));
        }
        let named = info.named.as_ref()?;
        let deployment = self.deployment()?;
        let differs = deployment != self.route()?.model.name;
        differs.then(|| (named.place.clone(), named.rewritten(deployment)))
    }

    /// What the backend that is asked calls the model.
    fn deployment(&self) -> Option<&str> {
        Some(self.route()?.model.pool.get(self.attempts.last()?)?.deployment.as_str())
    }
}

impl RequestInfo {
    /// The last bytes of a body whose name moves there. What is left out at its beginning is not
    /// among them.
    fn last_bytes(&self) -> Option<Range<usize>> {
        let (ahead, length) = (self.ahead.as_ref()?, self.content_length?);
        Some(length.saturating_sub(Ahead::END).max(ahead.property.end)..length)
    }

    /// How long the body is at a backend that calls the model so, where the client said how long it
    /// is.
    pub(super) fn length_with(&self, deployment: &str, renamed: bool) -> Option<usize> {
        let length = self.content_length?;
        if let Some(ahead) = &self.ahead {
            return Some(ahead.length(length, deployment));
        }
        let Some(named) = self.named.as_ref().filter(|_| renamed) else { return Some(length) };
        let name = named.rewritten(deployment).len();
        Some(length.saturating_sub(named.place.len()).saturating_add(name))
    }
}

fn replace(place: Option<Range<usize>>, with: Vec<u8>, cx: &mut Context<'_>) {
    cx.extend(place.map(|place| Effect::ReplaceBody { place, with }));
}

/// What of a place in the body passes with the bytes from `start` to `end`, counted from `start`.
fn passing(place: &Range<usize>, start: usize, end: usize) -> Option<Range<usize>> {
    let passes = place.start < end && place.end > start;
    passes.then(|| place.start.saturating_sub(start)..place.end.min(end).saturating_sub(start))
}
