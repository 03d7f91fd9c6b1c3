//! Embeddings.
//!
//! A vector follows from its text alone, so the same text has the same vector in every
//! region, as it must where a gateway changes regions within one index.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::answer::Answer;
use crate::operation::Call;
use crate::usage::{self, Usage};

pub(crate) fn answer(call: Call<'_>) -> Answer {
    let inputs = call.body.get("input").map(inputs).unwrap_or_default();
    let base64 = call.body.get("encoding_format").and_then(Value::as_str) == Some("base64");
    let dimensions = dimensions(call);
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = vector(&input.to_string(), dimensions);
            let embedding = if base64 { packed(&vector) } else { json!(vector) };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    let read = inputs.iter().map(|input| input_tokens(input)).sum();
    let usage = Usage::of_input(read);
    let body = json!({
        "object": "list",
        "data": data,
        "model": call.deployment.model,
        "usage": { "prompt_tokens": usage.prompt, "total_tokens": usage.prompt }
    });
    Answer::json(StatusCode::OK, &body).telling(usage)
}

/// One text, several, one list of tokens, or several.
fn inputs(input: &Value) -> Vec<&Value> {
    match input {
        Value::Array(items) if !items.iter().any(Value::is_number) => items.iter().collect(),
        one => vec![one],
    }
}

fn input_tokens(input: &Value) -> u64 {
    match input {
        Value::Array(tokens) => tokens.len() as u64,
        text => usage::tokens(usage::input_chars(text)),
    }
}

fn dimensions(call: Call<'_>) -> usize {
    let asked = call.body.get("dimensions").and_then(Value::as_u64);
    let natural = if call.deployment.model.contains("3-large") { LARGE } else { SMALL };
    asked
        .and_then(|asked| usize::try_from(asked).ok())
        .map_or(natural, |asked| asked.clamp(1, LARGE))
}

/// A vector of length one, pointing where the hash of the text says.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut raw = Vec::with_capacity(dimensions);
    let mut block = Sha256::digest(text);
    while raw.len() < dimensions {
        raw.extend(block.iter().map(|byte| f32::from(*byte) - 127.5));
        block = Sha256::digest(block);
    }
    raw.truncate(dimensions);
    let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
    raw.iter().map(|x| x / length).collect()
}

/// Little-endian floats in base64, the form openai-python asks for.
fn packed(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
    Value::String(STANDARD.encode(bytes))
}

const SMALL: usize = 1_536;
const LARGE: usize = 3_072;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_length_one_and_follow_from_the_text() {
        let one = vector("a", 100);
        assert_eq!(one.len(), 100);
        assert!((one.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-4);
        assert_eq!(one, vector("a", 100));
        assert_ne!(one, vector("b", 100));
    }

    #[test]
    fn every_form_of_input_is_counted() {
        let forms = [
            (json!("abcd"), 1),
            (json!(["abcd", "efgh"]), 2),
            (json!([1, 2, 3]), 1),
            (json!([[1, 2], [3]]), 2),
        ];
        for (input, count) in forms {
            assert_eq!(inputs(&input).len(), count, "{input}");
        }
        assert_eq!(input_tokens(&json!([1, 2, 3])), 3);
    }
}
