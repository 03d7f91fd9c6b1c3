//! Durations of ISO 8601, as Azure writes them: `PT1M`, `PT1H30M`, `P1D`, `PT0.5S`.
//!
//! Only spans that are always as long: a month and a year are not, and Azure's circuit breakers have
//! no use for them.

#![warn(clippy::arithmetic_side_effects)]

use spillway::config::{Problem, duration};
use spillway::time::Millis;

/// The span that the text says. A problem never repeats the text.
pub(super) fn parse(text: &str) -> Result<Millis, Problem> {
    let millis = parts(text).ok_or_else(|| {
        let hint = "write a duration of ISO 8601 in weeks, days, hours, minutes and seconds, such as `PT1M`";
        Problem::new("", "not a duration that is always as long", hint)
    })?;
    // Spillway's own limits: above zero, and at most a year.
    duration::parse(&Millis(millis).to_string()).map_err(|problem| Problem {
        message: match millis {
            0 => problem.message,
            _ => "the duration is longer than a year".to_owned(),
        },
        hint: String::new(),
        ..problem
    })
}

/// The sum of the parts, in milliseconds.
fn parts(text: &str) -> Option<u64> {
    let upper = text.trim().to_ascii_uppercase();
    let rest = upper.strip_prefix('P')?;
    let (days, time) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((days, time)) => (days, time),
        None if rest.is_empty() => return None,
        None => (rest, ""),
    };
    sum(days, &DAYS)?.checked_add(sum(time, &TIME)?)
}

/// The sum of numbers with units, which stand in order and once each.
fn sum(mut rest: &str, mut units: &[(char, u64)]) -> Option<u64> {
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_uppercase())?;
        let (number, after) = rest.split_at_checked(end)?;
        let at = units.iter().position(|(unit, _)| after.starts_with(*unit))?;
        let (_, factor) = units.get(at)?;
        sum = sum.checked_add(scaled(number, *factor)?)?;
        units = units.get(at.checked_add(1)?..)?;
        rest = after.get(1..)?;
    }
    Some(sum)
}

/// A number, perhaps with a fraction, times a factor; what is less than a millisecond is dropped.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let mut sum = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    if let Ok(part) = fraction.parse::<u64>() {
        let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        sum = sum.checked_add(part.checked_mul(factor)?.checked_div(scale)?)?;
    }
    Some(sum)
}

const DAYS: [(char, u64); 2] = [('W', 7 * 86_400_000), ('D', 86_400_000)];
const TIME: [(char, u64); 3] = [('H', 3_600_000), ('M', 60_000), ('S', 1000)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, millis) in [
            ("PT1M", 60_000),
            ("PT60S", 60_000),
            ("pt1h30m", 5_400_000),
            ("P1D", 86_400_000),
            ("P1DT1S", 86_401_000),
            ("P2W", 14 * 86_400_000),
            ("PT0.5S", 500),
            ("PT1,25S", 1250),
        ] {
            assert_eq!(parse(text), Ok(Millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_span_is_refused_without_repeating_it() {
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "1M",
            "PT1",
            "PTM",
            "P1M",
            "P1Y",
            "PT1S1M",
            "PT1M1M",
            "PTT1S",
            "PT-1S",
            "PT0S",
            "P400D",
            "PT1..5S",
            "PT.5S",
            "é",
            "P99999999999999999999D",
            "hunter2",
        ] {
            let problem = parse(text).unwrap_err();
            assert!(
                !problem.to_string().contains("hunter2") && !problem.message.is_empty(),
                "{text}"
            );
        }
    }
}
