//! What servers other than Azure OpenAI and OpenAI send, each in its own words: vLLM, SGLang, Text
//! Generation Inference, Ollama, LiteLLM, OpenRouter, gateways before Bedrock, Gemini.

use crate::expect::{CHAT_BODY, chat_path, millis};
use crate::http::{Answer, Request};
use crate::story::{AFTER_READING, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "each server's way to fail in a stream is known before its first content",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: TWO,
        play: |stage| {
            for events in [
                // vLLM, older and newer.
                "data: {\"object\":\"error\",\"message\":\"engine dead\",\"type\":\"InternalServerError\",\"param\":null,\"code\":500}\n\ndata: [DONE]\n\n",
                "data: {\"error\": {\"message\": \"engine dead\", \"type\": \"InternalServerError\", \"param\": null, \"code\": 500}}\n\ndata: [DONE]\n\n",
                // LiteLLM.
                "data: {\"error\": {\"message\": \"litellm.APIConnectionError\", \"type\": \"None\", \"param\": \"None\", \"code\": \"500\"}}\n\n",
                // OpenRouter, after its comments; the chunk looks like one.
                ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: {\"id\":\"gen-1\",\"object\":\"chat.completion.chunk\",\"provider\":\"x\",\"error\":{\"code\":502,\"message\":\"Provider disconnected\"},\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}]}\n\n",
                // Text Generation Inference.
                "data:{\"error\":\"Request failed during generation: Server error: transport error\",\"error_type\":\"generation\"}\n\n",
                // Ollama, which forgets that it streams.
                "{\"error\":\"llama runner process has terminated\"}\n",
                // A gateway before Bedrock.
                "data: {\"error\": {\"message\": \"Internal server error\"}}\n\n",
                // Gemini's, in its compatible form.
                "data: [{\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":\"UNAVAILABLE\"}}]\n\n",
            ] {
                for cuts in [vec![], vec![7, 40]] {
                    stage.will("eastus", [Answer::events(events).cut_at(cuts)]);
                    let answer = stage.send(&streaming());
                    answer.is(200).from("westus").has("x-spillway-attempts", "2");
                    assert_eq!(stage.attempts(), "eastus 200 error, westus 200", "{events}");
                }
            }
        },
    },
    Story {
        name: "an error in place of the choices is an error, and one among them is not",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: TWO,
        play: |stage| {
            let failed = r#"{"id":"gen-1","choices":[{"index":0,"error":{"code":502,"message":"x"},"finish_reason":"error","message":{"content":""}}]}"#;
            let empty = r#"{"id":"gen-1","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#;
            for told in [
                Answer::json(200, failed),
                Answer::json(200, failed).cut_at([1, 30, 90]),
                Answer::events(format!("data: {empty}\n\ndata: [DONE]\n\n")),
            ] {
                stage.will("eastus", [told]);
                stage.send(&streaming()).is(200).from("westus").has("x-spillway-attempts", "2");
            }
            let one = r#"{"id":"gen-1","choices":[{"error":{"code":502},"finish_reason":"error"},{"message":{"content":"a"},"finish_reason":"stop"}]}"#;
            stage.will("eastus", [Answer::json(200, one)]);
            stage.chat("gpt-4o").is(200).says(one).has("x-spillway-attempts", "1");
        },
    },
    Story {
        name: "each server's way to say that a request is at fault is its client's",
        behaviours: &[7],
        needs: &[],
        config: "
circuit_breaker: { failures: 1 }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            for error in [
                r#"{"object":"error","message":"maximum context length is 4096","type":"BadRequestError","param":null,"code":400}"#,
                r#"{"error":{"message":"maximum context length is 4096","type":"BadRequestError","param":"input_tokens","code":400}}"#,
                r#"{"error":"Input validation error: `inputs` must have less than 4096 tokens","error_type":"validation"}"#,
                r#"{"error":{"message":"Requests to this model need credits","code":402}}"#,
                r#"{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}"#,
                r#"{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            ] {
                let stream = format!("data: {error}\n\ndata: [DONE]\n\n");
                stage.will("eastus", [Answer::events(stream.as_str())]);
                stage.send(&streaming()).is(200).says(&stream).has("x-spillway-attempts", "1");
                stage.will("eastus", [Answer::json(200, error)]);
                stage.chat("gpt-4o").is(200).says(error).has("x-spillway-attempts", "1");
            }
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "each server's way to throttle under a good status is throttling",
        behaviours: &[10],
        needs: &[AFTER_READING],
        config: "
circuit_breaker: { trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            for error in [
                r#"{"error":{"message":"Rate limit exceeded: free-models-per-min","code":429,"metadata":{}}}"#,
                r#"{"error":{"message":"Throttling: Too many requests, please wait"}}"#,
                r#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}"#,
                r#"{"error":{"message":"litellm.RateLimitError","type":"throttling_error","code":"429"}}"#,
                r#"{"error":{"message":"slow down","type":"ThrottlingException","code":null}}"#,
                r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#,
            ] {
                for told in [Answer::json(200, error), Answer::events(format!("data: {error}\n\n"))]
                {
                    stage.will("eastus", [told.with("retry-after-ms", "100")]);
                    stage.send(&streaming()).is(200).from("westus");
                    stage.expect_rest("eastus", millis(100), &streaming());
                }
            }
        },
    },
    Story {
        name: "each server's way to lack a model is a refusal, with its own status and under a good one",
        behaviours: &[],
        needs: &[AFTER_READING],
        config: TWO,
        play: |stage| {
            for missing in [
                r#"{"object":"error","message":"The model `m` does not exist.","type":"NotFoundError","param":null,"code":404}"#,
                r#"{"error":{"message":"The model `m` does not exist.","type":"NotFoundError","param":"model","code":404}}"#,
                r#"{"error":{"message":"model \"m\" not found, try pulling it first","type":"api_error","param":null,"code":null}}"#,
                r#"{"error":{"message":"model 'm' not found","type":"not_found_error","param":null,"code":null}}"#,
            ] {
                let inside = format!("data: {missing}\n\n");
                for told in [
                    Answer::json(404, missing),
                    Answer::json(404, missing).cut_at([30]),
                    Answer::json(200, missing),
                    Answer::events(inside),
                ] {
                    stage.will("eastus", [told]);
                    let answer = stage.chat("gpt-4o");
                    answer.is(200).from("westus").has("x-spillway-attempts", "2");
                }
            }
        },
    },
];

fn streaming() -> Request {
    let body = CHAT_BODY.replacen('{', "{\"stream\":true,", 1);
    Request::post(chat_path("gpt-4o"), body)
}

const TWO: &str = "
circuit_breaker: { failures: 1000, trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";
