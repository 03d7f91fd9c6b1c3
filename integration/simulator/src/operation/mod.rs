//! What a region answers when nothing is wrong, and who decides that.
//!
//! [`Dispatch`] is everything an answer depends on. It checks path, deployment and
//! limits in Azure's order and hands the rest to the module of the operation. Each
//! of those is a function from a [`Call`] to an [`Answer`]; none of them waits.

mod chat;
mod completion;
mod embedding;
mod filter;
mod media;
mod model;
pub(crate) mod response;
mod response_stream;
mod sse;
mod text;

use std::time::{SystemTime, UNIX_EPOCH};

use hyper::StatusCode;
use serde_json::Value;

use crate::answer::{Answer, JSON, Refusal};
use crate::errors::{self, Asked};
use crate::fault::Fault;
use crate::input::Input;
use crate::route::{Operation, Route};
use crate::state::{Deployment, State};
use crate::usage;

pub(crate) use sse::error_event;

/// A request past its credentials.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dispatch<'a> {
    pub state: &'a State,
    pub route: Option<&'a Route>,
    pub input: &'a Input,
    /// The deployment or model named, known or not.
    pub asked: Option<&'a str>,
    pub chunks: usize,
    pub now: SystemTime,
}

/// A request an operation may answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub state: &'a State,
    pub deployment: &'a Deployment,
    pub body: &'a Value,
    /// Into how many pieces a streamed text is cut.
    pub chunks: usize,
    /// Unix seconds.
    pub created: u64,
}

// === impl Dispatch ===

impl Dispatch<'_> {
    /// What the fault answers in place of the operation, if it does.
    pub(crate) fn scripted(&self, fault: Option<&Fault>) -> Option<Answer> {
        let fault = fault?;
        let status = fault.status_code();
        let refused = status.filter(|status| !status.is_success());
        if let Some(body) = &fault.body {
            let status = status.unwrap_or(StatusCode::OK);
            let mut answer = match refused {
                Some(_) => self.refusal(status, fault),
                None => Answer::whole(status, JSON, ""),
            };
            answer.content = Answer::whole(status, JSON, plain(body)).content;
            return Some(answer);
        }
        if fault.content_filter {
            return Some(*errors::content_filtered());
        }
        if fault.garbage_body {
            return Some(Answer::whole(StatusCode::OK, JSON, GARBAGE));
        }
        if fault.empty_body {
            return Some(Answer::whole(status.unwrap_or(StatusCode::OK), JSON, ""));
        }
        refused.map(|status| self.refusal(status, fault))
    }

    /// The normal answer, or Azure's refusal.
    pub(crate) fn answer(&self) -> Result<Answer, Refusal> {
        let route = self.route.ok_or_else(errors::resource_not_found)?;
        if !route.v1 && route.api_version.is_none() {
            return Err(errors::resource_not_found());
        }
        match &route.operation {
            Operation::ListModels => Ok(model::list(&self.state.config)),
            Operation::RetrieveResponse(id) => response::retrieve(self.state, id),
            Operation::DeleteResponse(id) => response::delete(self.state, id),
            Operation::InputItems(id) => response::input_items(self.state, id),
            operation => self.run(route, operation),
        }
    }

    fn run(&self, route: &Route, operation: &Operation) -> Result<Answer, Refusal> {
        let body = self.input.json()?;
        let name = self.asked.ok_or_else(|| errors::missing_parameter("model"))?;
        let deployment = self.state.deployment(name).ok_or_else(|| {
            if route.names_model_in_body() {
                errors::no_deployment_for_model()
            } else {
                errors::deployment_not_found()
            }
        })?;
        let call = Call {
            state: self.state,
            deployment: &deployment,
            body,
            chunks: self.chunks,
            created: unix_seconds(self.now),
        };
        if let Some(name) = required(operation)
            && matches!(self.input, Input::Json(_))
            && body.get(name).is_none()
        {
            return Err(errors::missing_parameter(name));
        }
        let (verdict, in_millis) = self.state.admit(&deployment.name, cost(operation, body));
        if let Some(exceeded) = verdict.exceeded {
            let asked = self.asked_names(&deployment);
            return Err(errors::rate_limited(asked, exceeded, &verdict, in_millis));
        }
        let mut answer = match operation {
            Operation::Chat => chat::answer(call),
            Operation::Completion => completion::answer(call),
            Operation::Embedding => embedding::answer(call),
            Operation::Transcription => media::transcription(call),
            Operation::Image => media::image(call),
            _ => response::create(call)?,
        };
        answer.tell_remaining(&verdict);
        Ok(answer)
    }

    fn refusal(&self, status: StatusCode, fault: &Fault) -> Answer {
        let deployment = self.asked.and_then(|name| self.state.deployment(name));
        let deployment = deployment.unwrap_or_else(|| Deployment {
            name: self.asked.unwrap_or("unknown").to_owned(),
            model: self.asked.unwrap_or("unknown").to_owned(),
        });
        let asked = self.asked_names(&deployment);
        *errors::scripted(status, fault.retry_after.as_ref(), asked, self.now)
    }

    fn asked_names<'b>(&'b self, deployment: &'b Deployment) -> Asked<'b> {
        let route = self.route;
        Asked {
            deployment: &deployment.name,
            model: &deployment.model,
            region: &self.state.config.display_name,
            operation: route.map_or("Unknown", |route| route.operation.azure_name()),
            api_version: route.and_then(|route| route.api_version.as_deref()),
        }
    }
}

// === impl Call ===

impl Call<'_> {
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.body.get(name).and_then(Value::as_bool) == Some(true)
    }

    /// The tokens of the input under `name`.
    pub(crate) fn prompt_tokens(&self, name: &str) -> u64 {
        usage::tokens(self.body.get(name).map_or(0, usage::input_chars))
    }
}

/// Tokens charged in advance: the most the answer may have, or a flat 16.
fn cost(operation: &Operation, body: &Value) -> u64 {
    if *operation == Operation::Embedding {
        return usage::tokens(body.get("input").map_or(0, usage::input_chars));
    }
    MAX_TOKENS_FIELDS.iter().find_map(|name| body.get(*name)?.as_u64()).unwrap_or(FLAT_COST)
}

fn required(operation: &Operation) -> Option<&'static str> {
    match operation {
        Operation::Chat => Some("messages"),
        Operation::Completion | Operation::Image => Some("prompt"),
        Operation::Embedding => Some("input"),
        _ => None,
    }
}

fn plain(body: &Value) -> String {
    match body {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn unix_seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

const MAX_TOKENS_FIELDS: [&str; 3] = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
const FLAT_COST: u64 = 16;
const GARBAGE: &str = "<html><body>upstream connect error</body></html>";
