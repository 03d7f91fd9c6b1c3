//! Why something went wrong at a backend: an attempt's result, or an answer that broke off.

use crate::observation::{AttemptResult, Outcome};

/// Why something went wrong at a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// An attempt came to this.
    Attempt(AttemptResult),
    /// An answer that had begun well was not finished.
    Broken,
}

impl Cause {
    /// Its word, on the status page and in `spillway top`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Attempt(result) => result.word(),
            Self::Broken => Outcome::Broken.word(),
        }
    }

    /// Its number among the bytes that workers share: 0 is [`Self::Broken`].
    pub(super) fn number(self) -> u64 {
        let of = |result| AttemptResult::ALL.iter().zip(1..).find(|(one, _)| **one == result);
        match self {
            Self::Attempt(result) => of(result).map_or(0, |(_, number)| number),
            Self::Broken => 0,
        }
    }

    /// The cause with this number, if one has it.
    pub(super) fn numbered(number: u64) -> Option<Self> {
        let Some(at) = number.checked_sub(1) else { return Some(Self::Broken) };
        AttemptResult::ALL.get(usize::try_from(at).ok()?).map(|result| Self::Attempt(*result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn each_cause_has_a_number_of_its_own() {
        let attempts = AttemptResult::ALL.map(Cause::Attempt);
        for cause in attempts.into_iter().chain([Cause::Broken]) {
            assert_eq!(Cause::numbered(cause.number()), Some(cause));
        }
        assert_eq!(Cause::numbered(9), None);
        assert_eq!(Cause::numbered(u64::MAX), None);
    }
}
