//! What Azure's content filter adds to answers that pass it.

use serde_json::{Value, json};

/// `prompt_filter_results`: the input was looked at and found harmless.
pub(crate) fn prompt_results() -> Value {
    let mut results = content_results();
    if let Some(fields) = results.as_object_mut() {
        let not_detected = json!({ "filtered": false, "detected": false });
        fields.insert("jailbreak".to_owned(), not_detected);
    }
    json!([{ "prompt_index": 0, "content_filter_results": results }])
}

/// `content_filter_results`: so was the output.
pub(crate) fn content_results() -> Value {
    let safe = || json!({ "filtered": false, "severity": "safe" });
    json!({ "hate": safe(), "self_harm": safe(), "sexual": safe(), "violence": safe() })
}
