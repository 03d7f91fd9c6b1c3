//! Audio and images, as far as a gateway sees them: forms in, small JSON out.

use hyper::StatusCode;
use serde_json::json;

use crate::answer::Answer;
use crate::operation::{Call, filter, text};

pub(crate) fn transcription(call: Call<'_>) -> Answer {
    let body = json!({ "text": text::reply(call, "(audio)") });
    Answer::json(StatusCode::OK, &body)
}

pub(crate) fn image(call: Call<'_>) -> Answer {
    let prompt = call.body.get("prompt").map_or("", text::last_text);
    let body = json!({
        "created": call.created,
        "data": [{
            "b64_json": PIXEL,
            "revised_prompt": text::reply(call, prompt),
            "content_filter_results": filter::content_results(),
            "prompt_filter_results": filter::content_results()
        }]
    });
    Answer::json(StatusCode::OK, &body)
}

/// A transparent PNG of one pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
