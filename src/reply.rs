//! What the gateway answers by itself, without asking a backend.
//!
//! The errors have OpenAI's shape, so that every SDK raises the exception that fits; each says
//! what is wrong and what to do, and none names a backend. Where API Management answers otherwise,
//! a setting gives its answer byte for byte.

#![warn(clippy::arithmetic_side_effects)]

mod lost;

pub use lost::Lost;

use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use crate::breaker::Unavailability;
use crate::config::{ErrorFormat, WhenExhausted};
use crate::operation::Methods;
use crate::prompt::Refusal;
use crate::reason::Reason;
use crate::target::Refused;
use crate::time::{Micros, Millis, Timestamp};

/// An answer of the gateway's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Its headers, but for those that every answer gets.
    pub headers: Vec<(&'static str, String)>,
    /// Its body; may be empty.
    pub body: Vec<u8>,
    /// Why.
    pub reason: Reason,
}

impl Reply {
    /// The request line asks for nothing that the gateway serves, or can be read in several ways.
    pub fn no_operation(why: Refused, prefix: &str) -> Self {
        const KIND: &str = "invalid_request_error";
        match why {
            Refused::Ambiguous(why) => {
                let message =
                    format!("The path can be read in more than one way: it {}.", why.text());
                Self::error(400, KIND, Reason::PathAmbiguous, &message)
            }
            Refused::Prefix => {
                let message = format!("Paths of this gateway begin with `{prefix}/`.");
                Self::error(404, KIND, Reason::UnknownPath, &message)
            }
            Refused::Unknown => {
                let message = "This gateway does not serve this path. It serves the paths of Azure \
                               OpenAI, OpenAI and Azure AI inference, such as \
                               `/openai/deployments/NAME/chat/completions`, `/openai/v1/responses` \
                               and `/v1/embeddings`; its operator can open others with `paths.allow`.";
                Self::error(404, KIND, Reason::UnknownPath, message)
            }
            Refused::Method(Methods::NONE) => {
                let message = "This gateway does not serve this method on any path.";
                Self::error(405, KIND, Reason::MethodNotAllowed, message)
                    .with_allow(Methods::GET.and(Methods::POST).and(Methods::DELETE))
            }
            Refused::Method(methods) => {
                let message = format!("This path does not have this method. It has {methods}.");
                Self::error(405, KIND, Reason::MethodNotAllowed, &message).with_allow(methods)
            }
        }
    }

    /// The body is written in a way that the gateway does not take.
    pub fn refused_body(why: &Refusal) -> Self {
        match why {
            Refusal::Invalid(why) => Self::bad_body(why),
            Refusal::Unsupported(why) => {
                let message = format!("The request was refused: {why}.");
                Self::error(415, "invalid_request_error", Reason::UnsupportedEncoding, &message)
            }
        }
    }

    /// No client has the key that was shown, or none was shown.
    pub fn unknown_client() -> Self {
        let message = "The key is missing or not known to this gateway. Send it as `api-key: KEY` \
                       or as `Authorization: Bearer KEY`.";
        Self::error(401, "authentication_error", Reason::InvalidApiKey, message)
    }

    /// The body cannot be read.
    pub fn bad_body(why: &str) -> Self {
        let message = format!("The request was refused: {why}.");
        Self::error(400, "invalid_request_error", Reason::InvalidBody, &message)
    }

    /// The body is longer than the configuration takes.
    pub fn too_long() -> Self {
        let message = "The request body is longer than this gateway takes.";
        Self::error(413, "invalid_request_error", Reason::RequestTooLarge, message)
    }

    /// The body did not arrive in time.
    pub fn body_late() -> Self {
        let message = "The request body did not arrive in time. Send it faster, or in a smaller \
                       request.";
        Self::error(408, "invalid_request_error", Reason::RequestBodyTimeout, message)
    }

