//! The time that an error announces in its own members or words: "Please retry after 26 seconds."
//!
//! An error inside of a 200 has no headers of its own, so what Azure and OpenAI write into the
//! message of their 429 is often all there is.

#![warn(clippy::arithmetic_side_effects)]

use serde_json::Value;

use crate::retry_after::SOON;
use crate::time::Millis;

/// Returns the time after which this error wants to be asked again, where it says one. Zero says
/// "soon", as in headers.
pub(super) fn retry_after(error: &Value) -> Option<Millis> {
    let member = |name: &str, scale: f64| match error.get(name)? {
        Value::Number(number) => span_of(number.as_f64()?, scale),
        Value::String(text) => span_of(text.trim().parse().ok()?, scale),
        _ => None,
    };
    let message = || error.as_str().or_else(|| error.get("message")?.as_str());
    let said = [
        member("retry_after_ms", 1.0),
        member("retry_after", SECOND),
        message().and_then(in_words),
    ];
    let zero = said.contains(&Some(Millis(0))).then_some(SOON);
    said.into_iter().flatten().find(|wait| *wait > Millis(0)).or(zero)
}

fn span_of(number: f64, scale: f64) -> Option<Millis> {
    if number == 0.0 { Some(Millis(0)) } else { Millis::of_units(number, scale) }
}

/// Returns the time that follows the first words that announce one. It may be zero.
pub(super) fn in_words(text: &str) -> Option<Millis> {
    let text = text.to_ascii_lowercase();
    BEFORE.iter().find_map(|words| span(text.split_once(words)?.1))
}

/// Reads `26 seconds`, `1.5s`, `120ms`, `6m0s`, `7`.
fn span(text: &str) -> Option<Millis> {
    let mut total = None;
    let mut rest = text.trim_start_matches([' ', ':']);
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(digits)?;
        // The last point may end the sentence.
        let Ok(number) = number.trim_end_matches('.').parse() else { return total };
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let scale = match unit {
            "ms" | "millisecond" | "milliseconds" => 1.0,
            "m" | "min" | "minute" | "minutes" => 60.0 * SECOND,
            "h" | "hour" | "hours" => 3600.0 * SECOND,
            "d" | "day" | "days" => 24.0 * 3600.0 * SECOND,
            _ => SECOND,
        };
        let more = Millis::of_units(number, scale).unwrap_or_default();
        total = Some(Millis(total.unwrap_or_default().0.saturating_add(more.0)));
        rest = after;
    }
}

const SECOND: f64 = 1000.0;

const BEFORE: [&str; 5] =
    ["retry after", "retry-after", "try again in", "retry in", "try again after"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::test;

    #[test]
    fn the_words_of_azure_and_openai_are_read() {
        for (text, wanted) in [
            ("Requests have exceeded the limit. Please retry after 26 seconds. Go to", 26_000),
            ("Please retry after 1 second.", 1000),
            ("Rate limit reached for gpt-4o. Please try again in 1.5s. Visit", 1500),
            ("Please try again in 120ms.", 120),
            ("Please try again in 6m0s.", 360_000),
            ("Please try again in 1h2m3.5s", 3_723_500),
            ("Retry after 2 minutes", 120_000),
            ("retry-after: 7", 7000),
            ("Try again in 86400.", 86_400_000),
            ("Please retry after 0 seconds.", 0),
        ] {
            assert_eq!(in_words(text), Some(Millis(wanted)), "{text}");
        }
    }

    #[test]
    fn what_announces_nothing_is_none() {
        for text in ["", "slow down", "retry after", "retry after a while", "7"] {
            assert_eq!(in_words(text), None, "{text}");
        }
    }

    #[test]
    fn members_come_before_words() {
        let error = json!({ "retry_after_ms": 250, "retry_after": 9, "message": "retry after 5" });
        assert_eq!(retry_after(&error), Some(Millis(250)));
        let error = json!({ "retry_after": "1.5", "message": "retry after 5" });
        assert_eq!(retry_after(&error), Some(Millis(1500)));
        let error = json!({ "retry_after": null, "message": "retry after 5" });
        assert_eq!(retry_after(&error), Some(Millis(5000)));
        assert_eq!(retry_after(&json!("retry in 2s")), Some(Millis(2000)));
        assert_eq!(retry_after(&json!({ "retry_after": -1, "message": 7 })), None);
        assert_eq!(retry_after(&json!({ "retry_after": 0, "message": "slow down" })), Some(SOON));
        let error = json!({ "retry_after": 0, "message": "retry after 5" });
        assert_eq!(retry_after(&error), Some(Millis(5000)));
    }
}
