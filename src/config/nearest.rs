//! "Did you mean": the known word nearest to what was written.

use strsim::levenshtein;

/// The nearest of the known words, where one is near enough to be meant: no more than a third of the
/// letters are wrong. Of two that are equally near it is the first.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = written.chars().take(LONGEST + 1).count();
    if letters > LONGEST {
        return None;
    }
    let near = |word: &'a str| {
        let length = word.chars().count();
        let most = (letters.max(length) / 3).max(1);
        // One that is that much longer or shorter is not compared at all.
        let distance = (letters.abs_diff(length) <= most).then(|| levenshtein(written, word))?;
        (distance <= most).then_some((distance, word))
    };
    known.into_iter().filter_map(near).min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// Longer words are not compared: what is written in the file may have any length.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let known = ["backends", "models", "retry", "clients"];
        assert_eq!(nearest("backend", known), Some("backends"));
        assert_eq!(nearest("modles", known), Some("models"));
        assert_eq!(nearest("Retry", known), Some("retry"));
        assert_eq!(nearest("weather", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }

    #[test]
    fn the_nearest_wins() {
        assert_eq!(nearest("westus", ["westus3", "eastus", "westus"]), Some("westus"));
        assert_eq!(nearest("westus4", ["eastus", "westus3"]), Some("westus3"));
        assert_eq!(nearest("west", ["vest", "test"]), Some("vest"));
    }
}
