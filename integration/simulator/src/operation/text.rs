//! The text of an answer.
//!
//! It tells where it was written, so that a test can see in the answer itself which
//! region and deployment a gateway chose, and repeats a little of what was asked.

use serde_json::Value;

use crate::operation::Call;

/// An answer to `said`, at least `call.chunks` characters long.
pub(crate) fn reply(call: Call<'_>, said: &str) -> String {
    let config = &call.state.config;
    let said: String = said.chars().take(QUOTED).collect();
    let mut text = format!(
        "Hello from {} in {} ({}), running {}. You said: {said}",
        call.deployment.name, config.display_name, config.name, call.deployment.model
    );
    let missing = call.chunks.saturating_sub(text.chars().count());
    text.extend(std::iter::repeat_n('.', missing));
    text
}

/// The text cut to `max_tokens`, and why it ends.
pub(crate) fn clip(text: String, max_tokens: Option<u64>) -> (String, &'static str) {
    let most = max_tokens
        .and_then(|tokens| usize::try_from(tokens.saturating_mul(4)).ok())
        .unwrap_or(usize::MAX);
    if text.chars().count() <= most {
        return (text, "stop");
    }
    (text.chars().take(most).collect(), "length")
}

/// `text` in at most `count` pieces of nearly equal length.
pub(crate) fn pieces(text: &str, count: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let total = characters.len();
    let count = count.min(total).max(1);
    (0..count)
        .map(|index| {
            let start = index * total / count;
            let end = (index + 1) * total / count;
            characters.iter().skip(start).take(end - start).collect()
        })
        .collect()
}

/// The last text in `value`: of the last message, of its last part.
pub(crate) fn last_text(value: &Value) -> &str {
    match value {
        Value::String(text) => text,
        Value::Array(items) => items.last().map_or("", last_text),
        Value::Object(fields) => ["content", "text", "output"]
            .iter()
            .find_map(|name| fields.get(*name))
            .map_or("", last_text),
        _ => "",
    }
}

const QUOTED: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_put_together_are_the_text() {
        for count in [1, 3, 7, 100] {
            assert_eq!(pieces("Grüße, Welt", count).concat(), "Grüße, Welt");
        }
        assert_eq!(pieces("abcdefgh", 3).len(), 3);
    }

    #[test]
    fn a_clipped_text_says_so() {
        assert_eq!(clip("abcdefgh".into(), Some(1)), ("abcd".into(), "length"));
        assert_eq!(clip("abcd".into(), Some(1)), ("abcd".into(), "stop"));
        assert_eq!(clip("abcd".into(), None), ("abcd".into(), "stop"));
    }

    #[test]
    fn the_last_part_of_the_last_message_counts() {
        let messages = serde_json::json!([
            { "role": "user", "content": "first" },
            { "role": "user", "content": [{ "type": "text", "text": "last" }] }
        ]);
        assert_eq!(last_text(&messages), "last");
    }
}
