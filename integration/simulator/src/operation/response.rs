//! Responses, which a region remembers.
//!
//! This is what makes affinity necessary: a response exists only in the region that
//! made it. Another region knows neither the id in a path nor one given as
//! `previous_response_id`, and says so in the words gateways' tests look for.

use std::collections::{HashMap, VecDeque};

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::answer::{Answer, Refusal};
use crate::errors;
use crate::operation::{Call, response_stream, text};
use crate::state::{State, lock};
use crate::usage::Usage;

/// The latest responses made here.
#[derive(Debug, Default)]
pub(crate) struct Store {
    by_id: HashMap<String, Stored>,
    /// Ids by age, deleted ones included.
    ages: VecDeque<String>,
}

#[derive(Debug)]
struct Stored {
    response: Value,
    input: Value,
}

pub(crate) fn create(call: Call<'_>) -> Result<Answer, Refusal> {
    let previous = call.body.get("previous_response_id").and_then(Value::as_str);
    if let Some(id) = previous
        && !lock(&call.state.responses).by_id.contains_key(id)
    {
        return Err(errors::previous_response_not_found(id));
    }
    let input = call.body.get("input").unwrap_or(&Value::Null);
    let written = text::reply(call, text::last_text(input));
    let usage =
        Usage::of(call.prompt_tokens("input"), written.chars().count(), &call.deployment.model);
    let draft = Draft {
        id: call.state.fresh_id("resp_"),
        message_id: call.state.fresh_id("msg_"),
        text: written,
        usage,
    };
    let response = draft.completed(call);
    if call.body.get("store").and_then(Value::as_bool) != Some(false) {
        let stored = Stored { response: response.clone(), input: input_list(call.state, input) };
        lock(&call.state.responses).keep(draft.id.clone(), stored);
    }
    let answer = if call.flag("stream") {
        Answer::stream(response_stream::events(call, &draft, &response))
    } else {
        Answer::json(StatusCode::OK, &response)
    };
    Ok(answer.telling(usage))
}

pub(crate) fn retrieve(state: &State, id: &str) -> Result<Answer, Refusal> {
    with_stored(state, id, |stored| stored.response.clone())
}

pub(crate) fn input_items(state: &State, id: &str) -> Result<Answer, Refusal> {
    with_stored(state, id, |stored| {
        let item_id = |item: Option<&Value>| item.and_then(|item| item.get("id")).cloned();
        let items = stored.input.as_array();
        json!({
            "object": "list",
            "data": stored.input,
            "first_id": item_id(items.and_then(|items| items.first())),
            "last_id": item_id(items.and_then(|items| items.last())),
            "has_more": false
        })
    })
}

pub(crate) fn delete(state: &State, id: &str) -> Result<Answer, Refusal> {
    match lock(&state.responses).by_id.remove(id) {
        Some(_) => Ok(Answer::json(
            StatusCode::OK,
            &json!({ "id": id, "object": "response.deleted", "deleted": true }),
        )),
        None => Err(errors::response_not_found(id)),
    }
}

impl Store {
    fn keep(&mut self, id: String, stored: Stored) {
        self.ages.push_back(id.clone());
        self.by_id.insert(id, stored);
        if self.ages.len() > KEPT
            && let Some(oldest) = self.ages.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }
}

/// A response before it is written out.
pub(crate) struct Draft {
    pub id: String,
    pub message_id: String,
    pub text: String,
    pub usage: Usage,
}

impl Draft {
    /// As it stands when the stream begins.
    pub(crate) fn in_progress(&self, call: Call<'_>) -> Value {
        self.object(call, "in_progress", json!([]), Value::Null)
    }

    pub(crate) fn completed(&self, call: Call<'_>) -> Value {
        let output = json!([self.message("completed", json!([self.part(&self.text)]))]);
        self.object(call, "completed", output, self.usage.responses_json())
    }

    pub(crate) fn message(&self, status: &str, content: Value) -> Value {
        json!({
            "id": self.message_id,
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": content
        })
    }

    pub(crate) fn part(&self, text: &str) -> Value {
        json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
    }

    fn object(&self, call: Call<'_>, status: &str, output: Value, usage: Value) -> Value {
        let given =
            |name: &str, otherwise: Value| call.body.get(name).cloned().unwrap_or(otherwise);
        json!({
            "id": self.id,
            "object": "response",
            "created_at": call.created,
            "status": status,
            "background": false,
            "content_filters": null,
            "error": null,
            "incomplete_details": null,
            "instructions": given("instructions", Value::Null),
            "max_output_tokens": given("max_output_tokens", Value::Null),
            "metadata": given("metadata", json!({})),
            "model": call.deployment.model,
            "output": output,
            "parallel_tool_calls": true,
            "previous_response_id": given("previous_response_id", Value::Null),
            "reasoning": { "effort": null, "summary": null },
            "service_tier": "default",
            "store": given("store", json!(true)),
            "temperature": given("temperature", json!(1.0)),
            "text": { "format": { "type": "text" } },
            "tool_choice": "auto",
            "tools": [],
            "top_p": given("top_p", json!(1.0)),
            "truncation": "disabled",
            "usage": usage,
            "user": null
        })
    }
}

fn with_stored(
    state: &State,
    id: &str,
    tell: impl FnOnce(&Stored) -> Value,
) -> Result<Answer, Refusal> {
    match lock(&state.responses).by_id.get(id) {
        Some(stored) => Ok(Answer::json(StatusCode::OK, &tell(stored))),
        None => Err(errors::response_not_found(id)),
    }
}

/// The input as a list of items, each with an id.
fn input_list(state: &State, input: &Value) -> Value {
    let items = match input {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        text => vec![json!({
            "role": "user",
            "content": [{ "type": "input_text", "text": text }]
        })],
    };
    items
        .into_iter()
        .map(|mut item| {
            if let Some(fields) = item.as_object_mut() {
                let mut default = |name: &str, value: Value| {
                    fields.entry(name).or_insert(value);
                };
                default("type", json!("message"));
                default("status", json!("completed"));
                default("id", json!(state.fresh_id("msg_")));
            }
            item
        })
        .collect()
}

/// Enough for any test, and a bound for long load tests.
const KEPT: usize = 20_000;
