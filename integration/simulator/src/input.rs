//! The body of a request: received, hashed, understood.
//!
//! The hash is how tests prove that a gateway passed a body on byte for byte, so it
//! is taken from the frames as they come, before anyone looks at their meaning.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::answer::Refusal;
use crate::errors;
use crate::multipart;
use crate::state::hex;

/// A body as it came over the wire.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub bytes: Bytes,
    /// In lower-case hex.
    pub sha256: String,
    pub trailers: Vec<(String, Vec<u8>)>,
    /// The caller stayed to the end.
    pub whole: bool,
}

/// A body as an operation sees it.
#[derive(Debug)]
pub(crate) enum Input {
    Json(Value),
    Form { model: Option<String> },
    Malformed(String),
}

/// Reads to the end, or to where the caller hung up.
pub(crate) async fn read(mut body: Incoming) -> Received {
    let mut bytes = BytesMut::new();
    let mut hash = Sha256::new();
    let mut trailers = Vec::new();
    let mut whole = true;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            whole = false;
            break;
        };
        match frame.into_data() {
            Ok(data) => {
                hash.update(&data);
                bytes.extend_from_slice(&data);
            }
            Err(frame) => {
                if let Ok(map) = frame.into_trailers() {
                    trailers = fields(&map);
                }
            }
        }
    }
    Received { bytes: bytes.freeze(), sha256: hex(&hash.finalize()), trailers, whole }
}

/// A header map as names and bytes.
pub(crate) fn fields(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    map.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

// === impl Received ===

impl Received {
    /// The body as text, unless it is long or not UTF-8.
    pub(crate) fn text(&self) -> Option<String> {
        if self.bytes.len() > KEPT_TEXT {
            return None;
        }
        String::from_utf8(self.bytes.to_vec()).ok()
    }
}

// === impl Input ===

impl Input {
    pub(crate) fn parse(headers: &HeaderMap, body: &[u8]) -> Self {
        if is_form(headers) {
            let model = multipart::field(body, "model");
            return Self::Form { model };
        }
        match serde_json::from_slice(body) {
            Ok(value) => Self::Json(value),
            Err(problem) => Self::Malformed(problem.to_string()),
        }
    }

    /// The model or deployment the body names.
    pub(crate) fn model(&self) -> Option<String> {
        match self {
            Self::Json(body) => body.get("model")?.as_str().map(str::to_owned),
            Self::Form { model } => model.clone(),
            Self::Malformed(_) => None,
        }
    }

    /// The body as a JSON object; a form has none of its own to look at.
    pub(crate) fn json(&self) -> Result<&Value, Refusal> {
        match self {
            Self::Json(body) if body.is_object() => Ok(body),
            Self::Json(_) => Err(errors::malformed_json("it is not an object")),
            Self::Form { .. } => Ok(&Value::Null),
            Self::Malformed(problem) => Err(errors::malformed_json(problem)),
        }
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"multipart/form-data"))
}

const KEPT_TEXT: usize = 64 << 10;
