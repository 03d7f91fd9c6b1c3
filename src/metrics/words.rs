//! The closed lists of labels' words, and the buckets of histograms.

/// Why a pool had nobody left.
pub(super) const EXHAUSTED: [&str; 3] = ["throttled", "failing", "session"];
pub(super) const OUTCOMES: &[&str] = &[
    "answered",
    "client_error",
    "rejected",
    "exhausted",
    "unavailable",
    "backend_refused",
    "broken",
    "shut_down",
    "client_left",
];
/// The outcomes that are errors to the client.
pub(super) const ERRORS: &[&str] = &[
    "client_error",
    "rejected",
    "exhausted",
    "unavailable",
    "backend_refused",
    "broken",
    "shut_down",
];
pub(super) const CAUSES: &[&str] = &[
    "ok",
    "client_error",
    "throttled",
    "refused",
    "server_error",
    "bad_start",
    "no_answer",
    "abandoned",
];
pub(super) const FAILOVER_CAUSES: &[&str] =
    &["client_error", "throttled", "refused", "server_error", "bad_start", "no_answer"];
pub(super) const OPENING_CAUSES: &[&str] = &["throttled", "failed", "failure_ratio", "refused"];
/// How an attempt's first byte came, or did not.
pub(super) const FIRST_BYTES: &[&str] = &["stream", "whole", "error", "none", "abandoned"];
/// Why tokens are not known.
pub(super) const UNKNOWN: [&str; 2] = ["unreported", "cut_short"];
/// In the order of [`Usage`](crate::usage::Usage).
pub(super) const TOKENS: [&str; 4] = ["prompt", "completion", "cached", "reasoning"];
/// Why the gateway answers by itself: the words of `reason.rs`.
pub(super) const REASONS: &[&str] = &[
    "unknown_path",
    "path_ambiguous",
    "method_not_allowed",
    "invalid_api_key",
    "invalid_body",
    "unsupported_encoding",
    "request_too_large",
    "request_body_timeout",
    "too_many_request_bodies",
    "model_missing",
    "model_not_found",
    "model_not_permitted",
    "exhausted",
    "unavailable",
    "pinned_backend_unavailable",
    "backend_credential_refused",
    "invalid_backend_answer",
    "retry_budget_spent",
    "outcome_unknown",
    "shutting_down",
    "gateway_misconfigured",
];

/// Milliseconds: from a rejection to an answer of a reasoning model. Fine where first tokens are.
pub(super) const MILLISECONDS: &[u32] = &[
    5, 10, 25, 50, 100, 150, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500,
    10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000,
];
/// Microseconds for each token: from 1,000 a second to one in two seconds.
pub(super) const TOKEN_MICROSECONDS: &[u32] = &[
    1_000, 2_500, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 40_000, 50_000, 75_000, 100_000,
    150_000, 250_000, 500_000, 1_000_000, 2_000_000,
];
/// Microseconds: from the filter's own work to the back-off of several failovers.
pub(super) const MICROSECONDS: &[u32] =
    &[10, 25, 50, 75, 100, 150, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000];
