//! Names that Spillway takes, made from names that API Management takes.

use std::collections::BTreeSet;

use spillway::config::name;

/// Names that are given away, each of them once.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: BTreeSet<String>,
    /// Who has which: what asks twice under the same key gets the same name.
    given: Vec<(String, String)>,
}

impl Names {
    /// A backend's name: lower-case letters, digits and `-`, at most 60 characters.
    pub(super) fn backend(&mut self, from: &str) -> String {
        let mut plain = String::new();
        for c in from.chars() {
            match c.to_ascii_lowercase() {
                c if c.is_ascii_alphanumeric() => plain.push(c),
                _ if plain.is_empty() || plain.ends_with('-') => {}
                _ => plain.push('-'),
            }
        }
        let plain = plain.trim_end_matches('-');
        let plain = if plain.is_empty() { "backend" } else { plain };
        self.free(|number| {
            let end = if number == 1 { String::new() } else { format!("-{number}") };
            let room = 60 - end.len().min(60);
            let start = plain.get(..room).unwrap_or(plain).trim_end_matches('-');
            format!("{start}{end}")
        })
    }

    /// A variable's name for whatever `key` stands for, made from this text.
    pub(super) fn variable(&mut self, key: &str, from: &str) -> String {
        if let Some((_, name)) = self.given.iter().find(|(known, _)| known == key) {
            return name.clone();
        }
        let inner = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let mut plain: String = from.chars().map(inner).collect();
        if !plain.starts_with(|c: char| c.is_ascii_uppercase()) {
            plain = format!("AOAI_{plain}");
        }
        let name = self.free(|number| match number {
            1 => plain.clone(),
            _ => format!("{plain}_{number}"),
        });
        self.given.push((key.to_owned(), name.clone()));
        name
    }

    fn free(&mut self, candidate: impl Fn(u32) -> String) -> String {
        let free = (1..u32::MAX).map(candidate).find(|name| !self.taken.contains(name));
        let free = free.unwrap_or_default();
        self.taken.insert(free.clone());
        free
    }
}

/// A model's name for a pool that nobody gave one: the pool's own where that is possible.
pub(super) fn model(pool: &str) -> String {
    match name::model(pool) {
        Ok(()) => pool.to_owned(),
        Err(_) => Names::default().backend(pool),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_names_become_valid_and_differ() {
        let mut names = Names::default();
        for (from, expected) in [
            ("EastUS", "eastus"),
            ("eastus", "eastus-2"),
            ("East US_(PTU)", "east-us-ptu"),
            ("--", "backend"),
            ("模型", "backend-2"),
        ] {
            let given = names.backend(from);
            assert_eq!(given, expected);
            assert!(name::backend(&given).is_ok());
        }
        for _ in 0..12 {
            assert!(name::backend(&names.backend(&"x-".repeat(60))).is_ok());
        }
    }

    #[test]
    fn variables_are_one_for_each_key() {
        let mut names = Names::default();
        assert_eq!(names.variable("a-b", "a-b"), "A_B");
        assert_eq!(names.variable("a_b", "a_b"), "A_B_2");
        assert_eq!(names.variable("a-b", "a-b"), "A_B");
        assert_eq!(names.variable("3", "3-key"), "AOAI_3_KEY");
        assert_eq!(name::variable("${AOAI_3_KEY}"), Some("AOAI_3_KEY"));
    }

    #[test]
    fn pools_names_are_models_names_where_they_can() {
        assert_eq!(model("OpenAI-pool"), "OpenAI-pool");
        assert_eq!(model("a b"), "a-b");
        assert_eq!(model(""), "backend");
    }
}
