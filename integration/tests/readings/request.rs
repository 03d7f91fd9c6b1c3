//! A request, byte by byte.

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// The request line's target, in any bytes.
    pub(crate) target: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// Sent after the body, which is chunked then.
    pub(crate) trailers: Vec<(&'static str, String)>,
    pub(crate) http2: bool,
}

impl Request {
    /// `POST target`, with a body and without a content type.
    pub(crate) fn post(target: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Self {
        Self {
            method: "POST",
            target: target.as_ref().to_vec(),
            headers: Vec::new(),
            body: body.as_ref().to_vec(),
            trailers: Vec::new(),
            http2: false,
        }
    }

    /// `POST target` with this JSON.
    pub(crate) fn json(target: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Self {
        Self::post(target, body).header("content-type", "application/json")
    }

    /// A chat whose deployment is in the path, with `query` at the end of its query.
    pub(crate) fn chat(model: &str, query: &str) -> Self {
        let target = format!("{}?api-version=2024-10-21{query}", chat_path(model));
        Self::json(target, MESSAGES)
    }

    /// One header more.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The same by another method.
    pub(crate) fn by(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    /// One trailer more.
    pub(crate) fn trailer(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.trailers.push((name, value.into()));
        self
    }

    /// The same over HTTP/2.
    pub(crate) fn over_http2(self) -> Self {
        Self { http2: true, ..self }
    }

    /// As it is written in HTTP/1.1.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(self.method.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(&self.target);
        bytes.extend_from_slice(b" HTTP/1.1\r\nhost: gateway.example\r\n");
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if self.trailers.is_empty() {
            let length = format!("content-length: {}\r\n\r\n", self.body.len());
            bytes.extend_from_slice(length.as_bytes());
            bytes.extend_from_slice(&self.body);
            return bytes;
        }
        bytes.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
        bytes.extend_from_slice(format!("{:x}\r\n", self.body.len()).as_bytes());
        bytes.extend_from_slice(&self.body);
        bytes.extend_from_slice(b"\r\n0\r\n");
        for (name, value) in &self.trailers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }
}

/// The canonical path of a chat with this deployment.
pub(crate) fn chat_path(model: &str) -> String {
    format!("/openai/deployments/{model}/chat/completions")
}

/// A body that names no model.
pub(crate) const MESSAGES: &str = r#"{"messages":[{"role":"user","content":"hello"}]}"#;
/// Where the body names the model.
pub(crate) const V1_CHAT: &str = "/openai/v1/chat/completions";
/// The same of the Responses API.
pub(crate) const RESPONSES: &str = "/openai/v1/responses";
/// Where a form names the model.
pub(crate) const TRANSCRIPTIONS: &str = "/openai/v1/audio/transcriptions";
