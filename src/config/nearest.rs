//! "Did you mean": the known word nearest to what was written.

/// The nearest of the known words, where one is near enough to be meant.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written: Vec<char> = written.chars().take(LONGEST + 1).collect();
    if written.len() > LONGEST {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for word in known {
        let far = (written.len().max(word.len()) / 3).max(1);
        let limit = best.map_or(far, |(distance, _)| far.min(distance.saturating_sub(1)));
        if let Some(distance) = distance_within(&written, word, limit) {
            best = Some((distance, word));
        }
    }
    best.map(|(_, word)| word)
}

/// Longer words are not compared.
const LONGEST: usize = 64;

/// The number of letters to insert, remove or replace (Levenshtein), where it is within the limit.
fn distance_within(from: &[char], to: &str, limit: usize) -> Option<usize> {
    if from.len().abs_diff(to.chars().count()) > limit {
        return None;
    }
    let mut row: Vec<usize> = (0..=from.len()).collect();
    for (i, wanted) in to.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut smallest = left;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, letter) in row.iter_mut().skip(1).zip(from) {
            let replaced = diagonal + usize::from(*letter != wanted);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
            smallest = smallest.min(left);
        }
        if smallest > limit {
            return None;
        }
    }
    row.last().copied().filter(|&distance| distance <= limit)
}

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
    }
}
