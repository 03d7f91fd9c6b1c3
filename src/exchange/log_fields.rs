//! What the access log and the spans of a trace are told, besides what is set on the way.
//!
//! Each field is a host call, so most are left to the end, when they are known for good. Tokens are
//! set with the answer's last byte: Envoy ends an attempt's span right after it. Those of an answer
//! that never ended, because its client left or its backend was lost, follow at the end.

use super::effect::LogField;
use super::{Context, Effect, Exchange};
use crate::observation::{AttemptResult, Outcome};
use crate::reason::Reason;

impl Exchange {
    /// The fields of a request that is over.
    pub(super) fn log_end(&mut self, outcome: Outcome, cx: &mut Context<'_>) {
        cx.push(Effect::Log(LogField::Outcome, outcome.word().to_owned()));
        self.log_error(outcome, cx);
        let list = self.attempt_list();
        cx.extend((!list.is_empty()).then_some(Effect::LogAttempts(list)));
        let version = self.info.as_ref().and_then(|info| info.target.api_version());
        cx.extend(version.and_then(sane).map(|text| Effect::Log(LogField::ApiVersion, text)));
        let member = self.attempts.last();
        let deployment = member.and_then(|member| self.route()?.model.pool.get(member));
        cx.extend(
            deployment.map(|member| Effect::Log(LogField::Deployment, member.deployment.clone())),
        );
        let pin = self.sending.as_ref().and_then(|sending| sending.pin);
        let pinned = pin.is_some() && pin == member;
        let marks = match (pinned, self.telemetry.streamed) {
            (true, true) => "pinned stream",
            (true, false) => "pinned",
            (false, true) => "stream",
            (false, false) => "none",
        };
        cx.push(Effect::Log(LogField::Marks, marks.to_owned()));
    }

    /// The tokens that the answer has reported, where the log does not have them yet.
    pub(super) fn log_usage(&mut self, cx: &mut Context<'_>) {
        let all = &mut self.telemetry;
        let (logged, usage) = (std::mem::replace(&mut all.logged, all.usage), all.usage);
        let counts = [
            (LogField::PromptTokens, logged.prompt, usage.prompt),
            (LogField::CompletionTokens, logged.completion, usage.completion),
            (LogField::CachedTokens, logged.cached, usage.cached),
            (LogField::ReasoningTokens, logged.reasoning, usage.reasoning),
        ];
        let differ = counts.into_iter().filter(|(_, logged, count)| logged != count);
        // What another attempt's answer had reported is unknown again.
        let text = |count: Option<u64>| count.map(|count| count.to_string()).unwrap_or_default();
        cx.extend(differ.map(|(field, _, count)| Effect::Log(field, text(count))));
        let model = all.model.take();
        cx.extend(model.map(|model| Effect::Log(LogField::ResponseModel, model)));
    }

    /// What is wrong with the attempt that was judged, for its span.
    pub(super) fn note_failure(&mut self, result: AttemptResult, cx: &mut Context<'_>) {
        match (result, self.attempts.status()) {
            (AttemptResult::Ok, _) => {}
            // How its answer broke off has been noted by now.
            _ if !self.telemetry.error.is_empty() => {}
            (_, Some(status @ 400..)) => self.note_error(&status.to_string(), cx),
            _ => self.note_error(result.word(), cx),
        }
    }

    /// Notes an error, or with an empty text that there is none.
    #[inline(never)]
    pub(super) fn note_error(&mut self, error: &str, cx: &mut Context<'_>) {
        if self.telemetry.error != error {
            error.clone_into(&mut self.telemetry.error);
            cx.push(Effect::Log(LogField::ErrorType, error.to_owned()));
        }
    }

    /// What went wrong with the request: why the gateway answered by itself, else how the last attempt
    /// failed, else how it ended.
    fn log_error(&mut self, outcome: Outcome, cx: &mut Context<'_>) {
        let reason = self.telemetry.reason.map(Reason::word);
        match (outcome, reason) {
            (Outcome::Answered, _) => self.note_error("", cx),
            (Outcome::ClientLeft, _) => self.note_error(outcome.word(), cx),
            (_, Some(reason)) => self.note_error(reason, cx),
            _ if self.telemetry.error.is_empty() => self.note_error(outcome.word(), cx),
            _ => {}
        }
    }

    fn attempt_list(&self) -> Vec<u8> {
        let Some(route) = self.route() else { return Vec::new() };
        self.attempts.list(|member| {
            let backend = self.gateway.backend(route.model.pool.get(member)?)?;
            Some(backend.name.as_str())
        })
    }

    /// The attempts so far, such as `eastus 429 12ms, westus 200 340ms`.
    pub fn attempts_text(&self) -> String {
        let Some(route) = self.route() else { return String::new() };
        self.attempts.text(|member| {
            let backend = self.gateway.backend(route.model.pool.get(member)?)?;
            Some(backend.name.as_str())
        })
    }

    pub(super) fn log_attempts(&self, cx: &mut Context<'_>) {
        cx.push(Effect::Log(LogField::Attempts, self.attempts_text()));
    }
}

/// A client's own word, if it is one that can stand in a log: short, and of letters, digits, `-`, `_`
/// and `.`.
fn sane(word: &[u8]) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    if word.is_empty() || word.len() > LONGEST_WORD || !word.iter().all(plain) {
        return None;
    }
    String::from_utf8(word.to_vec()).ok()
}

/// As long as `2024-09-01-preview`, and some more.
const LONGEST_WORD: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn only_plain_words_of_a_client_are_logged() {
        assert_eq!(sane(b"2024-09-01-preview").as_deref(), Some("2024-09-01-preview"));
        let long = [b'x'; LONGEST_WORD + 1];
        for word in [&b""[..], b"a b", b"\"", b"%22", b"caf\xe9", b"\n", &long] {
            assert_eq!(sane(word), None, "{}", String::from_utf8_lossy(word));
        }
    }
}
