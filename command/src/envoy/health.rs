//! Whether this gateway takes requests, for whoever sends them here: load balancers and Kubernetes.
//!
//! Envoy answers by itself, before the filter and without a backend: 200 while it serves, 503 once
//! it has been told to drain. The admin interface says so too, but it can also stop Envoy, so no
//! probe may depend on it being reachable. Probes stand in no access log.

use serde_json::{Value, json};

use super::extension;

/// The path that is answered.
pub const PATH: &str = "/healthz";

/// The listener's first filter.
pub(crate) fn filter() -> Value {
    let path = json!({ "name": ":path", "string_match": { "exact": PATH } });
    extension(
        "envoy.filters.http.health_check",
        "envoy.extensions.filters.http.health_check.v3.HealthCheck",
        json!({ "pass_through_mode": false, "headers": [path] }),
    )
}

/// Keeps probes out of these access logs.
pub(crate) fn not_logged(mut logs: Vec<Value>) -> Vec<Value> {
    for log in &mut logs {
        let Some(fields) = log.as_object_mut() else { continue };
        let no_probe = json!({ "not_health_check_filter": {} });
        let all = match fields.remove("filter") {
            None => no_probe,
            Some(other) => json!({ "and_filter": { "filters": [no_probe, other] } }),
        };
        fields.insert("filter".into(), all);
    }
    logs
}
