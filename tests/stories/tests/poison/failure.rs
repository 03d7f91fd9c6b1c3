//! What a request provokes: every way in which a backend fails one request and serves the others.

use std::time::Duration;

use proptest::prelude::*;
use spillway_stories::expect::failure;
use spillway_stories::http::{Answer, Reaction};

use crate::shape::Shape;

/// A failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// This status.
    Status(u16),
    /// This status, and a time to wait, in milliseconds.
    Announced(u16, u64),
    /// A 429 that says how long to wait, and that there is room: the request is too large.
    TooLarge(u64),
    /// The deployment is not there.
    NoDeployment,
    /// A page under a good status.
    Page,
    /// Nothing under a good status.
    Empty,
    /// An error under a good status.
    ErrorBody,
    /// The connection is reset before the answer.
    Reset,
    /// No answer before the time-out.
    Silence,
    /// A stream whose first event is an error.
    ErrorEvent,
    /// A stream that ends before its content.
    EmptyStream,
    /// A stream that is lost before its content.
    LostStream,
    /// No connection can be made.
    Unreachable,
}

impl Failure {
    /// What a request can provoke.
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            2 => Self::status().prop_map(Self::Status),
            1 => (Self::status(), 1000..100_000_u64).prop_map(|(status, wait)| Self::Announced(status, wait)),
            1 => (1000..100_000_u64).prop_map(Self::TooLarge),
            4 => prop::sample::select(Self::WITHOUT_STATUS.to_vec()),
        ]
    }

    /// What an outage looks like: all that counts against a backend whatever the file says.
    pub(crate) fn of_an_outage() -> impl Strategy<Value = Self> {
        let statuses = [401, 403, 500, 502, 503, 504].map(Self::Status);
        let others = [Self::NoDeployment, Self::Unreachable];
        prop::sample::select([&statuses[..], &Self::WITHOUT_STATUS, &others].concat())
    }

    fn status() -> impl Strategy<Value = u16> {
        let usual = vec![400, 401, 403, 404, 408, 429, 429, 500, 502, 503, 504];
        prop_oneof![3 => prop::sample::select(usual), 1 => 400..=599_u16]
    }

    const WITHOUT_STATUS: [Self; 9] = [
        Self::NoDeployment,
        Self::Page,
        Self::Empty,
        Self::ErrorBody,
        Self::Reset,
        Self::Silence,
        Self::ErrorEvent,
        Self::EmptyStream,
        Self::LostStream,
    ];

    /// How long a backend that fails so asks for no traffic at all. DESIGN's table: a 429 throttles,
    /// for the announced time, else for the configured one, unless the file says that it is a failure.
    pub(crate) fn throttles(self, shape: &Shape) -> Option<Duration> {
        match self {
            Self::Status(429) if !shape.counts_throttling() => Some(TRIP),
            Self::Announced(429, wait) if !shape.counts_throttling() => {
                Some(Duration::from_millis(wait))
            }
            _ => None,
        }
    }

    /// How long a backend that fails so may be left in peace: it asks for that, and says that it has
    /// room, or the file wants several of its kind.
    pub(crate) fn may_throttle(self, shape: &Shape) -> Option<Duration> {
        match self {
            Self::TooLarge(wait) => Some(Duration::from_millis(wait)),
            Self::Status(429) if shape.counts_throttling() => Some(TRIP),
            Self::Announced(429, wait) if shape.counts_throttling() => {
                Some(Duration::from_millis(wait))
            }
            _ => None,
        }
    }

    /// What a backend does that fails so.
    pub(crate) fn reaction(self) -> Reaction {
        match self {
            Self::Status(status) => failure(status).into(),
            Self::Announced(status, wait) => {
                failure(status).with("retry-after-ms", wait.to_string()).into()
            }
            Self::TooLarge(wait) => failure(429)
                .with("retry-after-ms", wait.to_string())
                .with("x-ratelimit-remaining-requests", "9")
                .with("x-ratelimit-remaining-tokens", "4000")
                .into(),
            Self::NoDeployment => Answer::json(404, NO_DEPLOYMENT).into(),
            Self::Page => {
                let page = Answer { status: 200, body: PAGE.into(), ..Answer::default() };
                page.with("content-type", "text/html").into()
            }
            Self::Empty => Answer::json(200, "").into(),
            Self::ErrorBody => Answer::json(200, ERROR).into(),
            Self::Reset => Reaction::HangUp,
            Self::Silence => Reaction::Silence,
            Self::ErrorEvent => Answer::events(format!("data: {ERROR}\n\n")).into(),
            Self::EmptyStream => Answer::events(format!("{ROLE}data: [DONE]\n\n")).into(),
            Self::LostStream => Reaction::Breaks(Answer::events(ROLE)),
            Self::Unreachable => Reaction::Unreachable,
        }
    }
}

/// The default of `circuit_breaker.trip`.
const TRIP: Duration = Duration::from_secs(60);

const NO_DEPLOYMENT: &str = r#"{"error":{"code":"DeploymentNotFound","message":"not there"}}"#;
const PAGE: &str = "<html><body>Bad Gateway</body></html>";
const ERROR: &str = r#"{"error":{"message":"x","type":"server_error","code":null}}"#;
const ROLE: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
