//! What became of the input, for the person who has to trust the result.
//!
//! Everything that was read ends in one of the lists, with its place in the JSON; equal remarks are
//! said once, with all of their places. A value that could be a key is never repeated.

use std::fmt;

use spillway::config::Problem;

/// What was taken over, what differs, what has no counterpart, and what is left to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    taken: Vec<Remark>,
    differs: Vec<Remark>,
    without: Vec<Remark>,
    absent: Vec<Remark>,
    unread: Vec<Remark>,
    variables: Vec<(String, String)>,
}

/// The same remark on one or more places.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Remark {
    paths: Vec<String>,
    message: String,
    hint: String,
}

impl Report {
    /// This stands in the configuration, with the same meaning.
    pub(super) fn taken(&mut self, path: &str, message: impl Into<String>) {
        add(&mut self.taken, path, message.into(), "");
    }

    /// This stands in the configuration, and does not mean quite the same.
    pub(super) fn differs(&mut self, path: &str, message: impl Into<String>, hint: &str) {
        add(&mut self.differs, path, message.into(), hint);
    }

    /// This does not stand in the configuration.
    pub(super) fn without(&mut self, path: &str, message: impl Into<String>, hint: &str) {
        add(&mut self.without, path, message.into(), hint);
    }

    /// This is no backend. Only kinds of Microsoft's are named, and a whole export is full of them.
    pub(super) fn unread(&mut self, path: &str, kind: &str) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "./".contains(c);
        let named = kind.starts_with("Microsoft.") && kind.chars().all(plain);
        let message = if named { format!("a `{kind}`: not read") } else { NOT_READ.to_owned() };
        let hint = if kind.to_ascii_lowercase().ends_with("/policies") { POLICIES } else { "" };
        add(&mut self.unread, path, message, hint);
    }

    /// A gateway needs this, and the input does not say it.
    pub(super) fn absent(&mut self, field: &str, message: impl Into<String>, hint: &str) {
        add(&mut self.absent, field, message.into(), hint);
    }

    /// A variable of the environment that the configuration refers to, and what belongs into it.
    pub(super) fn variable(&mut self, name: &str, content: String) {
        match self.variables.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) if *known != content => *known = format!("{known}; {content}"),
            Some(_) => {}
            None => self.variables.push((name.to_owned(), content)),
        }
    }
}

impl Remark {
    /// All places, or the first and how many more.
    fn places(&self, short: bool) -> String {
        match self.paths.as_slice() {
            [first, more @ ..] if short && !more.is_empty() => {
                format!("{first} and {} more", more.len())
            }
            all => all.join(", "),
        }
    }
}

fn add(remarks: &mut Vec<Remark>, path: &str, message: String, hint: &str) {
    let same = |remark: &&mut Remark| remark.message == message && remark.hint == hint;
    match remarks.iter_mut().find(same) {
        Some(remark) if remark.paths.iter().any(|known| known == path) => {}
        Some(remark) => remark.paths.push(path.to_owned()),
        None => {
            remarks.push(Remark { paths: vec![path.to_owned()], message, hint: hint.to_owned() });
        }
    }
}

impl fmt::Display for Report {
    /// A heading for each list that holds something, and a line for each remark.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("taken over", &self.taken),
            ("differs", &self.differs),
            ("has no counterpart", &self.without),
            ("not read", &self.unread),
            ("not in the input", &self.absent),
        ];
        let mut gap = "";
        for (heading, remarks) in lists.into_iter().filter(|(_, remarks)| !remarks.is_empty()) {
            writeln!(f, "{gap}{heading}")?;
            gap = "\n";
            for remark in remarks {
                let place = remark.places(std::ptr::eq(remarks, &self.unread));
                let problem = Problem::new(place, remark.message.clone(), remark.hint.clone());
                for line in problem.to_string().lines() {
                    writeln!(f, "  {line}")?;
                }
            }
        }
        if !self.variables.is_empty() {
            writeln!(f, "{gap}to put into the environment")?;
            for (name, content) in &self.variables {
                writeln!(f, "  {name}: {content}")?;
            }
        }
        Ok(())
    }
}

const NOT_READ: &str = "no backend: not read";
const POLICIES: &str = "policies say what is retried and which pool a request goes to: set `retry` and the names of `models`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_remarks_are_said_once() {
        let mut report = Report::default();
        report.without("a.tls", "no counterpart", "do this");
        report.without("b.tls", "no counterpart", "do this");
        report.taken("a.url", "backend `a`");
        report.variable("A_KEY", "the key of `a`".into());
        report.variable("A_KEY", "the key of `a`".into());
        let expected = "taken over\n  a.url: backend `a`\n\nhas no counterpart\n  a.tls, b.tls: no counterpart\n    hint: do this\n\nto put into the environment\n  A_KEY: the key of `a`\n";
        assert_eq!(report.to_string(), expected);
    }
}
