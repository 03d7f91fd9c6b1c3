//! The little language of the arguments: `20/s`, `eastus=600k`, `eastus@3m..5m`.

use std::str::FromStr;

use crate::simulate::plan::{Announces, Span};
use spillway::config::{Problem, duration, quoted};
use spillway::time::Millis;

/// Calls a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate(pub f64);

/// A number of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount(pub u64);

/// Something of one backend, or of every one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Of<T> {
    pub backend: Option<String>,
    pub what: T,
}

/// Something for a while.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct During<T> {
    pub what: T,
    pub span: Span,
}

/// What can be said of a backend.
pub(super) trait Word: Sized {
    fn read(text: &str) -> Result<Self, String>;
}

impl Word for Amount {
    fn read(text: &str) -> Result<Self, String> {
        amount(text).map(Self)
    }
}

impl Word for Millis {
    fn read(text: &str) -> Result<Self, String> {
        duration(text)
    }
}

impl Word for Announces {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "exact" => Ok(Self::Exact),
            "seconds" => Ok(Self::Seconds),
            "nothing" => Ok(Self::Nothing),
            _ => Err(format!("{} is none of `exact`, `seconds` and `nothing`", quoted(text))),
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write a number and `/s` or `/m`, such as `20/s`".to_owned();
        let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
        let per = match unit {
            "s" => 1.0,
            "m" | "min" => 60.0,
            _ => return Err(wrong()),
        };
        let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let rate = number.parse::<f64>().ok().filter(|_| plain).ok_or_else(wrong)? / per;
        if rate > MOST_CALLS {
            return Err(format!("at most {MOST_CALLS} calls a second are played"));
        }
        Ok(Self(rate))
    }
}

impl<T: Word> FromStr for Of<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (backend, what) = match text.rsplit_once('=') {
            Some((backend, what)) => (Some(backend.to_owned()), what),
            None => (None, text),
        };
        Ok(Self { backend, what: T::read(what)? })
    }
}

impl<T: FromStr<Err: ToString>> FromStr for During<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write `@` and two times of the run after it, such as `@3m..5m`".to_owned();
        let (what, times) = text.rsplit_once('@').ok_or_else(wrong)?;
        let (from, to) = times.split_once("..").ok_or_else(wrong)?;
        let from = if matches!(from, "0" | "0s") { Millis(0) } else { duration(from)? };
        let span = Span { from, to: duration(to)? };
        if span.to <= span.from {
            return Err(format!("{} ends before it begins", quoted(times)));
        }
        Ok(Self { what: what.parse().map_err(|error: T::Err| error.to_string())?, span })
    }
}

/// `600000`, `600k` or `2M`.
fn amount(text: &str) -> Result<u64, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(unit_at).unwrap_or((text, ""));
    let factor: u64 = match unit {
        "" => 1,
        "k" => 1000,
        "M" => 1_000_000,
        _ => 0,
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    number.filter(|number| (1..=MOST_TOKENS).contains(number)).ok_or_else(|| {
        "write a whole number of tokens, such as `600000`, `600k` or `2M`".to_owned()
    })
}

/// A number of tokens, or a range of it.
pub(super) fn tokens(text: &str) -> Result<(u64, u64), String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let (least, most) = (amount(least)?, amount(most)?);
    if most < least {
        return Err(format!("{} ends before it begins", quoted(text)));
    }
    Ok((least, most))
}

pub(super) fn duration(text: &str) -> Result<Millis, String> {
    duration::parse(text).map_err(|problem| one_line(&problem))
}

/// A problem where there is no room for its hint on a line of its own.
pub(super) fn one_line(problem: &Problem) -> String {
    let Problem { message, hint, .. } = problem;
    if hint.is_empty() { message.clone() } else { format!("{message}; {hint}") }
}

/// More than any gateway sees, and than can be played while someone waits.
const MOST_CALLS: f64 = 100_000.0;

/// Far from where sums overflow.
const MOST_TOKENS: u64 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_amounts_are_read_as_they_are_written() {
        let rate = |text: &str| text.parse().map(|Rate(rate)| rate);
        assert_eq!(["20/s", "90/m", "0.5/s"].map(rate), [Ok(20.0), Ok(1.5), Ok(0.5)]);
        for text in ["20", "/s", "-1/s", "1e3/s", "20/h", "inf/s", "NaN/s", "1000000/s"] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert_eq!(["7", "600k", "2M"].map(amount), [Ok(7), Ok(600_000), Ok(2_000_000)]);
        for text in ["", "0", "k", "1.5M", "2m", "-1", "99999999999999999999", "2000000M"] {
            assert!(amount(text).is_err(), "{text}");
        }
        assert_eq!(tokens("200..3k"), Ok((200, 3000)));
        assert_eq!(tokens("1k"), Ok((1000, 1000)));
        assert!(tokens("3..2").is_err());
    }

    #[test]
    fn what_is_said_of_a_backend_or_of_all() {
        let of = |text: &str| text.parse::<Of<Amount>>().map(|of| (of.backend, of.what.0));
        assert_eq!(of("eastus=2M"), Ok((Some("eastus".into()), 2_000_000)));
        assert_eq!(of("5"), Ok((None, 5)));
        assert!(of("eastus=").is_err());
        assert_eq!("exact".parse::<Of<Announces>>().unwrap().what, Announces::Exact);
        assert!("eastus=Exact".parse::<Of<Announces>>().is_err());
    }

    #[test]
    fn times_of_the_run_have_an_order() {
        let span = |text: &str| text.parse::<During<String>>().map(|during| during.span);
        assert_eq!(span("a@0..90s"), Ok(Span { from: Millis(0), to: Millis(90_000) }));
        for text in ["a", "a@3m", "a@5m..3m", "a@3m..3m", "a@..3m", "a@3..5"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
