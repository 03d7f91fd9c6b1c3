//! What servers say of a deployment or a model that they do not have.
//!
//! Azure OpenAI writes `DeploymentNotFound`, and OpenAI `model_not_found`. Servers that are compatible with
//! it only copy its sentence: vLLM and SGLang write "The model `m` does not exist.", Ollama "model \"m\" not
//! found, try pulling it first". So the message counts too where it begins with the model. What else may
//! not be there is somebody's response, file or thread, and its message begins with that.

use serde_json::Value;

/// Returns `true` if this body says so.
pub(crate) fn is_told_by(body: &[u8]) -> bool {
    let said = serde_json::from_slice::<Value>(body).unwrap_or_default();
    said.get("error").is_some_and(is_named_by)
        || (said.get("object").and_then(Value::as_str) == Some("error") && is_named_by(&said))
}

/// Returns `true` if this error says so. It is an object, or only its message.
pub(crate) fn is_named_by(error: &Value) -> bool {
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_word = |word: &str| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known));
    let message = error.as_str().unwrap_or_else(|| text("message"));
    is_word(text("code")) || is_word(text("type")) || is_sentence(&message.to_ascii_lowercase())
}

fn is_sentence(message: &str) -> bool {
    let subject = message.strip_prefix("the ").unwrap_or(message);
    SUBJECTS.iter().any(|begin| subject.starts_with(begin))
        && ENDS.iter().any(|end| message.contains(end))
}

const WORDS: [&str; 2] = ["DeploymentNotFound", "model_not_found"];
const SUBJECTS: [&str; 2] = ["model ", "deployment "];
const ENDS: [&str; 2] = ["does not exist", "not found"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn each_server_says_it_in_its_own_way() {
        for body in [
            r#"{"error":{"code":"DeploymentNotFound","message":"not there"}}"#,
            r#"{"error":{"type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
            r#"{"error":{"code":404,"type":"model_not_found"}}"#,
            r#"{"object":"error","message":"The model `m` does not exist.","type":"NotFoundError","param":null,"code":404}"#,
            r#"{"error":{"message":"The model `m` does not exist.","type":"NotFoundError","code":404}}"#,
            r#"{"error":{"message":"model \"m\" not found, try pulling it first","type":"api_error","code":null}}"#,
            r#"{"error":"model 'm' not found"}"#,
        ] {
            assert!(is_told_by(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn anything_else_that_is_not_there_is_the_clients() {
        for body in [
            r#"{"error":{"code":"404","message":"DeploymentNotFound"}}"#,
            r#"{"error":{"message":"Response with id 'resp_1' not found.","code":null}}"#,
            r#"{"error":{"message":"No such File object: the model is not found"}}"#,
            r#"{"error":{"message":"The model is busy"}}"#,
            r#"{"detail":"Not Found"}"#,
            r#"{"message":"The model `m` does not exist."}"#,
            "404 page not found",
            "",
        ] {
            assert!(!is_told_by(body.as_bytes()), "{body}");
        }
        assert!(!is_told_by(b"\xff"));
    }
}
