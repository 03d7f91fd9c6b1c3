//! The objects and lists that are open: a bit each.

/// What holds values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An object.
    Object,
    /// A list.
    List,
}

/// All that are open.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nesting {
    depth: usize,
    /// The innermost, up to 64: the lowest bit is the innermost, and is set for a list.
    inner: u64,
    /// The others, 64 each. Only nonsense has any.
    outer: Vec<u64>,
}

impl Nesting {
    /// None is open.
    pub(super) const fn new() -> Self {
        Self { depth: 0, inner: 0, outer: Vec::new() }
    }

    /// How many are open.
    pub(crate) const fn depth(&self) -> usize {
        self.depth
    }

    /// The innermost, if one is open.
    pub(crate) const fn innermost(&self) -> Option<Kind> {
        match (self.depth, self.inner & 1) {
            (0, _) => None,
            (_, 0) => Some(Kind::Object),
            _ => Some(Kind::List),
        }
    }

    pub(super) fn open(&mut self, kind: Kind) {
        if self.depth != 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.inner);
        }
        self.inner = self.inner << 1 | u64::from(kind == Kind::List);
        self.depth = self.depth.saturating_add(1);
    }

    /// Closes the innermost, if one is open.
    pub(crate) fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.inner >>= 1;
        if self.depth != 0 && self.depth.is_multiple_of(64) {
            self.inner = self.outer.pop().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn what_was_opened_last_is_closed_first() {
        let mut nesting = Nesting::new();
        let kind = |at: usize| if at % 3 == 1 { Kind::List } else { Kind::Object };
        for most in [0, 1, 63, 64, 65, 128, 200] {
            for at in 0..most {
                nesting.open(kind(at));
            }
            for at in (0..most).rev() {
                assert_eq!((nesting.innermost(), nesting.depth()), (Some(kind(at)), at + 1));
                nesting.close();
            }
            nesting.close();
            assert_eq!((nesting.innermost(), nesting.depth()), (None, 0));
        }
    }
}