    /// Bodies of other requests take all the memory that there is for bodies.
    pub fn too_much_held() -> Self {
        let message = "This gateway is receiving as many request bodies as it can hold. Please \
                       retry after 1 second.";
        Self::error(503, "server_error", Reason::TooManyRequestBodies, message)
            .with_retry_after(Millis::from_secs(1))
    }

    /// The request names no model, and none is configured for such requests.
    pub fn no_model(format: ErrorFormat) -> Self {
        if format == ErrorFormat::ApiManagement {
            return Self::api_management_400();
        }
        let message = "The request names no model. Name it in the path, as in \
                       `/openai/deployments/NAME/chat/completions`, or as `model` in the JSON \
                       body. A request that has neither, such as one for a response by its id, \
                       needs the affinity cookie of the answer it goes on from.";
        Self::error(400, "invalid_request_error", Reason::ModelMissing, message)
    }

    /// The model is not served here.
    pub fn unknown_model(name: &str, format: ErrorFormat) -> Self {
        if format == ErrorFormat::ApiManagement {
            return Self::api_management_400();
        }
        let message = format!(
            "Model '{}' is not served by this gateway. Names are exact and case-sensitive.",
            shortened(name)
        );
        Self::error(400, "invalid_request_error", Reason::ModelNotFound, &message)
    }

    /// The model is denied.
    pub fn denied_model(name: &str, format: ErrorFormat) -> Self {
        let message = format!("Model '{}' is not permitted.", shortened(name));
        match format {
            ErrorFormat::OpenAi => {
                Self::error(403, "permission_error", Reason::ModelNotPermitted, &message)
            }
            ErrorFormat::ApiManagement => {
                Self::json(403, &json!({ "error": message }), Reason::ModelNotPermitted)
            }
        }
    }

    /// No backend of the model's pool may be chosen before `until`: because they are at their
    /// limits, or because they fail.
    pub fn exhausted(
        model: &str,
        until: Timestamp,
        why: Unavailability,
        now: Micros,
        when: WhenExhausted,
    ) -> Self {
        if when == WhenExhausted::ServiceUnavailable {
            let (headers, body) = (Vec::new(), Vec::new());
            let reason = match why {
                Unavailability::Throttled => Reason::Exhausted,
                Unavailability::Failed => Reason::Unavailable,
            };
            return Self { status: 503, headers, body, reason };
        }
        let wait = wait(until, now);
        let retry = retry_when(until, wait);
        let reply = match why {
            Unavailability::Throttled => {
                let message = format!("Every backend of model '{model}' is at its limit, {retry}");
                Self::error(429, "rate_limit_error", Reason::Exhausted, &message)
            }
            Unavailability::Failed => {
                let message = format!("Every backend of model '{model}' is failing, {retry}");
                Self::error(503, "server_error", Reason::Unavailable, &message)
            }
        };
        reply.with_retry_after(wait)
    }

    /// The backend that the client's cookie requires may not be chosen before `until`.
    pub fn pinned_backend_down(model: &str, until: Timestamp, now: Micros) -> Self {
        let wait = wait(until, now);
        let retry = retry_when(until, wait);
        let message = format!(
            "The backend that keeps this session of model '{model}' is not available, {retry} To \
             go on elsewhere without its state, send the request without the affinity cookie."
        );
        Self::error(409, "server_error", Reason::PinnedBackendUnavailable, &message)
            .with_retry_after(wait)
    }

    /// The gateway is being stopped, and the request is not answered yet.
    pub fn shutting_down() -> Self {
        let message =
            "The gateway was stopped before your request was answered. Please send it again.";
        Self::error(503, "server_error", Reason::ShuttingDown, message)
            .with_retry_after(Millis::from_secs(1))
    }

    /// A backend failed, and enough of the traffic are retries already.
    pub fn retry_budget_spent() -> Self {
        let message = "The backend failed, and too many requests are being tried again already. \
                       Please retry after 1 second.";
        Self::error(503, "server_error", Reason::RetryBudgetSpent, message)
            .with_retry_after(Millis::from_secs(1))
    }

