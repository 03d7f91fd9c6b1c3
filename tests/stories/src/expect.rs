//! What stories ask of a stage: each line a sentence.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::http::{Answer, Reaction, Received, Request};
use crate::stage::Stage;

impl dyn Stage + '_ {
    /// Scripts a backend's next reactions.
    pub fn will<R: Into<Reaction>>(
        &mut self,
        backend: &str,
        reactions: impl IntoIterator<Item = R>,
    ) {
        self.script(backend, reactions.into_iter().map(Into::into).collect());
    }

    /// Sends a chat request for this deployment.
    pub fn chat(&mut self, deployment: &str) -> Answer {
        self.send(&another_chat(deployment))
    }

    /// The attempts that the access log tells of the last request, without the times that they took.
    pub fn attempts(&self) -> String {
        without_times(&self.noted("attempts"))
    }

    /// How many requests this backend has received.
    pub fn count(&self, backend: &str) -> usize {
        self.received(backend).len()
    }

    /// The last request that this backend has received.
    #[track_caller]
    pub fn last(&self, backend: &str) -> Received {
        self.received(backend).pop().unwrap_or_else(|| panic!("{backend} received nothing"))
    }

    /// Expects that these backends have received so many requests each.
    #[track_caller]
    pub fn expect_counts(&self, counts: &[(&str, usize)]) {
        let found: Vec<_> = counts.iter().map(|(name, _)| (*name, self.count(name))).collect();
        assert_eq!(found, counts, "requests that the backends received");
    }

    /// Sends so many chat requests and tells which backends answered.
    #[track_caller]
    pub fn regions(&mut self, deployment: &str, count: usize) -> Vec<String> {
        (0..count).map(|_| self.chat(deployment).is(200).region()).collect()
    }
}

/// A chat request as `AzureOpenAI` sends it.
pub fn chat(deployment: &str) -> Request {
    Request::post(chat_path(deployment), CHAT_BODY)
}

/// A chat with this deployment that nobody has sent before: the same request again is no second vote
/// against a backend.
pub fn another_chat(deployment: &str) -> Request {
    static SENT: AtomicU64 = AtomicU64::new(0);
    let number = SENT.fetch_add(1, Ordering::Relaxed);
    let body = CHAT_BODY.trim_end_matches('}');
    Request::post(chat_path(deployment), format!("{body}, \"user\": \"story-{number}\"}}"))
}

/// The path of a chat request.
pub fn chat_path(deployment: &str) -> String {
    format!("/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21")
}

/// A request whose body alone names the model, as the Responses API has it.
pub fn respond(model: &str) -> Request {
    Request::post("/openai/responses?api-version=2025-03-01-preview", respond_body(model))
}

/// The body of such a request.
pub fn respond_body(model: &str) -> String {
    format!(r#"{{"input": "hello", "model": "{model}", "n": 1}}"#)
}

/// A throttled backend's answer, with one more header.
pub fn throttled(name: &str, value: impl Into<Vec<u8>>) -> Answer {
    too_many().with(name, value)
}

/// A throttled backend's answer that announces no time.
pub fn too_many() -> Answer {
    Answer::json(429, r#"{"error":{"code":"429","message":"Requests have exceeded the limit."}}"#)
}

/// An answer of this status with an error that names the backend's own reason.
pub fn failure(status: u16) -> Answer {
    Answer::json(status, format!(r#"{{"error":{{"code":"{status}","message":"the backend's"}}}}"#))
}

/// So many seconds.
pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// So many milliseconds.
pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The attempts of the access log without the times that they took.
fn without_times(attempts: &str) -> String {
    let one = |attempt: &str| {
        attempt
            .rsplit_once(' ')
            .filter(|(_, took)| took.ends_with("ms"))
            .map_or(attempt, |p| p.0)
            .to_owned()
    };
    attempts.split(", ").map(one).collect::<Vec<_>>().join(", ")
}

/// The body of [`chat`].
pub const CHAT_BODY: &str = r#"{"messages":[{"role":"user","content":"hello"}]}"#;
