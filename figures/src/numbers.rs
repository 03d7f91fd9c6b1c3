//! Numbers as text.

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The three digits that mean something, or all before the point: `1.23`, `45.7`, `1,234`.
pub fn rounded(value: f64) -> String {
    match value {
        small if small < 10.0 => format!("{small:.2}"),
        middle if middle < 100.0 => format!("{middle:.1}"),
        large => grouped(large.round() as u64),
    }
}

/// A mark of a scale: a round number, without decimals that say nothing.
pub(crate) fn mark(value: f64) -> String {
    if value >= 1000.0 {
        return grouped(value.round() as u64);
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let all = [0, 999, 1000, 12_345, 1_234_567].map(grouped);
        assert_eq!(all, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn numbers_are_short_and_readable() {
        let all = [1.234, 45.67, 999.6, 1234.0, 1_234_567.0].map(rounded);
        assert_eq!(all, ["1.23", "45.7", "1,000", "1,234", "1,234,567"]);
    }

    #[test]
    fn marks_have_the_decimals_that_they_need() {
        let all = [0.0, 0.001, 3.0 * 0.2, 2.5, 100.0, 10_000.0].map(mark);
        assert_eq!(all, ["0", "0.001", "0.6", "2.5", "100", "10,000"]);
    }
}
