//! Shares as a person writes them: `50%`.

#![warn(clippy::arithmetic_side_effects)]

use super::{Problem, quoted};

/// The whole number of percent that the text says, from `from` to 100.
pub fn parse(text: &str, from: u32) -> Result<u32, Problem> {
    let digits = text.strip_suffix('%').map(str::trim_end);
    let number = digits.and_then(|digits| digits.parse().ok());
    number.filter(|percent| (from..=100).contains(percent)).ok_or_else(|| {
        let message = format!("{} is not a share from {from}% to 100%", quoted(text));
        Problem::new("", message, "write a whole number and `%`, such as `50%`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn shares_are_read_as_they_are_written() {
        assert_eq!(
            ["1%", "50%", "100%", "20 %"].map(|text| parse(text, 1)),
            [Ok(1), Ok(50), Ok(100), Ok(20)]
        );
        assert_eq!(parse("0%", 0), Ok(0));
        for text in ["0%", "101%", "50", "0.5", "%", "", "-1%", "half"] {
            assert!(parse(text, 1).is_err(), "{text}");
        }
    }
}
