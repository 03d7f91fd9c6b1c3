//! What stories ask of answers and of what backends received: each line a sentence.

use std::time::Duration;

use serde_json::Value;

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
        self.send(&chat(deployment))
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

impl Answer {
    /// Expects this status.
    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "the client's status; body: {body}");
        self
    }

    /// Expects that this backend, healthy, gave the answer.
    #[track_caller]
    pub fn from(&self, backend: &str) -> &Self {
        assert_eq!(self.region(), backend, "the backend that answered");
        self
    }

    /// Expects this header with this value.
    #[track_caller]
    pub fn has(&self, name: &str, value: &str) -> &Self {
        assert_eq!(self.headers.text(name).as_deref(), Some(value), "the answer's `{name}`");
        self
    }

    /// Expects that no header has this name.
    #[track_caller]
    pub fn lacks(&self, name: &str) -> &Self {
        assert_eq!(self.headers.text(name), None, "the answer's `{name}`");
        self
    }

    /// Expects exactly this body.
    #[track_caller]
    pub fn says(&self, body: impl AsRef<[u8]>) -> &Self {
        let (found, wanted) = (String::from_utf8_lossy(&self.body), body.as_ref());
        assert_eq!(self.body, wanted, "the client's body: {found}");
        self
    }

    /// Expects that the body came to its end.
    #[track_caller]
    pub fn ends(&self) -> &Self {
        assert!(!self.broken, "the answer breaks off");
        self
    }

    /// Expects that the connection was closed before the body's end.
    #[track_caller]
    pub fn breaks(&self) -> &Self {
        assert!(self.broken, "the answer ends as if it were complete");
        self
    }

    /// Expects exactly this stream and then an error event that OpenAI's SDKs raise.
    #[track_caller]
    pub fn interrupted_after(&self, stream: &str) -> &Self {
        let said = String::from_utf8_lossy(&self.body);
        let rest = said.strip_prefix(stream);
        let rest = rest.unwrap_or_else(|| panic!("not {stream:?} first: {said:?}"));
        let data = rest.strip_prefix("data: ").and_then(|rest| rest.strip_suffix("\n\n"));
        let data = data.unwrap_or_else(|| panic!("no event at the end: {said:?}"));
        let data: Value = serde_json::from_str(data).unwrap_or_default();
        assert_eq!(data["error"]["code"], "stream_interrupted", "{said:?}");
        self
    }

    /// Expects an error as OpenAI's SDKs read it, with this code.
    #[track_caller]
    pub fn error(&self, code: &str) -> &Self {
        assert_eq!(self.parsed()["error"]["code"], code, "the error's code in {:?}", self.parsed());
        assert!(self.parsed()["error"]["message"].is_string(), "the error has a message");
        self
    }

    /// The code of an error in OpenAI's shape.
    pub fn error_code(&self) -> Option<String> {
        Some(self.parsed()["error"]["code"].as_str()?.to_owned())
    }

    /// Expects that the client is told to come back after this time, and never too early.
    #[track_caller]
    pub fn retry_after(&self, wait: Duration) -> &Self {
        let header = |name| self.headers.text(name).and_then(|text| text.parse::<u128>().ok());
        let (seconds, millis) = (header("retry-after"), header("retry-after-ms"));
        let (seconds, millis) = (seconds.expect("retry-after"), millis.expect("retry-after-ms"));
        assert!(seconds * 1000 >= millis && seconds >= 1, "{seconds} s and {millis} ms");
        // On a stage in real time a little of it is over already.
        let wait = wait.as_millis();
        assert!(millis <= wait && millis + 1000 >= wait, "{millis} ms instead of {wait} ms");
        self
    }

    /// Expects that the client is told to come back after a trip of this time: a tenth of it is
    /// left to chance.
    #[track_caller]
    pub fn retry_after_trip(&self, trip: Duration) -> &Self {
        let millis = self.headers.text("retry-after-ms").and_then(|text| text.parse::<u128>().ok());
        let (wait, longest) = (millis.expect("retry-after-ms"), trip.as_millis() * 11 / 10);
        assert!(wait <= longest && wait + 1000 >= longest, "{wait} ms instead of {trip:?}");
        self
    }

    /// The backend that the body names; empty where no healthy backend wrote it.
    pub fn region(&self) -> String {
        self.parsed()["region"].as_str().unwrap_or_default().to_owned()
    }

    /// The deployment that the backend was asked for.
    pub fn deployment(&self) -> String {
        self.parsed()["deployment"].as_str().unwrap_or_default().to_owned()
    }

    /// The `name=value` of the cookie that the answer sets, and its attributes.
    pub fn cookie(&self) -> Option<(String, String)> {
        let cookie = self.headers.text("set-cookie")?;
        let (pair, attributes) = cookie.split_once(';').unwrap_or((&cookie, ""));
        Some((pair.to_owned(), attributes.trim().to_owned()))
    }

    fn parsed(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Received {
    /// Expects this header with this value.
    #[track_caller]
    pub fn has(&self, name: &str, value: &str) -> &Self {
        let found: Vec<_> = self.headers.all(name).map(String::from_utf8_lossy).collect();
        assert_eq!(found, [value], "`{name}` at the backend");
        self
    }

    /// Expects that no header has this name.
    #[track_caller]
    pub fn lacks(&self, name: &str) -> &Self {
        assert_eq!(self.headers.text(name), None, "`{name}` at the backend");
        self
    }

    /// Expects this path and query.
    #[track_caller]
    pub fn at(&self, path: &str) -> &Self {
        assert_eq!(String::from_utf8_lossy(&self.path), path, "the path at the backend");
        self
    }

    /// Expects exactly this body.
    #[track_caller]
    pub fn says(&self, body: impl AsRef<[u8]>) -> &Self {
        let (found, expected) = (&self.body, body.as_ref());
        let differ = found.iter().zip(expected).position(|(found, expected)| found != expected);
        let at = differ.unwrap_or_else(|| found.len().min(expected.len()));
        let around = |body: &[u8]| {
            let there = at.saturating_sub(80)..body.len().min(at + 80);
            String::from_utf8_lossy(&body[there]).into_owned()
        };
        assert!(
            found == expected,
            "the body at the backend has {} bytes, not {}, and differs at {at}: …{}… is not …{}…",
            found.len(),
            expected.len(),
            around(found),
            around(expected)
        );
        self
    }
}

/// A chat request as `AzureOpenAI` sends it.
pub fn chat(deployment: &str) -> Request {
    Request::post(chat_path(deployment), CHAT_BODY)
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

/// The trail of attempts without the times that they took.
pub fn without_times(attempts: &str) -> String {
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
