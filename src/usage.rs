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

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::observation::Pace;
use crate::time::Millis;

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

    /// How fast an answer came whose first content was so long ago, if it has reported what it was.
    pub fn pace(&self, within: Millis) -> Option<Pace> {
        let visible = self.completion?.saturating_sub(self.reasoning.unwrap_or(0));
        let tokens = visible.checked_sub(1).filter(|tokens| *tokens > 0)?;
        Some(Pace { tokens, within })
    }

    /// Reads a `usage` object, whatever its API. What is missing in it, or is no count of tokens, is
    /// unknown.
    pub fn read(object: &[u8]) -> Self {
        let all = Object::read(object);
        let prompts = [all.prompt_tokens_details, all.input_tokens_details].map(Object::within);
        let completions =
            [all.completion_tokens_details, all.output_tokens_details].map(Object::within);
        Self {
            prompt: first([all.prompt_tokens, all.input_tokens]),
            completion: first([all.completion_tokens, all.output_tokens]),
            cached: first(prompts.map(|details| details.cached_tokens)),
            reasoning: first(completions.map(|details| details.reasoning_tokens)),
        }
    }
}

/// A `usage` object or its details as they are written, under the names of all APIs. The values are
/// looked at one by one: an odd one spoils no other.
#[derive(Default, Clone, Copy, Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    prompt_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    completion_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt_tokens_details: Option<&'a RawValue>,
    #[serde(borrow)]
    input_tokens_details: Option<&'a RawValue>,
    #[serde(borrow)]
    completion_tokens_details: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens_details: Option<&'a RawValue>,
    #[serde(borrow)]
    cached_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_tokens: Option<&'a RawValue>,
}

impl<'a> Object<'a> {
    fn read(object: &'a [u8]) -> Self {
        serde_json::from_slice(object).unwrap_or_default()
    }

    fn within(object: Option<&'a RawValue>) -> Self {
        object.map(|object| Self::read(object.get().as_bytes())).unwrap_or_default()
    }
}

/// The first of these that is a count of tokens. What is negative, a fraction, or more than a double
/// can count, is none.
fn first(values: [Option<&RawValue>; 2]) -> Option<u64> {
    let count = |value: &RawValue| value.get().parse().ok().filter(|count| *count <= MOST);
    values.into_iter().flatten().find_map(count)
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
