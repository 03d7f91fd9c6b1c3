//! Why the gateway answered by itself.
//!
//! One list from the place where a reason arises to the error's code, the metric's label and the
//! access log: nothing in between reads a string back.

/// Why the gateway answered by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The path can be read in more than one way.
    PathAmbiguous,
    /// The path is of no operation that is served.
    UnknownPath,
    /// The operation does not have this method.
    MethodNotAllowed,
    /// No client has this key.
    InvalidApiKey,
    /// The body cannot be read.
    InvalidBody,
    /// The body is compressed, or in a character set that is not read.
    UnsupportedEncoding,
    /// The body is longer than the configuration takes.
    RequestTooLarge,
    /// The body did not arrive in time.
    RequestBodyTimeout,
    /// The bodies of other requests take all memory that there is for bodies.
    TooManyRequestBodies,
    /// The request names no model.
    ModelMissing,
    /// The model is not served here.
    ModelNotFound,
    /// The model is denied.
    ModelNotPermitted,
    /// Every backend is at its limit.
    Exhausted,
    /// Every backend is failing.
    Unavailable,
    /// The backend that holds the client's state cannot be asked.
    PinnedBackendUnavailable,
    /// Too many requests are being tried again.
    RetryBudgetSpent,
    /// The last backend refused the gateway's own credential.
    BackendCredentialRefused,
    /// The last backend answered with a status that is none.
    InvalidBackendAnswer,
    /// A backend may have done what must not be done twice.
    OutcomeUnknown,
    /// The gateway is being stopped.
    ShuttingDown,
    /// The two filters do not share a VM.
    GatewayMisconfigured,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::UnknownPath,
        Self::PathAmbiguous,
        Self::MethodNotAllowed,
        Self::InvalidApiKey,
        Self::InvalidBody,
        Self::UnsupportedEncoding,
        Self::RequestTooLarge,
        Self::RequestBodyTimeout,
        Self::TooManyRequestBodies,
        Self::ModelMissing,
        Self::ModelNotFound,
        Self::ModelNotPermitted,
        Self::Exhausted,
        Self::Unavailable,
        Self::PinnedBackendUnavailable,
        Self::BackendCredentialRefused,
        Self::InvalidBackendAnswer,
        Self::RetryBudgetSpent,
        Self::OutcomeUnknown,
        Self::ShuttingDown,
        Self::GatewayMisconfigured,
    ];

    /// Its word in errors, metrics and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PathAmbiguous => "path_ambiguous",
            Self::UnknownPath => "unknown_path",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::InvalidApiKey => "invalid_api_key",
            Self::InvalidBody => "invalid_body",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::RequestTooLarge => "request_too_large",
            Self::RequestBodyTimeout => "request_body_timeout",
            Self::TooManyRequestBodies => "too_many_request_bodies",
            Self::ModelMissing => "model_missing",
            Self::ModelNotFound => "model_not_found",
            Self::ModelNotPermitted => "model_not_permitted",
            Self::Exhausted => "exhausted",
            Self::Unavailable => "unavailable",
            Self::PinnedBackendUnavailable => "pinned_backend_unavailable",
            Self::RetryBudgetSpent => "retry_budget_spent",
            Self::BackendCredentialRefused => "backend_credential_refused",
            Self::InvalidBackendAnswer => "invalid_backend_answer",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::ShuttingDown => "shutting_down",
            Self::GatewayMisconfigured => "gateway_misconfigured",
        }
    }
}
