//! Names: of backends, models, clients, cookies and environment variables.

use super::{NamePattern, Problem, quoted};

/// A backend's name, which is also the name of Envoy's cluster.
pub fn backend(text: &str) -> Result<(), Problem> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !text.is_empty()
        && text.len() <= 60
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
    {
        return Ok(());
    }
    Err(Problem::new(
        "",
        format!("{} is not a name for a backend", quoted(text)),
        "use lower-case letters, digits and, between them, `-`; at most 60 characters",
    ))
}

/// A model's or a deployment's name: it must fit into a path.
pub fn model(text: &str) -> Result<(), Problem> {
    let odd = |c: char| c.is_control() || c.is_whitespace();
    let message = if text.is_empty() {
        "the name is empty".to_owned()
    } else if text.len() > 256 {
        format!("the name {} is longer than 256 bytes", quoted(text))
    } else if text.contains(odd) {
        format!("the name {} holds a space or a control character", quoted(text))
    } else if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
        format!("the name {} holds an empty part, `.` or `..`", quoted(text))
    } else if text.contains('*') {
        return Err(Problem::new(
            "",
            format!("the name {} holds a `*`", quoted(text)),
            "name each model in full; only `denied_models` takes a `*`",
        ));
    } else {
        return Ok(());
    };
    Err(Problem::new("", message, "write it exactly as clients or the backend do"))
}

/// A model's name, or the start of one with a `*` at the end.
pub fn pattern(text: &str) -> Result<NamePattern, Problem> {
    let Some(start) = text.strip_suffix('*') else {
        return if text.contains('*') {
            Err(star_inside(text))
        } else {
            model(text).map(|()| NamePattern::Exact(text.to_owned()))
        };
    };
    if start.contains('*') {
        return Err(star_inside(text));
    }
    Ok(NamePattern::Prefix(start.to_owned()))
}

fn star_inside(text: &str) -> Problem {
    Problem::new(
        "",
        format!("{} holds a `*` before its end", quoted(text)),
        "a single `*` at the end stands for any ending",
    )
}

/// A client's name, which stands in logs.
pub fn client(text: &str) -> Result<(), Problem> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if !text.is_empty() && text.len() <= 60 && text.bytes().all(inner) {
        return Ok(());
    }
    Err(Problem::new(
        "",
        format!("{} is not a name for a client", quoted(text)),
        "use letters, digits, `-`, `_` and `.`; at most 60 characters",
    ))
}

/// A header's name, in lower case; not one that HTTP itself needs.
pub fn header(text: &str) -> Result<String, Problem> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let name = text.to_ascii_lowercase();
    let message = if text.is_empty() || text.len() > 100 || !text.bytes().all(inner) {
        format!("{} is not a name for a header", quoted(text))
    } else if NEEDED.contains(&name.as_str()) {
        format!("a request cannot do without the header {}", quoted(text))
    } else {
        return Ok(name);
    };
    Err(Problem::new("", message, "name headers such as `cookie` or `x-internal-user`"))
}

/// Headers that say how a request is sent and read.
const NEEDED: [&str; 6] =
    ["host", "content-length", "content-type", "content-encoding", "transfer-encoding", "te"];

/// A cookie's name: a token of RFC 6265.
pub fn cookie(text: &str) -> Result<String, Problem> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !text.is_empty() && text.len() <= 100 && text.bytes().all(token) {
        return Ok(text.to_owned());
    }
    Err(Problem::new(
        "",
        format!("{} is not a name for a cookie", quoted(text)),
        "use letters, digits, `-`, `_` and `.`; at most 100 characters",
    ))
}

/// The name in `${NAME}`, where the text is exactly that.
pub fn variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let starts_well = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    (starts_well && name.bytes().all(inner)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn backends_are_named_like_hosts() {
        for name in ["a", "eastus-ptu", "3", &"x".repeat(60)] {
            assert!(backend(name).is_ok(), "{name}");
        }
        for name in ["", "-a", "a-", "A", "a.b", "a_b", "é", &"x".repeat(61)] {
            assert!(backend(name).is_err(), "{name}");
        }
    }

    #[test]
    fn models_fit_into_a_path() {
        for name in ["gpt-4o", "gpt-4.1-mini", "meta-llama/Llama-3.1-8B", "模型"] {
            assert!(model(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a\n", "..", "a/../b", "/a", "a/", "gpt-4*", &"x".repeat(257)] {
            assert!(model(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_star_stands_at_the_end() {
        assert_eq!(pattern("gpt-4o*"), Ok(NamePattern::Prefix("gpt-4o".into())));
        assert_eq!(pattern("gpt-4o"), Ok(NamePattern::Exact("gpt-4o".into())));
        for text in ["*x", "a*b", "a**", ""] {
            assert!(pattern(text).is_err(), "{text}");
        }
    }

    #[test]
    fn cookies_are_tokens() {
        assert!(cookie("Spillway-Affinity").is_ok());
        for name in ["", "a b", "a=b", "a;b", "a,b", "\"a\"", "é"] {
            assert!(cookie(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_variable_is_exactly_one_reference() {
        assert_eq!(variable("${AOAI_KEY}"), Some("AOAI_KEY"));
        for text in ["$AOAI", "${}", "${1A}", "${A-B}", "x${A}", "${A}x", "${A}${B}", "${A:-b}"] {
            assert_eq!(variable(text), None, "{text}");
        }
    }
}
