//! Durations as a person writes them: `500ms`, `60s`, `10m`, `1h`.

#![warn(clippy::arithmetic_side_effects)]

use super::{Problem, quoted};
use crate::time::Millis;

/// The span that the text says; never nothing, never more than a year.
pub fn parse(text: &str) -> Result<Millis, Problem> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(unit_at).unwrap_or((text, ""));
    let factor: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" if !digits.is_empty() => {
            return Err(Problem::new(
                "",
                format!("{} has no unit", quoted(text)),
                format!("write {} for seconds", quoted(&format!("{digits}s"))),
            ));
        }
        _ => return Err(not_a_duration(text)),
    };
    if digits.is_empty() {
        return Err(not_a_duration(text));
    }
    match digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)) {
        Some(0) => Err(Problem::new("", "expected a duration above zero, found zero", "")),
        Some(millis) if millis <= LONGEST.0 => Ok(Millis(millis)),
        _ => Err(Problem::new(
            "",
            format!("{} is too long", quoted(text)),
            format!("the longest duration is `{LONGEST}`, a year"),
        )),
    }
}

fn not_a_duration(text: &str) -> Problem {
    Problem::new(
        "",
        format!("{} is not a duration", quoted(text)),
        "write a whole number and `ms`, `s`, `m` or `h`, such as `60s`",
    )
}

const LONGEST: Millis = Millis(365 * 24 * 3_600_000);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn spans_are_read_as_they_are_written() {
        for text in ["1ms", "1500ms", "60s", "10m", "2h", "8760h"] {
            assert!(parse(text).is_ok(), "{text}");
        }
        assert_eq!(parse("90s"), Ok(Millis(90_000)));
        assert_eq!(parse("8760h"), Ok(LONGEST));
    }

    #[test]
    fn what_is_no_span_is_refused() {
        let hint = |text: &str| parse(text).unwrap_err().hint;
        assert_eq!(hint("60"), "write `60s` for seconds");
        assert_eq!(hint("8761h"), "the longest duration is `8760h`, a year");
        assert_eq!(hint("99999999999999999999s"), "the longest duration is `8760h`, a year");
        for text in ["", "s", "-1s", "1.5s", "1 s", "1S", "1d", "1m30s", "é"] {
            assert!(hint(text).starts_with("write a whole number and"), "{text}");
        }
        assert_eq!(parse("0s").unwrap_err().message, "expected a duration above zero, found zero");
    }
}
