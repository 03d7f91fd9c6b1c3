//! What tests ask of answers and of what backends received: each line a sentence.

use std::time::Duration;

use serde_json::Value;

use super::{Answer, Received};

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
