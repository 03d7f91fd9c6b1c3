//! Names that some readers take for the same.
//!
//! Go's `encoding/json` and .NET's readers take `Model` for `model`, and Go's second version, where it
//! is told so, also `mod_el`. A client that writes both has two readings. So names are compared here
//! as the most generous of them do: without case, by Unicode's rules (`ſ` is an `s` to Go, U+212A a
//! `k`), and without `_` and `-`.

/// Returns `true` if a reader may take one name for the other. A name that is looked for is ASCII.
pub(super) fn folds(one: &str, other: &str) -> bool {
    folded(one).eq(folded(other))
}

/// A name as generous readers compare it, as far as it could be one in ASCII.
pub(super) fn folded(name: &str) -> impl Iterator<Item = char> + '_ {
    let letters = name.chars().filter(|letter| !matches!(letter, '_' | '-'));
    letters.flat_map(|letter| {
        let known = IN_ASCII.iter().find(|(other, _)| *other == letter);
        let (letter, rest) = match known.and_then(|(_, ascii)| ascii.split_at_checked(1)) {
            Some((first, rest)) => (first.chars().next().unwrap_or(letter), rest),
            None => (letter.to_ascii_lowercase(), ""),
        };
        [letter].into_iter().chain(rest.chars())
    })
}

/// The letters beyond ASCII that are letters of ASCII, in one case or the other. All of Unicode's
/// tables of letters are 20 KB, for these few.
const IN_ASCII: [(char, &str); 13] = [
    ('\u{df}', "ss"),
    ('\u{130}', "i"),
    ('\u{131}', "i"),
    ('\u{17f}', "s"),
    ('\u{1e9e}', "ss"),
    ('\u{212a}', "k"),
    ('\u{fb00}', "ff"),
    ('\u{fb01}', "fi"),
    ('\u{fb02}', "fl"),
    ('\u{fb03}', "ffi"),
    ('\u{fb04}', "ffl"),
    ('\u{fb05}', "st"),
    ('\u{fb06}', "st"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn a_name_folds_as_the_most_generous_reader_folds_it() {
        for (one, other) in [
            ("model", "model"),
            ("Model", "model"),
            ("MODEL", "model"),
            ("mod_el", "model"),
            ("-Model_", "model"),
            ("ſeſſion", "session"),
            ("se\u{df}ion", "session"),
            ("tool\u{17f}", "tools"),
            ("\u{212a}ey", "key"),
            ("sess\u{131}on", "session"),
            ("sess\u{130}on", "session"),
        ] {
            assert!(folds(one, other), "{one}");
        }
        for other in ["models", "mode", "model ", "base_model", "m\u{f6}del", "", "\u{ff4d}odel"] {
            assert!(!folds(other, "model"), "{other}");
        }
    }

    #[test]
    fn every_letter_that_folds_to_ascii_is_known() {
        for letter in '\u{80}'..=char::MAX {
            // Up and down again: `ſ` has the capital S, and that is the capital of `s`. The small letter
            // of the Turkish `İ` would be two characters.
            let all: String = letter.to_uppercase().flat_map(char::to_lowercase).collect();
            let all = if letter == '\u{130}' { "i".to_owned() } else { all };
            let text = letter.to_string();
            let ours: String = folded(&text).collect();
            assert!(!all.is_ascii() || all == ours, "{letter:?} is {all}, not {ours}");
        }
    }

    /// The search through long bodies relies on it: it looks for ASCII letters and for escapes of
    /// characters below U+0100 only.
    #[test]
    fn no_other_letter_folds_to_one_of_model() {
        let strange = ('\u{80}'..=char::MAX).find(|letter| {
            folded(letter.encode_utf8(&mut [0; 4])).all(|same| "model".contains(same))
        });
        assert_eq!(strange, None);
    }
}
