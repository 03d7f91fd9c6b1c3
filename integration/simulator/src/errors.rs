//! Azure's refusals, word for word.
//!
//! Gateways and SDKs read these bodies, and each surface has its own: `code` may be
//! a number in a string, a word or null. The texts are those seen on the wire.

use std::time::SystemTime;

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::answer::{Answer, Refusal};
use crate::fault::RetryAfter;
use crate::limiter::{Exceeded, Metered, Verdict, whole_seconds};

/// Who was asked for what: the names the text of a 429 tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub deployment: &'a str,
    pub model: &'a str,
    pub region: &'a str,
    pub operation: &'a str,
    pub api_version: Option<&'a str>,
}

pub(crate) fn access_denied() -> Refusal {
    azure(
        StatusCode::UNAUTHORIZED,
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to \
         provide a valid key for an active subscription and use a correct regional API endpoint \
         for your resource.",
    )
}

pub(crate) fn resource_not_found() -> Refusal {
    azure(StatusCode::NOT_FOUND, "404", "Resource not found")
}

pub(crate) fn deployment_not_found() -> Refusal {
    azure(
        StatusCode::NOT_FOUND,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist. If you created the deployment \
         within the last 5 minutes, please wait a moment and try again.",
    )
}

/// What v1 and Responses say instead of [`deployment_not_found`].
pub(crate) fn no_deployment_for_model() -> Refusal {
    openai(
        StatusCode::BAD_REQUEST,
        "Could not find an existing deployment to match the model in the request. Please ensure \
         that the model in the request matches the deployment name.",
        None,
        None,
    )
}

pub(crate) fn malformed_json(problem: &str) -> Refusal {
    openai(
        StatusCode::BAD_REQUEST,
        &format!("We could not parse the JSON body of your request: {problem}."),
        None,
        None,
    )
}

pub(crate) fn missing_parameter(name: &str) -> Refusal {
    openai(
        StatusCode::BAD_REQUEST,
        &format!("Missing required parameter: '{name}'."),
        Some(name),
        Some("missing_required_parameter"),
    )
}

pub(crate) fn previous_response_not_found(id: &str) -> Refusal {
    openai(
        StatusCode::BAD_REQUEST,
        &format!("Previous response with id '{id}' not found."),
        Some("previous_response_id"),
        Some("previous_response_not_found"),
    )
}

pub(crate) fn response_not_found(id: &str) -> Refusal {
    openai(StatusCode::NOT_FOUND, &format!("Response with id '{id}' not found."), None, None)
}

pub(crate) fn content_filtered() -> Refusal {
    let safe = || json!({ "filtered": false, "severity": "safe" });
    let body = json!({ "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content \
            management policy. Please modify your prompt and retry. To learn more about our \
            content filtering policies please read our documentation: \
            https://go.microsoft.com/fwlink/?linkid=2198766",
        "type": null,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {
                "hate": safe(),
                "jailbreak": { "filtered": true, "detected": true },
                "self_harm": safe(),
                "sexual": safe(),
                "violence": safe()
            }
        }
    }});
    Box::new(Answer::json(StatusCode::BAD_REQUEST, &body))
}

/// The limiter's 429, with every header Azure tells the wait in.
pub(crate) fn rate_limited(
    asked: Asked<'_>,
    exceeded: Exceeded,
    verdict: &Verdict,
    in_millis: bool,
) -> Refusal {
    let seconds = whole_seconds(exceeded.wait);
    let mut answer = too_many_requests(asked, exceeded.what, seconds);
    answer.tell_remaining(verdict);
    answer.set("retry-after", &seconds.to_string());
    let reset = match exceeded.what {
        Metered::Requests => "x-ratelimit-reset-requests",
        Metered::Tokens => "x-ratelimit-reset-tokens",
    };
    answer.set(reset, &seconds.to_string());
    if in_millis {
        answer.set("retry-after-ms", &exceeded.wait.as_millis().to_string());
    }
    answer
}

