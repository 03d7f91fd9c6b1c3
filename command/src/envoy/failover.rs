//! The route's policy that brings a request to another backend: Envoy's retry, or its internal
//! redirect where a retry would stay at the same backend ([`spillway::failover_mode`]).

use serde_json::{Value, json};

use super::{Options, duration, extension, merge};
use spillway::config::Config;
use spillway::exchange::effect::RETRY;
use spillway::exchange::redirect::FOLLOWED;
use spillway::exchange::repetition::{most_redirects, most_retries};

/// The fields of the route's action.
pub(super) fn policy(config: &Config, options: &Options) -> Value {
    let largest_pool = config.models.iter().map(|m| m.pool.len()).max().unwrap_or(1);
    if options.envoy.failover.redirects() {
        json!({ "internal_redirect_policy": redirect(most_redirects(largest_pool)), "retry_policy": limit(config) })
    } else {
        json!({ "retry_policy": retry(most_retries(largest_pool), config) })
    }
}

fn retry(others: usize, config: &Config) -> Value {
    let mut policy = limit(config);
    merge(
        &mut policy,
        json!({
            // The upstream filter marks what is worth another attempt; only failures without an answer
            // are left to Envoy.
            "retry_on": "connect-failure,refused-stream,reset,retriable-headers",
            "retriable_headers": [{ "name": RETRY, "present_match": true }],
            // An upper bound; the downstream filter lowers it for each request (`x-envoy-max-retries`).
            "num_retries": others,
            // Asks filter state for the cluster again: the next attempt goes to the next backend.
            "refresh_cluster_on_retry": true,
            // The next attempt goes elsewhere: there is nothing to wait for. The default is 25 ms.
            "retry_back_off": { "base_interval": "0.001s", "max_interval": "0.002s" },
        }),
    );
    policy
}

/// How long an attempt may be silent: until its answer begins, where what the upstream filter holds
/// back has not begun for the router, and then between its parts.
fn limit(config: &Config) -> Value {
    json!({
        "num_retries": 0,
        "per_try_timeout": duration(config.timeouts.begins_within().unwrap_or_default()),
        "per_try_idle_timeout": duration(config.timeouts.stream_idle),
    })
}

fn redirect(most: usize) -> Value {
    json!({
        // The upstream filter sees to it that only its own answers have this status here.
        "redirect_response_codes": [FOLLOWED],
        // An upper bound; the filter redirects to a backend that has not been asked, and once more to
        // one that has refused a field which the gateway had added.
        "max_internal_redirects": most,
        // A redirect is to the request's own address. What Envoy compares its scheme with is the
        // connection's, and TLS may end in front of Envoy.
        "allow_cross_scheme_redirect": true,
    })
}

/// The filter of the access log: a request that comes back has a line for each run through the
/// filters, and only the last one says all.
pub(super) fn last_run_only() -> Value {
    json!({ "extension_filter": extension(
        "envoy.access_loggers.extension_filters.cel",
        "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        json!({ "expression": "response.code_details != 'internal_redirect'" }),
    )})
}
