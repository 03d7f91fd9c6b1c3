//! Gateway seat, answer: what the client is told besides the answer itself.

use super::effect::{Note, RETRY};
use super::{Effect, Exchange, World};
use crate::breaker::Cause;
use crate::config::WhenExhausted;
use crate::outcome::is_status;
use crate::reply::Reply;

impl Exchange {
    pub(super) fn leaving(
        &mut self,
        status: u16,
        region: Option<Vec<u8>>,
        world: &mut World<'_>,
    ) -> Vec<Effect> {
        let (status, mut effects) = self.undisguise(status);
        // An answer although the backend gave none: Envoy's own, for a backend that it could not
        // reach, that broke off, or that took too long.
        if matches!(status, 502..=504) {
            effects.extend(self.blame_silence(world));
        }
        effects.extend(self.tell_silence(false));
        // Envoy could not drop an answer as it was asked to: its retries or its buffer were spent.
        if self.trail.last_was_dropped() {
            effects.push(Effect::RemoveAnswerHeader(RETRY));
        }
        match self.replacement(status, world) {
            Some(reply) => {
                self.account.is_replaced(&reply, world.now());
                effects.push(Effect::ReplaceAnswer(self.introduced(reply)));
            }
            None => {
                self.account.leaves(status, world.now());
                effects.extend(self.issue_cookie(status));
                let headers = self.introduction(region).into_iter();
                effects.extend(headers.map(|(name, value)| Effect::SetAnswerHeader(name, value)));
            }
        }
        effects.push(Effect::Note(Note::Attempts, self.story()));
        if self.has_first_part() {
            effects.push(Effect::AwaitPart);
        }
        effects
    }

    /// What the client gets instead of the last backend's answer.
    fn replacement(&self, status: u16, world: &mut World<'_>) -> Option<Reply> {
        if !self.trail.has_answer() {
            // Envoy's own words would have the SDKs send it again.
            return if matches!(status, 502..=504) { self.outcome_unknown() } else { None };
        }
        match status {
            _ if self.statusless && !is_status(status, false) => {
                Some(Reply::invalid_backend_answer())
            }
            401 => Some(Reply::backend_credential_refused()),
            429 => self.exhausted(world),
            _ => None,
        }
    }

    /// A client that would get the last backend's 429, with that backend's own words and time, is
    /// told when the first of all is back: what it is told when nobody may be chosen.
    fn exhausted(&self, world: &mut World<'_>) -> Option<Reply> {
        let when = self.gateway.config.when_exhausted;
        if when == WhenExhausted::ServiceUnavailable || self.is_bound() {
            return None;
        }
        let route = self.route()?;
        let (until, _) = world.soonest(&route, 0..route.model.pool.len())?;
        Some(Reply::exhausted(&route.model.name, until, Cause::Throttled, world.moment(), when))
    }

    /// Whether only the backend that the client's cookie names may answer.
    fn is_bound(&self) -> bool {
        let required = self.route().and_then(|route| Some(route.model.affinity.as_ref()?.required));
        required == Some(true) && self.sending.as_ref().is_some_and(|sending| sending.pin.is_some())
    }

    fn introduced(&self, mut reply: Reply) -> Reply {
        reply.headers.extend(self.introduction(None));
        reply
    }

    /// The cookie is issued where the client had none that led to the backend that answered.
    fn issue_cookie(&self, status: u16) -> Option<Effect> {
        let route = self.route()?;
        let affinity = route.model.affinity.as_ref()?;
        let served = self.trail.last().filter(|_| self.trail.has_answer())?;
        if status >= 500 || status == 429 || self.sending.as_ref()?.pin == Some(served) {
            return None;
        }
        let cookies = self.arrival.as_ref().map(|arrival| &arrival.cookies);
        let before = cookies.and_then(|cookies| route.cookie(cookies)).unwrap_or_default();
        let value = route.tags.issue(served, before)?;
        Some(Effect::IssueCookie { affinity: affinity.clone(), value })
    }

    /// The gateway's own headers.
    fn introduction(&self, region: Option<Vec<u8>>) -> Vec<(&'static str, String)> {
        let wanted = self.gateway.config.answer_headers;
        let mut headers = Vec::new();
        if wanted.backend {
            let name = self.served_by().unwrap_or("none").to_owned();
            headers.push(("x-spillway-backend", name));
        }
        if wanted.attempts {
            headers.push(("x-spillway-attempts", self.trail.len().to_string()));
        }
        if wanted.region {
            let region = region.and_then(|region| String::from_utf8(region).ok());
            headers.push(("x-backend-region", region.unwrap_or_else(|| "unknown".to_owned())));
        }
        headers
    }

    fn served_by(&self) -> Option<&str> {
        let member = self.route()?.model.pool.get(self.trail.last()?)?;
        Some(self.gateway.backend(member)?.name.as_str())
    }

    /// The attempts, or in one word why there was none.
    fn story(&self) -> String {
        match self.refused {
            Some(reason) => reason.to_owned(),
            None => self.attempts_text(),
        }
    }
}
