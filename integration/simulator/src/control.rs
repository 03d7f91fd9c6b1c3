//! Control over HTTP, for those who are not in the same process.
//!
//! Everything under `/_sim/` on the region's own port, without a key, never counted
//! and never faulted. It does what [`Region`](crate::Region) does by method.

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::{Answer, JSON};
use crate::limits::Limits;
use crate::script::Script;
use crate::state::{State, lock};

pub(crate) const PREFIX: &str = "/_sim/";

/// Does what `method` and `command` say.
pub(crate) fn answer(state: &State, method: &Method, command: &str, body: &[u8]) -> Answer {
    match (method.as_str(), command) {
        ("GET", "requests") => {
            let requests = lock(&state.journal).requests();
            ok(serde_json::to_value(requests))
        }
        ("DELETE", "requests") => {
            state.clear();
            done()
        }
        ("GET", "stats") => {
            let stats = lock(&state.stats).clone();
            ok(serde_json::to_value(stats))
        }
        ("PUT", "script") => with(body, "script", |script| state.set_script(script)),
        ("DELETE", "script") => {
            state.set_script(Script::default());
            done()
        }
        ("PUT", "limits") => with(body, "change of limits", |change: LimitsChange| {
            let limits = change.limits();
            state.set_limits(change.deployment.as_deref(), &limits);
        }),
        ("POST", "reset-limits") => {
            state.reset_limits();
            done()
        }
        _ => problem(StatusCode::NOT_FOUND, COMMANDS),
    }
}

/// An error of the simulator itself, in a form no Azure error has.
pub(crate) fn problem(status: StatusCode, text: &str) -> Answer {
    Answer::json(status, &json!({ "simulator": text }))
}

/// `{"deployment":"a","capacity":1}` or `{"limits":{…}}`; no deployment means all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsChange {
    deployment: Option<String>,
    capacity: Option<u64>,
    #[serde(default)]
    limits: Limits,
}

impl LimitsChange {
    fn limits(&self) -> Limits {
        match self.capacity {
            Some(units) => Limits::capacity(units),
            None => self.limits.clone(),
        }
    }
}

fn with<T: DeserializeOwned>(body: &[u8], what: &str, act: impl FnOnce(T)) -> Answer {
    match serde_json::from_slice(body) {
        Ok(value) => {
            act(value);
            done()
        }
        Err(error) => {
            let text = format!("the body is not a {what}: {error}");
            problem(StatusCode::BAD_REQUEST, &text)
        }
    }
}

fn ok(value: serde_json::Result<Value>) -> Answer {
    match value {
        Ok(value) => Answer::json(StatusCode::OK, &value),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn done() -> Answer {
    Answer::whole(StatusCode::NO_CONTENT, JSON, "")
}

const COMMANDS: &str = "no such command; there are GET and DELETE /_sim/requests, \
    GET /_sim/stats, PUT and DELETE /_sim/script, PUT /_sim/limits, POST /_sim/reset-limits";
