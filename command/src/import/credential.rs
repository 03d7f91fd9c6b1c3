//! What API Management sends to a backend to be let in.
//!
//! A key that stands here in clear must not stand anywhere else afterwards: not in the
//! configuration, not in the report, not in a problem. So values are looked at only to see whether
//! they refer to a named value (`{{name}}`), and nothing but such a name is ever repeated.

use serde_json::Value;

use super::Work;
use super::fields::{Entry, Fields};
use spillway::config::quoted;

/// The credential in the configuration: the field, and the variable that it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credential {
    /// `api_key` or `bearer_token`.
    pub(super) field: &'static str,
    /// The variable of the environment.
    pub(super) variable: String,
}

/// The credential of this backend. `azure`: it is one of Azure's, which always want one.
pub(super) fn read(
    properties: &Fields<'_>,
    backend: &str,
    azure: bool,
    work: &mut Work,
) -> Option<Credential> {
    let fields = properties.object("credentials", &mut work.problems);
    let mut found = None;
    let headers = fields.object("header", &mut work.problems);
    for entry in headers.rest() {
        header(&entry, backend, &mut found, work);
    }
    authorization(&fields, backend, &mut found, work);
    for entry in fields.object("query", &mut work.problems).rest() {
        let hint = "clients send their own `api-version`; a key goes into `api_key`";
        work.report.without(&entry.path, "a parameter that is added to the query", hint);
    }
    for name in ["certificate", "certificateIds"] {
        if let Some(entry) = fields.get(name) {
            let hint = "ask the backend's owner for a key";
            work.report.without(&entry.path, "a client certificate", hint);
        }
    }
    if let Some(entry) = fields.get("managedIdentity") {
        work.report.without(&entry.path, "a managed identity: Spillway sends keys only", IDENTITY);
        let variable = variable(backend, None, work);
        let field = "api_key";
        found = found.or(Some(Credential { field, variable }));
    }
    for entry in fields.rest() {
        work.report.without(&entry.path, super::input::NOT_KNOWN, "");
    }
    if found.is_none() && azure {
        let message = "no key for an Azure backend: a policy may add one or use a managed identity";
        work.report.differs(&fields.path, message, IDENTITY);
        found = Some(Credential { field: "api_key", variable: variable(backend, None, work) });
    }
    found
}

/// A header that is added to every request: a key, or nothing that Spillway adds.
fn header(entry: &Entry<'_>, backend: &str, found: &mut Option<Credential>, work: &mut Work) {
    let name = entry.path.rsplit('.').next().unwrap_or_default().trim_matches('"');
    let values = match entry.value {
        Value::Array(items) => items.iter().collect(),
        value => vec![value],
    };
    let value = values.first().and_then(|value| value.as_str()).unwrap_or_default();
    let field = match name.to_ascii_lowercase().as_str() {
        "api-key" => "api_key",
        "authorization" if without_scheme(value).is_some() => "bearer_token",
        _ => {
            let hint = "only `api-key` and `Authorization: Bearer` are added to requests";
            work.report.without(&entry.path, "a header that is added to requests", hint);
            return;
        }
    };
    let key = if field == "api_key" { value } else { without_scheme(value).unwrap_or_default() };
    take(&entry.path, field, key, backend, found, work);
    if values.len() > 1 {
        work.report.without(&entry.path, "the header's values after the first", "");
    }
}

fn authorization(
    fields: &Fields<'_>,
    backend: &str,
    found: &mut Option<Credential>,
    work: &mut Work,
) {
    let Some(entry) = fields.get("authorization") else { return };
    let Some(authorization) = entry.object(&mut work.problems) else { return };
    let text = |name| authorization.get(name).and_then(|entry| entry.value.as_str());
    let (scheme, parameter) = (text("scheme").unwrap_or_default(), text("parameter"));
    if scheme.eq_ignore_ascii_case("bearer") {
        let key = parameter.unwrap_or_default();
        take(&entry.path, "bearer_token", key, backend, found, work);
    } else {
        let hint = "only `Authorization: Bearer` can be sent: `bearer_token`";
        work.report.without(&entry.path, "a scheme of authorization other than `Bearer`", hint);
    }
    for entry in authorization.rest() {
        work.report.without(&entry.path, super::input::NOT_KNOWN, "");
    }
}

/// Makes the first key the backend's, and says where it comes from.
fn take(
    path: &str,
    field: &'static str,
    key: &str,
    backend: &str,
    found: &mut Option<Credential>,
    work: &mut Work,
) {
    if found.is_some() {
        let hint = "a backend gets one credential";
        work.report.without(path, "a second credential", hint);
        return;
    }
    let named = named_value(key);
    let variable = variable(backend, named, work);
    let what = match named {
        Some(named) => format!("the named value {}", quoted(named)),
        None => "a key (not shown here)".to_owned(),
    };
    work.report.taken(path, format!("{what} is `{field}: ${{{variable}}}`"));
    *found = Some(Credential { field, variable });
}

/// The variable for a named value, or for the backend's own key.
fn variable(backend: &str, named: Option<&str>, work: &mut Work) -> String {
    let (key, from) = match named {
        Some(named) => (format!("named value {named}"), named.to_owned()),
        None => (format!("backend {backend}"), format!("{backend}-key")),
    };
    let variable = work.variables.variable(&key, &from);
    let content = match named {
        Some(named) => format!("what the named value {} holds", quoted(named)),
        None => format!("the key of backend `{backend}`"),
    };
    work.report.variable(&variable, content);
    variable
}

/// The name in `{{name}}`, where the text is exactly that.
fn named_value(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    (!name.is_empty() && name.len() <= 100 && name.bytes().all(plain)).then_some(name)
}

/// What follows `Bearer`.
fn without_scheme(value: &str) -> Option<&str> {
    let (scheme, key) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key)
}

const IDENTITY: &str = "give it a key of the resource: `az cognitiveservices account keys list`";
