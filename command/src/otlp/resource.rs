//! Whose spans they are: the name of the service, and what else is said of it.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use spillway::config::Problem;

/// What all spans have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// `service.name`.
    pub service: String,
    /// The other attributes.
    pub attributes: BTreeMap<String, String>,
}

/// `OTEL_SERVICE_NAME` wins over the `service.name` of `OTEL_RESOURCE_ATTRIBUTES`.
pub(super) fn read(set: &dyn Fn(&str) -> Option<String>, problems: &mut Vec<Problem>) -> Resource {
    let mut attributes = BTreeMap::new();
    let text = set(ATTRIBUTES).unwrap_or_default();
    for one in text.split(',').filter(|one| !one.trim().is_empty()) {
        let pair = one.split_once('=').and_then(|(key, value)| {
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            let key = key.trim();
            (!key.is_empty()).then(|| (key.to_owned(), value.into_owned()))
        });
        match pair {
            Some((key, value)) => drop(attributes.insert(key, value)),
            None => {
                let one = spillway::config::quoted(one.trim());
                problems.push(Problem::new(
                    "",
                    format!("{ATTRIBUTES}: {one} is no attribute"),
                    "write `key=value,key=value`, with `%2C` for a comma in a value",
                ));
            }
        }
    }
    let named = attributes.remove("service.name");
    let service = set("OTEL_SERVICE_NAME").or(named).unwrap_or_else(|| "spillway".to_owned());
    Resource { service, attributes }
}

const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
