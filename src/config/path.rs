//! Places in the file, as a person reads them: `models.gpt-4o.pool[1].weight`.

/// The place of a key below `parent`; odd keys are quoted: `models."gpt-4.1"`.
pub fn key(parent: &str, key: &str) -> String {
    let plain =
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let dot = if parent.is_empty() { "" } else { "." };
    if plain { format!("{parent}{dot}{key}") } else { format!("{parent}{dot}{key:?}") }
}

/// The place of an item of the list at `parent`.
pub fn index(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn odd_keys_are_quoted() {
        assert_eq!(key("", "models"), "models");
        assert_eq!(key("models", "gpt-4o"), "models.gpt-4o");
        assert_eq!(key("models", "gpt-4.1"), r#"models."gpt-4.1""#);
        assert_eq!(key("models", "a\"b\n"), r#"models."a\"b\n""#);
        assert_eq!(key("models", ""), r#"models."""#);
        assert_eq!(index("models.x.pool", 3), "models.x.pool[3]");
    }
}
