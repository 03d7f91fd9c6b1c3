//! A path that the configuration opens besides those of the known operations (`paths.allow`).

use std::borrow::Cow;

use super::Problem;
use crate::target::path::segments;

/// One path, or all below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedPath {
    segments: Vec<String>,
    below: bool,
}

impl AllowedPath {
    /// Reads `/a/b`, or `/a/b/*` for all below it.
    ///
    /// # Errors
    /// It is no path that can be read in one way only.
    pub fn read(text: &str) -> Result<Self, Problem> {
        let hint = "write it like `/openai/new`, or `/openai/new/*` for all paths below it";
        let (path, below) = match text.strip_suffix("/*") {
            Some("") => ("/", true),
            Some(path) => (path, true),
            None => (text, false),
        };
        let found = segments(path.as_bytes())
            .map_err(|why| Problem::new("", format!("the path {}", why.text()), hint))?;
        if path.contains(['?', '*']) || (found.is_empty() && !below) {
            return Err(Problem::new("", "the path is not one that can be opened", hint));
        }
        Ok(Self { segments: found.into_iter().map(Cow::into_owned).collect(), below })
    }

    /// Whether a path with these segments, decoded, is opened. Case matters.
    pub fn covers(&self, path: &[Cow<'_, str>]) -> bool {
        let begins = path.iter().zip(&self.segments).all(|(found, own)| found == own);
        let (length, own) = (path.len(), self.segments.len());
        begins && if self.below { length > own } else { length == own }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn covers(allowed: &str, path: &str) -> bool {
        let path = segments(path.as_bytes()).expect("a path");
        AllowedPath::read(allowed).expect("a path").covers(&path)
    }

    #[test]
    fn a_path_or_all_below_it_is_opened() {
        assert!(covers("/a/b", "/a/b") && covers("/a/b", "//a/%62/"));
        assert!(covers("/a/*", "/a/b") && covers("/a/*", "/a/b/c") && covers("/*", "/x"));
        for path in ["/a", "/ab", "/A/b", "/"] {
            assert!(!covers("/a/*", path), "{path}");
        }
        assert!(!covers("/a/b", "/a/b/c"));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", "a", "/", "/a/../b", "/a*", "/a/*/b", "/a?b", "/a;b"] {
            assert!(AllowedPath::read(text).is_err(), "{text}");
        }
    }
}
