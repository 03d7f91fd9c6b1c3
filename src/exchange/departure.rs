//! Gateway seat, answer: what the client is told besides the answer itself.

use super::effect::{Note, RETRY};
use super::{Effect, Exchange, World};
use crate::config::WhenExhausted;
use crate::reply;

impl Exchange {
    pub(super) fn leaving(
        &mut self,
        status: u16,
        region: Option<Vec<u8>>,
        world: &mut World<'_>,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        // An answer although the backend gave none: Envoy's own, for a backend that it could not
        // reach, that broke off, or that took too long.
        if matches!(status, 502..=504) {
            effects.extend(self.blame_silence(world));
        }
        // Envoy could not drop an answer as it was asked to: its retries or its buffer were spent.
        if self.trail.last_was_dropped() {
            effects.push(Effect::RemoveAnswerHeader(RETRY));
        }
        effects.extend(self.announce(status, world));
        effects.extend(self.issue_cookie(status));
        effects.extend(self.introduce(region));
        effects.push(Effect::Note(Note::Attempts, self.story()));
        effects
    }

    /// A client that got the last backend's 429 is told when the first of them is back.
    fn announce(&self, status: u16, world: &mut World<'_>) -> Vec<Effect> {
        let tells = self.gateway.config.when_exhausted == WhenExhausted::RetryLater;
        if status != 429 || !tells || !self.trail.has_answer() {
            return Vec::new();
        }
        let Some(wait) = self.route().and_then(|route| world.soonest(&route)) else {
            return Vec::new();
        };
        reply::retry_after(wait).map(|(name, value)| Effect::SetAnswerHeader(name, value)).into()
    }

    /// The cookie is issued where the client had none that led to the backend that answered.
    fn issue_cookie(&self, status: u16) -> Option<Effect> {
        let route = self.route()?;
        let affinity = route.model.affinity.as_ref()?;
        let served = self.trail.last().filter(|_| self.trail.has_answer())?;
        if status >= 500 || status == 429 || self.sending.as_ref()?.pin == Some(served) {
            return None;
        }
        let header = self.arrival.as_ref().map_or(&[][..], |arrival| &arrival.cookie);
        let before = route.cookie(header).unwrap_or_default();
        let value = route.tags.issue(served, before)?;
        Some(Effect::IssueCookie { affinity: affinity.clone(), value })
    }

    fn introduce(&self, region: Option<Vec<u8>>) -> Vec<Effect> {
        let wanted = self.gateway.config.answer_headers;
        let mut effects = Vec::new();
        if wanted.backend {
            let name = self.served_by().unwrap_or("none").to_owned();
            effects.push(Effect::SetAnswerHeader("x-spillway-backend", name));
        }
        if wanted.attempts {
            let attempts = self.trail.len().to_string();
            effects.push(Effect::SetAnswerHeader("x-spillway-attempts", attempts));
        }
        if wanted.region {
            let region = region.and_then(|region| String::from_utf8(region).ok());
            let region = region.unwrap_or_else(|| "unknown".to_owned());
            effects.push(Effect::SetAnswerHeader("x-backend-region", region));
        }
        effects
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
