//! Tokens that backends report in their answers.
//!
//! Whoever pays for a model wants to know who used how much of it, and the only number that agrees
//! with the bill is the one that the backend reports. So it is read from the answer while that
//! passes, and nothing is counted here: what no backend has said is unknown, which is not zero.
//!
//! The names differ by API, and mean the same: `prompt_tokens` and `completion_tokens` in chat
//! completions and completions, `input_tokens` and `output_tokens` in Responses, `prompt_tokens`
//! alone in embeddings. Their details say how much of it came from a cache, and how much was spent
//! on reasoning.
//!
//! | question | file |
//! |---|---|
//! | where in an answer does it stand? | `scan.rs` |
//! | and in a stream of events? | `events.rs` |
//! | can a client be made to ask for it? | `ask.rs` |

use serde_json::Value;

mod ask;
mod events;
mod scan;

pub use ask::{Ask, may_stream, understands};
pub use events::InEvents;
pub use scan::{Place, Scan};

/// Tokens that a backend reported for one answer. Unknown is unknown, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the input, the cached ones included.
    pub prompt: Option<u64>,
    /// Tokens of the answer, those spent on reasoning included.
    pub completion: Option<u64>,
    /// How many of `prompt` came from a cache.
    pub cached: Option<u64>,
    /// How many of `completion` were spent on reasoning.
    pub reasoning: Option<u64>,
}

impl Usage {
    /// Whether anything is known.
    pub const fn is_known(&self) -> bool {
        self.prompt.is_some()
            || self.completion.is_some()
            || self.cached.is_some()
            || self.reasoning.is_some()
    }

    /// Reads a `usage` object, whatever its API. What is missing in it, or is no count of tokens, is
    /// unknown.
    pub fn read(object: &[u8]) -> Self {
        let object: Value = serde_json::from_slice(object).unwrap_or_default();
        let one = |names: [&str; 2]| names.into_iter().find_map(|name| count(object.get(name)?));
        let part = |names: [&str; 2], part: &str| {
            names.into_iter().find_map(|name| count(object.get(name)?.get(part)?))
        };
        Self {
            prompt: one(["prompt_tokens", "input_tokens"]),
            completion: one(["completion_tokens", "output_tokens"]),
            cached: part(["prompt_tokens_details", "input_tokens_details"], "cached_tokens"),
            reasoning: part(
                ["completion_tokens_details", "output_tokens_details"],
                "reasoning_tokens",
            ),
        }
    }
}

/// A count of tokens. What is negative, a fraction, or more than a double can count, is none.
fn count(value: &Value) -> Option<u64> {
    value.as_u64().filter(|count| *count <= MOST)
}

/// The largest whole number that every JSON parser reads as it is: 2^53.
const MOST: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    const fn usage(counts: [Option<u64>; 4]) -> Usage {
        let [prompt, completion, cached, reasoning] = counts;
        Usage { prompt, completion, cached, reasoning }
    }

    #[test]
    fn every_apis_names_are_read() {
        for (object, wanted) in [
            (
                r#"{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21,
                    "prompt_tokens_details":{"audio_tokens":0,"cached_tokens":4},
                    "completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}"#,
                [Some(9), Some(12), Some(4), Some(0)],
            ),
            (
                r#"{"input_tokens":36,"input_tokens_details":{"cached_tokens":0},"output_tokens":87,
                    "output_tokens_details":{"reasoning_tokens":64},"total_tokens":123}"#,
                [Some(36), Some(87), Some(0), Some(64)],
            ),
            (r#"{"prompt_tokens":8,"total_tokens":8}"#, [Some(8), None, None, None]),
            (
                r#"{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12,
                    "prompt_tokens_details":null}"#,
                [Some(5), Some(7), None, None],
            ),
        ] {
            assert_eq!(Usage::read(object.as_bytes()), usage(wanted), "{object}");
        }
    }

    #[test]
    fn nonsense_is_unknown() {
        for object in [
            "",
            "7",
            "null",
            "[]",
            "{}",
            r#"{"prompt_tokens":-1,"completion_tokens":"12"}"#,
            r#"{"prompt_tokens":1.5,"completion_tokens":1e3}"#,
            r#"{"prompt_tokens":9007199254740993,"completion_tokens":99999999999999999999}"#,
            r#"{"prompt_tokens":null,"completion_tokens_details":7}"#,
            r#"{"prompt_tokens_details":{"cached_tokens":true}}"#,
            r#"{"prompt_tokens":"#,
        ] {
            assert!(!Usage::read(object.as_bytes()).is_known(), "{object}");
        }
        let most = Usage::read(br#"{"prompt_tokens":9007199254740992}"#);
        assert_eq!(most.prompt, Some(1 << 53));
    }
}
