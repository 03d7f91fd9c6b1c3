//! Which paths a route takes, by the rules of Envoy's `RouteMatch`.

use regex_lite::Regex;

use super::at::At;

/// What else than the path a match may ask for; such a route takes only some of the requests.
const CONDITIONS: [&str; 9] = [
    "headers",
    "query_parameters",
    "cookies",
    "grpc",
    "runtime_fraction",
    "tls_context",
    "dynamic_metadata",
    "filter_state",
    "connect_matcher",
];

/// The paths that a route takes.
#[derive(Debug)]
pub(super) struct Matching {
    paths: Paths,
    /// Only where something else than the path fits too.
    pub(super) conditional: bool,
}

#[derive(Debug)]
enum Paths {
    Prefix(String, Case),
    Exact(String, Case),
    /// The path itself, and everything behind a slash after it.
    Separated(String, Case),
    Regex(Regex),
    /// Nothing that can be told.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Case {
    Sensitive,
    Folded,
}

impl Matching {
    /// What the `match` of a route says.
    pub(super) fn of(matching: &At<'_>) -> Self {
        let folded = matching.field("case_sensitive").is_some_and(|at| at.value == false);
        let case = if folded { Case::Folded } else { Case::Sensitive };
        let text = |field: &str| matching.text_in(field).map(str::to_owned);
        let regex = || matching.below("safe_regex.regex")?.text().and_then(whole);
        let template = || {
            let template = matching.below("path_match_policy.typed_config.path_template")?;
            template.text().and_then(|text| whole(&regex_of(text)))
        };
        let paths = text("prefix")
            .map(|prefix| Paths::Prefix(prefix, case))
            .or_else(|| text("path").map(|path| Paths::Exact(path, case)))
            .or_else(|| text("path_separated_prefix").map(|path| Paths::Separated(path, case)))
            .or_else(|| regex().or_else(template).map(Paths::Regex))
            .unwrap_or(Paths::Unknown);
        let asked = |field: &&str| {
            matching
                .field(field)
                .is_some_and(|at| at.value.as_array().is_none_or(|all| !all.is_empty()))
        };
        Self { paths, conditional: CONDITIONS.iter().any(asked) }
    }

    /// Whether it takes this path, which has no query.
    pub(super) fn takes(&self, path: &str) -> bool {
        match &self.paths {
            Paths::Prefix(prefix, case) => begins(path, prefix, *case),
            Paths::Exact(exact, case) => path.len() == exact.len() && begins(path, exact, *case),
            Paths::Separated(prefix, case) => {
                let rest = path.get(prefix.len()..);
                begins(path, prefix, *case)
                    && rest.is_some_and(|r| r.is_empty() || r.starts_with('/'))
            }
            Paths::Regex(regex) => regex.is_match(path),
            Paths::Unknown => false,
        }
    }
}

fn begins(path: &str, prefix: &str, case: Case) -> bool {
    let start = path.get(..prefix.len());
    start.is_some_and(|start| match case {
        Case::Sensitive => start == prefix,
        Case::Folded => start.eq_ignore_ascii_case(prefix),
    })
}

/// The expression, which must match all of the path.
fn whole(regex: &str) -> Option<Regex> {
    Regex::new(&format!("^(?:{regex})$")).ok()
}

/// A template of Envoy's as a regular expression: `*` is a part between slashes, `**` is any number
/// of them, and `{name}` and `{name=…}` give a part a name.
fn regex_of(template: &str) -> String {
    let mut regex = String::new();
    let mut rest = template;
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            '{' => {
                let inside = rest.split_once('}').map_or(rest, |(inside, _)| inside);
                let pattern = inside.split_once('=').map_or("*", |(_, pattern)| pattern);
                regex.push_str(&regex_of(pattern));
                inside.len() + 1
            }
            '*' if rest.starts_with("**") => {
                regex.push_str(".*");
                2
            }
            '*' => {
                regex.push_str("[^/]+");
                1
            }
            other => {
                regex.push_str(&regex_lite::escape(other.encode_utf8(&mut [0; 4])));
                other.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    regex
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn takes(matching: &Value, path: &str) -> bool {
        Matching::of(&At::root(matching)).takes(path)
    }

    #[test]
    fn each_kind_of_match_takes_what_envoy_gives_it() {
        for (matching, taken, left) in [
            (json!({ "prefix": "/open" }), "/openai/x", "/OpenAI/x"),
            (json!({ "prefix": "/open", "case_sensitive": false }), "/OpenAI/x", "/v1"),
            (json!({ "path": "/v1" }), "/v1", "/v1/x"),
            (json!({ "pathSeparatedPrefix": "/openai" }), "/openai/x", "/openai2"),
            (json!({ "path_separated_prefix": "/openai" }), "/openai", "/open"),
            (json!({ "safe_regex": { "regex": "/v[0-9]" } }), "/v1", "/v1/x"),
            (json!({ "safe_regex": { "regex": ".*" } }), "/anything", "\n"),
            (template("/openai/{rest=**}"), "/openai/a/b", "/v1/a"),
            (template("/openai/*/{name}/chat"), "/openai/x/gpt-4.1/chat", "/openai/x/y/z/chat"),
            (template("/v1.0/**"), "/v1.0/x", "/v1x0/x"),
        ] {
            assert!(takes(&matching, taken), "{matching} {taken}");
            assert!(!takes(&matching, left), "{matching} {left}");
        }
        assert!(!takes(&json!({ "connect_matcher": {} }), "/"));
    }

    #[test]
    fn what_else_is_asked_for_is_a_condition() {
        let conditional = |value: Value| Matching::of(&At::root(&value)).conditional;
        assert!(!conditional(json!({ "prefix": "/", "headers": [] })));
        assert!(conditional(json!({ "prefix": "/", "headers": [{ "name": "x" }] })));
        assert!(conditional(json!({ "prefix": "/", "runtimeFraction": {} })));
    }

    fn template(text: &str) -> Value {
        json!({ "path_match_policy": { "name": "t", "typed_config": { "path_template": text } } })
    }
}
