//! What a line of the access log says, in the words of tests.

use serde_json::{Value, json};

/// The attempts as one text, `eastus 429 12ms, westus 200 340ms`; where there was none, why.
pub fn attempts(line: &Value) -> String {
    let Some(attempts) = line["attempts"].as_array() else {
        return line["error"]["type"].as_str().unwrap_or_default().to_owned();
    };
    let one = |attempt: &Value| {
        let text = |field: &str| attempt[field].as_str().map(str::to_owned);
        let number = |field: &str| attempt[field].as_u64().map(|number| number.to_string());
        let took = number("duration_ms").map(|took| format!("{took}ms"));
        let said = [text("backend"), number("status"), text("end"), took];
        said.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    attempts.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The tokens, by what they were used for.
pub fn tokens(line: &Value) -> Value {
    let usage = &line["gen_ai"]["usage"];
    json!({
        "prompt": usage["input_tokens"],
        "completion": usage["output_tokens"],
        "cached": usage["cache_read"]["input_tokens"],
        "reasoning": usage["reasoning"]["output_tokens"],
    })
}

/// The model that was asked for.
pub fn model(line: &Value) -> &Value {
    &line["gen_ai"]["request"]["model"]
}
