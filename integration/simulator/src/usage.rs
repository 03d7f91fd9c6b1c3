//! How many tokens a call is said to use.
//!
//! A gateway that counts tokens needs numbers its tests can foretell, so they follow
//! from the text by rules simple enough to work out by hand:
//!
//! - prompt: all characters of the input, divided by four, rounded up, at least one;
//! - completion: the same of the answer's text, plus 64 reasoning tokens on models
//!   that reason (`o1…`, `o3…`, `o4…`, `gpt-5…`);
//! - cached: from a prompt of 1,024 tokens on, every full block of 128.

use std::ops::AddAssign;

use serde::Serialize;
use serde_json::{Value, json};

/// Tokens of one call, or the sum over several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Tokens of the input, the cached ones included.
    pub prompt: u64,
    /// Tokens of the answer, the reasoning ones included.
    pub completion: u64,
    /// The part of `prompt` that came from the cache.
    pub cached: u64,
    /// The part of `completion` spent on reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// The usage of a call that read `prompt_tokens` and wrote `answer_chars`.
    pub(crate) fn of(prompt_tokens: u64, answer_chars: usize, model: &str) -> Self {
        let reasoning = if reasons(model) { REASONING_TOKENS } else { 0 };
        Self {
            prompt: prompt_tokens,
            completion: tokens(answer_chars).saturating_add(reasoning),
            cached: cached(prompt_tokens),
            reasoning,
        }
    }

    /// The usage of a call that only reads, such as an embedding.
    pub(crate) fn of_input(prompt_tokens: u64) -> Self {
        Self { prompt: prompt_tokens, ..Self::default() }
    }

    /// Prompt and completion together.
    pub fn total(&self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }

    /// The `usage` object of Chat Completions and Completions.
    pub(crate) fn chat_json(&self) -> Value {
        json!({
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.total(),
            "prompt_tokens_details": { "audio_tokens": 0, "cached_tokens": self.cached },
            "completion_tokens_details": {
                "accepted_prediction_tokens": 0,
                "audio_tokens": 0,
                "reasoning_tokens": self.reasoning,
                "rejected_prediction_tokens": 0
            }
        })
    }

    /// The `usage` object of Responses.
    pub(crate) fn responses_json(&self) -> Value {
        json!({
            "input_tokens": self.prompt,
            "input_tokens_details": { "cached_tokens": self.cached },
            "output_tokens": self.completion,
            "output_tokens_details": { "reasoning_tokens": self.reasoning },
            "total_tokens": self.total()
        })
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.prompt = self.prompt.saturating_add(other.prompt);
        self.completion = self.completion.saturating_add(other.completion);
        self.cached = self.cached.saturating_add(other.cached);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
    }
}

/// The tokens of a text with so many characters.
pub(crate) fn tokens(chars: usize) -> u64 {
    (chars as u64).div_ceil(4).max(1)
}

/// All characters a model would read in `value`: every string that is content.
pub(crate) fn input_chars(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.iter().map(input_chars).sum(),
        Value::Object(fields) => {
            CONTENT_FIELDS.iter().filter_map(|name| fields.get(*name)).map(input_chars).sum()
        }
        _ => 0,
    }
}

fn cached(prompt_tokens: u64) -> u64 {
    if prompt_tokens < CACHE_FROM {
        return 0;
    }
    prompt_tokens / CACHE_BLOCK * CACHE_BLOCK
}

fn reasons(model: &str) -> bool {
    REASONING_MODELS.iter().any(|prefix| model.starts_with(prefix))
}

const CONTENT_FIELDS: [&str; 6] = ["content", "text", "input", "output", "arguments", "refusal"];
const REASONING_MODELS: [&str; 4] = ["o1", "o3", "o4", "gpt-5"];
const REASONING_TOKENS: u64 = 64;
const CACHE_FROM: u64 = 1_024;
const CACHE_BLOCK: u64 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_characters_are_one_token() {
        assert_eq!([tokens(0), tokens(4), tokens(5), tokens(400)], [1, 1, 2, 100]);
    }

    #[test]
    fn long_prompts_are_cached_in_blocks() {
        assert_eq!(Usage::of(1_023, 4, "gpt-4o").cached, 0);
        assert_eq!(Usage::of(1_200, 4, "gpt-4o").cached, 1_152);
    }

    #[test]
    fn reasoning_is_part_of_the_completion() {
        let usage = Usage::of(3, 40, "o3-mini");
        assert_eq!((usage.completion, usage.reasoning), (74, 64));
        assert_eq!(Usage::of(3, 40, "gpt-4o").completion, 10);
    }

    #[test]
    fn input_is_counted_whatever_its_form() {
        let messages = json!([
            { "role": "system", "content": "1234" },
            { "role": "user", "content": [{ "type": "text", "text": "äöü" }] }
        ]);
        assert_eq!(input_chars(&messages), 7);
    }
}