/// The body Azure sends with `status`, and for a 429 the wait told as `retry_after`.
pub(crate) fn scripted(
    status: StatusCode,
    retry_after: Option<&RetryAfter>,
    asked: Asked<'_>,
    now: SystemTime,
) -> Refusal {
    let wait = match (status, retry_after) {
        (StatusCode::TOO_MANY_REQUESTS, None) => Some(&RetryAfter::Seconds(1)),
        (_, told) => told,
    };
    let mut answer = body_of(status, wait, asked);
    if let Some(wait) = wait {
        answer.tell_wait(wait, now);
    }
    answer
}

fn body_of(status: StatusCode, wait: Option<&RetryAfter>, asked: Asked<'_>) -> Refusal {
    match status {
        StatusCode::BAD_REQUEST => openai(status, "The request is invalid.", None, None),
        StatusCode::UNAUTHORIZED => access_denied(),
        StatusCode::FORBIDDEN => {
            azure(status, "403", "Access denied due to Virtual Network/Firewall rules.")
        }
        StatusCode::NOT_FOUND => deployment_not_found(),
        StatusCode::REQUEST_TIMEOUT => azure(status, "Timeout", "The operation was timeout."),
        StatusCode::TOO_MANY_REQUESTS => {
            too_many_requests(asked, Metered::Requests, seconds_of(wait))
        }
        StatusCode::INTERNAL_SERVER_ERROR => azure(
            status,
            "InternalServerError",
            "The server had an error while processing your request. Sorry about that!",
        ),
        StatusCode::SERVICE_UNAVAILABLE => azure(
            status,
            "ServiceUnavailable",
            "The service is temporarily unable to process your request. Please try again later.",
        ),
        _ => azure(status, status.as_str(), status.canonical_reason().unwrap_or("Unknown error")),
    }
}

fn too_many_requests(asked: Asked<'_>, what: Metered, seconds: u64) -> Refusal {
    let Asked { deployment, model, region, operation, .. } = asked;
    let limit = match what {
        Metered::Requests => "call",
        Metered::Tokens => "token",
    };
    let version = asked.api_version.unwrap_or("v1");
    let message = format!(
        "Your requests to {deployment} for {model} in {region} have exceeded the {limit} rate \
         limit for your current AIServices S0 pricing tier. This request was for {operation} \
         under Azure OpenAI API version {version}. Please retry after {seconds} seconds. To \
         increase your default rate limit, visit: https://aka.ms/oai/quotaincrease."
    );
    azure(StatusCode::TOO_MANY_REQUESTS, "429", &message)
}

/// The seconds a 429's text names; a minute where the headers tell none.
fn seconds_of(wait: Option<&RetryAfter>) -> u64 {
    match wait {
        Some(
            RetryAfter::Seconds(seconds)
            | RetryAfter::DateInSeconds(seconds)
            | RetryAfter::RatelimitReset(seconds),
        ) => *seconds,
        Some(RetryAfter::Millis(millis)) => millis.div_ceil(1_000),
        Some(RetryAfter::Decimal(seconds)) => seconds.ceil() as u64,
        Some(RetryAfter::Raw(text)) => text.trim().parse().unwrap_or(60),
        Some(RetryAfter::None) | None => 60,
    }
}

/// The form of Azure's front door.
fn azure(status: StatusCode, code: &str, message: &str) -> Refusal {
    let body = json!({ "error": { "code": code, "message": message } });
    Box::new(Answer::json(status, &body))
}

/// The form of the model server behind it.
fn openai(status: StatusCode, message: &str, param: Option<&str>, code: Option<&str>) -> Refusal {
    let body: Value = json!({ "error": {
        "message": message,
        "type": "invalid_request_error",
        "param": param,
        "code": code
    }});
    Box::new(Answer::json(status, &body))
}