    /// The last backend refused the gateway's own credential: the client's was good.
    pub fn backend_credential_refused() -> Self {
        let message = "The backend refused the gateway's own credential. Your key is not at fault. \
                       Whoever operates this gateway has to renew the backend's key \
                       (`api_key` or `bearer_token`).";
        Self::error(401, "authentication_error", Reason::BackendCredentialRefused, message)
    }

    /// The last backend answered with a status that is none.
    pub fn invalid_backend_answer() -> Self {
        let message = "The backend's answer is not valid HTTP: its status is none. Try again.";
        Self::error(502, "server_error", Reason::InvalidBackendAnswer, message)
    }

    /// No backend has answered. Where Envoy finds out that none is left, it says the same.
    pub fn lost(why: Lost) -> Self {
        let (status, code, message) = why.told();
        let error =
            json!({ "message": message, "type": "server_error", "param": null, "code": code });
        Self::json(status, &json!({ "error": error }), Reason::Unavailable)
    }

    /// A backend may have done what must not be done twice, and has not said so. The SDKs, which would
    /// send the request again, read a header that tells them not to.
    pub fn outcome_unknown() -> Self {
        let message = "The backend got the request and did not answer. It may have done what was \
                       asked: look before you send it again.";
        let mut reply = Self::error(502, "server_error", Reason::OutcomeUnknown, message);
        reply.headers.push(("x-should-retry", "false".to_owned()));
        reply
    }

    /// The two filters do not share a VM, so that the upstream filter cannot know its request.
    pub fn filters_apart() -> Self {
        let message = "Spillway's two filters do not share a VM: both need the same `vm_id`, code \
                       and VM configuration.";
        Self::error(500, "server_error", Reason::GatewayMisconfigured, message)
    }

    fn with_allow(mut self, methods: Methods) -> Self {
        self.headers.push(("allow", methods.to_string()));
        self
    }

    fn with_retry_after(mut self, wait: Millis) -> Self {
        self.headers.extend(retry_after(wait));
        self
    }

    fn api_management_400() -> Self {
        let text = "Invalid model or deployment-id. Supply a valid name in the URL or JSON body.";
        Self::json(400, &json!({ "error": text }), Reason::ModelNotFound)
    }

    fn error(status: u16, kind: &str, code: Reason, message: &str) -> Self {
        let word = code.word();
        let error = json!({ "message": message, "type": kind, "param": null, "code": word });
        Self::json(status, &json!({ "error": error }), code)
    }

    fn json(status: u16, body: &serde_json::Value, reason: Reason) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status, headers, body: body.to_string().into_bytes(), reason }
    }
}

