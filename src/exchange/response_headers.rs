//! Downstream, answer: what the client is told besides the answer itself.

use super::effect::{LogField, RETRY};
use super::flow::ResponseFlow;
use super::{Context, Effect, Exchange};
use crate::breaker::Unavailability;
use crate::outcome::is_status;
use crate::reply::Reply;

impl Exchange {
    /// The head of the answer that the client gets: its status, and its `x-ms-region`, read only where
    /// the configuration wants it.
    pub fn on_response_headers(
        &mut self,
        status: u16,
        region: Option<Vec<u8>>,
        cx: &mut Context<'_>,
    ) -> ResponseFlow {
        self.telemetry.own.stop(cx.moment());
        let status = self.own_status(status, cx);
        // An answer although the backend gave none: Envoy's own, for a backend that it could not
        // reach, that broke off, or that took too long.
        if matches!(status, 502..=504) {
            self.learn_of_silence(cx);
        }
        self.tell_silence(false, cx);
        // Envoy could not drop an answer as it was asked to: its retries or its buffer were spent.
        if self.attempts.last_was_dropped() {
            cx.push(Effect::RemoveAnswerHeader(RETRY));
        }
        let replacement = self.replacement(status, cx);
        if let Some(reply) = &replacement {
            self.telemetry.is_replaced(reply, cx.now());
        } else {
            self.telemetry.leaves(status, cx.now());
            cx.extend(self.issue_cookie(status));
            let headers = self.introduction(region).into_iter();
            cx.extend(headers.map(|(name, value)| Effect::SetAnswerHeader(name, value)));
        }
        // The request's span ends before the request does.
        if let Some(reason) = self.telemetry.reason {
            self.note_error(reason.word(), cx);
        }
        cx.push(Effect::Log(LogField::Attempts, self.story()));
        match replacement {
            Some(reply) => ResponseFlow::Replace(self.introduced(reply)),
            None if self.has_first_part() => ResponseFlow::AwaitPart,
            None => ResponseFlow::Pass,
        }
    }

    /// What the client gets instead of the last backend's answer.
    fn replacement(&self, status: u16, cx: &mut Context<'_>) -> Option<Reply> {
        // A try before its time that has failed leaves everything as it was.
        let early = self.sending.as_ref().is_some_and(|sending| sending.early);
        if !self.attempts.has_answer() {
            // Envoy's own words would have the SDKs send it again.
            return match status {
                502..=504 => self
                    .outcome_unknown()
                    .or_else(|| if early { self.exhausted(None, cx) } else { None }),
                _ => None,
            };
        }
        match status {
            _ if self.statusless && !is_status(status, false) => {
                Some(Reply::invalid_backend_answer())
            }
            401 => Some(Reply::backend_credential_refused()),
            429 => self.exhausted(Some(Unavailability::Throttled), cx),
            // Its client would take a good status for an answer.
            // An Envoy that held it and cannot replace it would not survive a reply in its place.
            _ if self.throttled_inside && self.gateway.failover.replaces_held_answers() => {
                self.exhausted(Some(Unavailability::Throttled), cx)
            }
            500.. if early => self.exhausted(None, cx),
            _ => None,
        }
    }

    /// A client that would get the last backend's 429, with that backend's own words and time, is
    /// told when the first of all is back: what it is told when nobody may be chosen.
    fn exhausted(&self, why: Option<Unavailability>, cx: &mut Context<'_>) -> Option<Reply> {
        let when = self.gateway.config.when_exhausted;
        let route = self.route().filter(|_| !self.is_bound())?;
        let (until, cause) = cx.soonest(&route, 0..route.model.pool.len())?;
        let why = why.unwrap_or(cause);
        Some(Reply::exhausted(&route.model.name, until, why, cx.moment(), when))
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
        let served = self.attempts.last().filter(|_| self.attempts.has_answer())?;
        if status >= 500 || status == 429 || self.sending.as_ref()?.pin == Some(served) {
            return None;
        }
        let cookies = self.info.as_ref().map(|info| &info.cookies);
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
            headers.push(("x-spillway-attempts", self.attempts.len().to_string()));
        }
        if wanted.region {
            let region = region.and_then(|region| String::from_utf8(region).ok());
            headers.push(("x-backend-region", region.unwrap_or_else(|| "unknown".to_owned())));
        }
        headers
    }

    fn served_by(&self) -> Option<&str> {
        let member = self.route()?.model.pool.get(self.attempts.last()?)?;
        Some(self.gateway.backend(member)?.name.as_str())
    }

    /// The attempts, or in one word why there was none.
    fn story(&self) -> String {
        match self.refused {
            Some(reason) => reason.word().to_owned(),
            None => self.attempts_text(),
        }
    }
}
