//! What is asked, and the request for it.

use bytes::Bytes;

use crate::gateways::Running;
use crate::load::{Shot, Wants};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// A chat completion, routed by its path, in so many bytes.
    Chat(usize),
    /// A request to the Responses API, whose body alone names the model, in so many bytes.
    Responses(usize),
    /// A streamed chat completion; the flag: whether its client asks for the usage.
    Stream(bool),
    /// A chat completion of 1 KB from a client that brings the cookie of an earlier answer.
    ChatWithCookie,
}

impl Asks {
    /// The request for a gateway there.
    pub(crate) fn shot(self, to: &Running) -> Shot {
        let chat = to.chat.as_deref().unwrap_or(DEPLOYMENT);
        let responses = to.responses.unwrap_or("/openai/v1/responses");
        let start = format!(r#"{{"model":"{}","messages":["#, to.model);
        let (path, body, wants) = match self {
            Self::Chat(size) => (chat, padded(&start, "]}", size), Wants::Json),
            Self::ChatWithCookie => (chat, padded(&start, "]}", 1024), Wants::Json),
            Self::Responses(size) => {
                let start = format!(r#"{{"model":"{}","input":["#, to.model);
                (responses, padded(&start, "]}", size), Wants::Json)
            }
            Self::Stream(usage) => {
                let options =
                    if usage { r#","stream_options":{"include_usage":true}"# } else { "" };
                let end = format!(r#"],"stream":true{options}}}"#);
                (chat, padded(&start, &end, 1024), Wants::Stream { usage })
            }
        };
        Shot { path: path.into(), headers: to.headers.clone(), body, wants }
    }
}

/// A body of so many bytes, its prompt as long as that takes.
fn padded(start: &str, end: &str, size: usize) -> Bytes {
    let (open, close) = (r#"{"role":"user","content":""#, r#""}"#);
    let fixed = start.len() + open.len() + close.len() + end.len();
    let prompt = PROMPT.repeat(size / PROMPT.len() + 1);
    let prompt = prompt.get(..size.saturating_sub(fixed)).unwrap_or_default();
    Bytes::from([start, open, prompt, close, end].concat())
}

const DEPLOYMENT: &str = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21";
const PROMPT: &str = "What is the capital of France, and on which river does it lie? ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_as_long_as_it_is_called_and_is_json() {
        for size in [1024, 64 * 1024, 1024 * 1024] {
            let body = padded(r#"{"model":"gpt-4o","messages":["#, "]}", size);
            assert_eq!(body.len(), size);
            serde_json::from_slice::<serde_json::Value>(&body).unwrap();
        }
    }
}