/// The two headers that tell a client how long to wait: whole seconds, never less than one and
/// never too early, and the exact time for the SDKs that read it.
pub fn retry_after(wait: Millis) -> [(&'static str, String); 2] {
    let seconds = wait.as_secs_rounded_up().max(1);
    [("retry-after", seconds.to_string()), ("retry-after-ms", wait.0.max(1).to_string())]
}

/// How long it is from now until then. Both are rounded up to whole milliseconds, for the breaker store has
/// its times so: the rest of a millisecond would make a second that was just announced two.
fn wait(until: Timestamp, now: Micros) -> Millis {
    until.since(now.rounded_up())
}

/// When to come back, for a person: "until" with the date, and how long that is.
fn retry_when(until: Timestamp, wait: Millis) -> String {
    let seconds = wait.as_secs_rounded_up().max(1);
    let until = Duration::from_secs(Millis(until.0).as_secs_rounded_up());
    let until = UNIX_EPOCH.checked_add(until).unwrap_or(UNIX_EPOCH);
    let until = httpdate::fmt_http_date(until);
    let unit = if seconds == 1 { "second" } else { "seconds" };
    format!("until {until}. Please retry after {seconds} {unit}.")
}

/// A name as an error repeats it: a client's mistake must not become a megabyte of answer.
fn shortened(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()
}

const LONGEST_NAME: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn text(reply: &Reply) -> &str {
        std::str::from_utf8(&reply.body).expect("text")
    }

    #[test]
    fn errors_have_the_shape_that_the_sdks_parse() {
        let reply = Reply::unknown_model("gpt-9\n\"x\"", ErrorFormat::OpenAi);
        let body: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
        assert_eq!(reply.status, 400);
        assert_eq!(body["error"]["code"], "model_not_found");
        assert_eq!(
            body["error"]["message"],
            "Model 'gpt-9\"x\"' is not served by this gateway. Names are exact and case-sensitive."
        );
        assert!(Reply::unknown_model(&"x".repeat(9999), ErrorFormat::OpenAi).body.len() < 400);
    }

    #[test]
    fn api_managements_answers_are_given_byte_for_byte() {
        let unknown = Reply::unknown_model("x", ErrorFormat::ApiManagement);
        let denied = Reply::denied_model("gpt-4o", ErrorFormat::ApiManagement);
        assert_eq!(text(&denied), r#"{"error":"Model 'gpt-4o' is not permitted."}"#);
        assert!(text(&unknown).starts_with(r#"{"error":"Invalid model or deployment-id."#));
        assert_eq!((unknown.status, denied.status), (400, 403));
    }

    /// 2026-11-20 09:00:00 UTC.
    const NOW: Timestamp = Timestamp(1_795_165_200_000);

    fn told(until: Timestamp, now: Micros) -> Reply {
        Reply::exhausted("m", until, Unavailability::Throttled, now, WhenExhausted::RetryLater)
    }

    #[test]
    fn a_second_that_was_just_announced_is_one_second_for_the_client() {
        let start = Micros::from(NOW).0;
        // When it was announced, and when the client is told: at once, or later.
        for (retry_after, later) in [(0, 0), (1, 0), (1, 998), (500, 300), (999, 0), (999, 1)] {
            let until = Micros(start + retry_after).rounded_up() + Millis(1000);
            let now = Micros(start + retry_after + later);
            for reply in [told(until, now), Reply::pinned_backend_down("m", until, now)] {
                assert!(
                    reply.headers.contains(&("retry-after", "1".into())),
                    "{retry_after} {later}"
                );
                assert!(text(&reply).contains("Please retry after 1 second."), "{}", text(&reply));
            }
        }
        let until = NOW + Millis(1001);
        let headers = |micros| told(until, Micros(start + micros)).headers[1..].to_vec();
        let seconds_and_millis = |seconds: &str, millis: &str| {
            vec![("retry-after", seconds.to_owned()), ("retry-after-ms", millis.to_owned())]
        };
        assert_eq!(headers(0), seconds_and_millis("2", "1001"), "a millisecond more is one");
        assert_eq!(headers(1), seconds_and_millis("1", "1000"), "less than one is none");
        assert_eq!(headers(1_000_000), seconds_and_millis("1", "1"));
        assert_eq!(headers(1_000_001), seconds_and_millis("1", "1"), "not yet, if barely");
    }

    fn exhausted(why: Unavailability, when: WhenExhausted) -> Reply {
        Reply::exhausted("gpt-4o", NOW + Millis(1200), why, NOW.into(), when)
    }

    #[test]
    fn an_exhausted_pool_says_why_and_when_to_come_back() {
        let throttled = exhausted(Unavailability::Throttled, WhenExhausted::RetryLater);
        let failing = exhausted(Unavailability::Failed, WhenExhausted::RetryLater);
        assert_eq!((throttled.status, failing.status), (429, 503));
        for reply in [&throttled, &failing] {
            assert!(reply.headers.contains(&("retry-after", "2".into())));
            assert!(reply.headers.contains(&("retry-after-ms", "1200".into())));
            let until = "until Fri, 20 Nov 2026 09:00:02 GMT. Please retry after 2 seconds.";
            assert!(text(reply).contains(until), "{}", text(reply));
        }
        let silent = exhausted(Unavailability::Failed, WhenExhausted::ServiceUnavailable);
        assert_eq!((silent.status, silent.body.len(), silent.headers.len()), (503, 0, 0));
    }
}
