//! Writes the configuration, with comments that say where things come from.
//!
//! By hand: comments and the order of a person's file are worth more here than a serializer. What
//! may stand in a scalar is checked by the readers; what could be misread is put in quotes.

use super::backend::Backend;
use super::breaker::Rule;
use super::models::{Model, UNNAMED};
use spillway::config::quoted;

/// The whole file.
pub(super) fn write(backends: &[Backend], models: &[Model], faithful: bool) -> String {
    let mut text = String::from(
        "# Written by `spillway import apim`. `spillway check` says whether it is right; what became of\n\
         # the rest stands in the report of the import.\n\nbackends:\n",
    );
    for (at, backend) in backends.iter().enumerate() {
        text.push_str(&format!(
            "  {}:{}\n",
            scalar(&backend.name),
            from(&backend.path, &backend.source)
        ));
        text.push_str(&format!("    url: {}\n", scalar(&backend.address.url)));
        if let Some(credential) = &backend.credential {
            text.push_str(&format!("    {}: ${{{}}}\n", credential.field, credential.variable));
        }
        text.push_str(&deployments(at, backend, models));
    }
    text.push_str("\nmodels:\n");
    let rules: Vec<Option<&Rule>> = models.iter().map(|model| model.rule.as_ref()).collect();
    let shared = shared(&rules);
    for model in models {
        let (path, source) = &model.origin;
        if model.unnamed {
            text.push_str(&format!("  # Named after what serves it: {UNNAMED}.\n"));
        }
        text.push_str(&format!("  {}:{}\n    pool:\n", scalar(&model.name), from(path, source)));
        for (at, priority, weight) in &model.members {
            let Some(backend) = backends.get(*at) else { continue };
            let mut member = format!("backend: {}", scalar(&backend.name));
            for (field, value) in [("priority", priority), ("weight", weight)] {
                if let Some(value) = value {
                    member.push_str(&format!(", {field}: {value}"));
                }
            }
            text.push_str(&format!("      - {{ {member} }}\n"));
        }
        match &model.cookie {
            Some(Some(cookie)) => {
                text.push_str(&format!("    session_affinity: {{ cookie: {} }}\n", quotes(cookie)));
            }
            Some(None) => text.push_str("    session_affinity: true\n"),
            None => {}
        }
        if let Some(rule) = model.rule.as_ref().filter(|_| shared.is_none()) {
            text.push_str(&breaker(rule, "    "));
        }
    }
    if let Some(rule) = shared {
        text.push('\n');
        text.push_str(&breaker(rule, ""));
    }
    if faithful {
        text.push_str(FAITHFUL);
    }
    text
}

/// The rule that every model has.
fn shared<'r>(rules: &[Option<&'r Rule>]) -> Option<&'r Rule> {
    let (first, rest) = rules.split_first()?;
    let first = (*first)?;
    rest.iter().all(|rule| rule.is_some_and(|rule| rule.lines == first.lines)).then_some(first)
}

fn breaker(rule: &Rule, indent: &str) -> String {
    let mut text = format!("{indent}circuit_breaker: # {}\n", rule.path);
    for (field, value) in &rule.lines {
        text.push_str(&format!("{indent}  {field}: {value}\n"));
    }
    text
}

/// What models are called at a backend whose URL names its only deployment.
fn deployments(at: usize, backend: &Backend, models: &[Model]) -> String {
    let Some(deployment) = &backend.address.deployment else { return String::new() };
    let here = models.iter().filter(|model| {
        model.name != *deployment && model.members.iter().any(|(member, _, _)| *member == at)
    });
    let lines: String = here
        .map(|model| format!("      {}: {}\n", scalar(&model.name), scalar(deployment)))
        .collect();
    if lines.is_empty() { lines } else { format!("    deployments:\n{lines}") }
}

/// A comment with the place and, where it helps, the name that something has there.
fn from(path: &str, source: &str) -> String {
    let place = if path.is_empty() { String::new() } else { format!("{path}, ") };
    format!(" # {place}{}", quoted(source))
}

/// The text as YAML reads it: bare where it cannot mean anything else.
fn scalar(text: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"-._/:".contains(&b);
    let word = text.to_ascii_lowercase();
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(bare)
        && !text.ends_with(':')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&word.as_str());
    if plain { text.to_owned() } else { quotes(text) }
}

/// The text in quotes, as JSON writes it.
fn quotes(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What API Management does and Spillway would do better.
const FAITHFUL: &str = "\n\
    # As API Management answers: an empty 503, refusals without an object, and a backend that refuses\n\
    # its key is not passed over.\n\
    when_exhausted: service_unavailable\n\
    error_format: api_management\n\
    retry: { failover_on_refusal: false }\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_misread_is_in_quotes() {
        for bare in ["gpt-4o", "https://a.openai.azure.com:8443/x", "meta-llama/Llama-3.1"] {
            assert_eq!(scalar(bare), bare);
        }
        for odd in ["4", "4.1", "true", "No", "a b", "a: b", "模型", "-a", "a:", "~", "", "o1\"x"]
        {
            assert_eq!(scalar(odd), quotes(odd), "{odd}");
        }
    }
}
