//! Sizes in bytes as a person writes them: `500KiB`, `20MB`, `1048576`.

#![warn(clippy::arithmetic_side_effects)]

use super::{Problem, quoted};

/// The largest size: the filter's memory is counted in 32 bits.
pub const LARGEST: u64 = 1 << 30;

/// The number of bytes that the text says.
pub fn parse(text: &str) -> Result<u64, Problem> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(unit_at).unwrap_or((text, ""));
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let Some(factor) = factor.filter(|_| !digits.is_empty()) else {
        return Err(Problem::new(
            "",
            format!("{} is not a size", quoted(text)),
            "write a whole number and `KiB`, `MiB`, `KB` or `MB`, such as `32MiB`",
        ));
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    limited(bytes.unwrap_or(u64::MAX))
}

/// The number of bytes, where a request body may be so long.
pub fn limited(bytes: u64) -> Result<u64, Problem> {
    match bytes {
        ..=LARGEST => Ok(bytes),
        _ => Err(Problem::new("", "the size is too large", "the largest is `1GiB`")),
    }
}

const UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        let sizes = ["500KiB", "20MB", "1048576", "32MiB", "1GiB", "7B", "0"].map(parse);
        let bytes = [512_000, 20_000_000, 1_048_576, 33_554_432, 1 << 30, 7, 0];
        assert_eq!(sizes, bytes.map(Ok));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "MiB", "1.5MB", "-1", "20mb", "20 MB", "1TB"] {
            assert!(parse(text).unwrap_err().message.ends_with("is not a size"), "{text}");
        }
        for text in ["2GiB", "99999999999999999999", "18446744073709551615GiB"] {
            assert_eq!(parse(text).unwrap_err().message, "the size is too large", "{text}");
        }
    }
}
