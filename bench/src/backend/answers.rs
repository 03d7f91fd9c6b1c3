//! What a backend says.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::channel::Channel;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};
use tokio::time::{Instant, interval_at};

use crate::clock;

pub(super) type Body = BoxBody<Bytes, Infallible>;

/// A chat completion.
pub(super) fn chat() -> Response<Body> {
    json(CHAT)
}

/// A response of the Responses API.
pub(super) fn response() -> Response<Body> {
    json(RESPONSE)
}

/// 429, with the time to stay away: in whole seconds where it is, as most clients know these alone.
pub(super) fn too_many(stay_away: Duration) -> Response<Body> {
    let mut response = json(TOO_MANY);
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let (name, number) = match stay_away.subsec_millis() {
        0 => ("retry-after", u128::from(stay_away.as_secs())),
        _ => ("retry-after-ms", stay_away.as_millis()),
    };
    if let Ok(value) = HeaderValue::from_str(&number.to_string()) {
        response.headers_mut().insert(name, value);
    }
    response
}

fn json(text: &'static str) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())).boxed());
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    response
}

/// A first chunk without content, as Azure's and OpenAI's are, and then [`CHUNKS`] chunks, one each
/// [`PACE`]: each says when it was sent.
pub(super) fn stream(with_usage: bool) -> Response<Body> {
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
    tokio::spawn(async move {
        if sender.send_data(Bytes::from_static(ROLE_CHUNK.as_bytes())).await.is_err() {
            return;
        }
        let mut pace = interval_at(Instant::now() + PACE, PACE);
        for _ in 0..CHUNKS {
            pace.tick().await;
            if sender.send_data(chunk(with_usage)).await.is_err() {
                return;
            }
        }
        let usage = if with_usage { USAGE_CHUNK } else { "" };
        _ = sender.send_data(Bytes::from(format!("{usage}data: [DONE]\n\n"))).await;
    });
    let mut response = Response::new(body.boxed());
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("text/event-stream"));
    response
}

fn chunk(with_usage: bool) -> Bytes {
    let usage = if with_usage { ",\"usage\":null" } else { "" };
    Bytes::from(format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1750000000,\
         \"model\":\"gpt-4o\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{SENT}{}\"}},\
         \"logprobs\":null,\"finish_reason\":null}}]{usage}}}\n\n",
        clock::now().as_nanos()
    ))
}

const ROLE_CHUNK: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1750000000,"#,
    r#""model":"gpt-4o","choices":[{"index":0,"delta":{"role":"assistant","content":"","#,
    r#""refusal":null},"logprobs":null,"finish_reason":null}]}"#,
    "\n\n"
);

/// Chunks of a stream that hold content, without its end.
pub(crate) const CHUNKS: usize = 500;

/// Between two chunks: a fast model's pace for each of a gateway's streams.
pub(crate) const PACE: Duration = Duration::from_millis(2);

/// Stands before the time at which a chunk was sent, in nanoseconds of [`clock::now`].
pub(crate) const SENT: &str = "sent at ";

/// Stands in every answer, whatever a gateway makes of the rest.
pub(crate) const MARK: &str = "Paris, on the Seine";

const CHAT: &str = concat!(
    r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1750000000,"#,
    r#""model":"gpt-4o-2024-11-20","system_fingerprint":"fp_b705f0c291","choices":[{"index":0,"#,
    r#""message":{"role":"assistant","content":"The capital of France is Paris, on the Seine.","#,
    r#""refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"#,
    r#""usage":{"prompt_tokens":214,"completion_tokens":11,"total_tokens":225,"#,
    r#""prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"#,
    r#""completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"#,
    r#""accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}"#
);

const RESPONSE: &str = concat!(
    r#"{"id":"resp_bench","object":"response","created_at":1750000000,"status":"completed","#,
    r#""error":null,"incomplete_details":null,"instructions":null,"max_output_tokens":null,"#,
    r#""model":"gpt-4o-2024-11-20","output":[{"type":"message","id":"msg_bench","#,
    r#""status":"completed","role":"assistant","content":[{"type":"output_text","#,
    r#""text":"The capital of France is Paris, on the Seine.","annotations":[]}]}],"#,
    r#""parallel_tool_calls":true,"previous_response_id":null,"store":true,"temperature":1.0,"#,
    r#""tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","#,
    r#""usage":{"input_tokens":214,"input_tokens_details":{"cached_tokens":0},"#,
    r#""output_tokens":11,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":225},"#,
    r#""user":null,"metadata":{}}"#
);

const TOO_MANY: &str =
    r#"{"error":{"code":"429","message":"Requests have exceeded the rate limit of this region."}}"#;

const USAGE_CHUNK: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1750000000,"#,
    r#""model":"gpt-4o","choices":[],"usage":{"prompt_tokens":214,"completion_tokens":500,"#,
    r#""total_tokens":714}}"#,
    "\n\n"
);
