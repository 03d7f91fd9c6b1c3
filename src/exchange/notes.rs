//! What the access log and the spans of a trace are told, besides what is noted on the way.
//!
//! Each note is a host call, so most are left to the end, when they are known for good. Tokens are
//! noted with the answer's last byte: Envoy ends an attempt's span right after it. Those of an answer
//! that never ended, because its client left or its backend was lost, follow at the end.

use super::effect::Note;
use super::{Effect, Exchange};
use crate::observation::Outcome;

impl Exchange {
    /// What is noted of a request that is over.
    pub(super) fn notes(&self, outcome: Outcome) -> Vec<Effect> {
        let mut notes = vec![Effect::Note(Note::Outcome, outcome.word().to_owned())];
        let version = self.arrival.as_ref().and_then(|arrival| arrival.target.api_version());
        notes.extend(version.and_then(sane).map(|text| Effect::Note(Note::ApiVersion, text)));
        let member = self.trail.last();
        let deployment = member.and_then(|member| self.route()?.model.pool.get(member));
        notes.extend(
            deployment.map(|member| Effect::Note(Note::Deployment, member.deployment.clone())),
        );
        let pin = self.sending.as_ref().and_then(|sending| sending.pin);
        let pinned = pin.is_some() && pin == member;
        let marks = match (pinned, self.account.streamed) {
            (true, true) => "pinned stream",
            (true, false) => "pinned",
            (false, true) => "stream",
            (false, false) => "none",
        };
        notes.push(Effect::Note(Note::Marks, marks.to_owned()));
        notes
    }

    /// What is noted of the tokens that the answer has reported, and was not before.
    pub(super) fn note_usage(&mut self) -> Vec<Effect> {
        let account = &mut self.account;
        let (noted, usage) = (std::mem::replace(&mut account.noted, account.usage), account.usage);
        let counts = [
            (Note::PromptTokens, noted.prompt, usage.prompt),
            (Note::CompletionTokens, noted.completion, usage.completion),
            (Note::CachedTokens, noted.cached, usage.cached),
            (Note::ReasoningTokens, noted.reasoning, usage.reasoning),
        ];
        let differ = counts.into_iter().filter(|(_, noted, count)| noted != count);
        // What another attempt's answer had reported is unknown again.
        let text = |count: Option<u64>| count.map(|count| count.to_string()).unwrap_or_default();
        differ.map(|(note, _, count)| Effect::Note(note, text(count))).collect()
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
    fn only_plain_words_of_a_client_are_noted() {
        assert_eq!(sane(b"2024-09-01-preview").as_deref(), Some("2024-09-01-preview"));
        let long = [b'x'; LONGEST_WORD + 1];
        for word in [&b""[..], b"a b", b"\"", b"%22", b"caf\xe9", b"\n", &long] {
            assert_eq!(sane(word), None, "{}", String::from_utf8_lossy(word));
        }
    }
}
