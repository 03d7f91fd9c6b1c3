//! Clients that ask without a pause, and write down what they get.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use spillway_integration::{Call, Client};
use tokio::time::timeout;

use crate::models::{Model, PLAIN, STICKY, STREAM};
use crate::request_log::{Got, Record, RequestLog, id};

/// What all clients send to prove who they are. No backend may ever see it.
pub(crate) const KEY: &str = "the-clients-own-key-0123456789abcdef";

/// One client, on a connection of its own.
pub(crate) struct Asker {
    /// How it reaches the gateway.
    pub(crate) client: Client,
    /// Its chance.
    pub(crate) draw: fastrand::Rng,
    /// Where it notes what it got.
    pub(crate) log: Arc<RequestLog>,
}

impl Asker {
    /// Asks until the run is over.
    pub(crate) async fn run(mut self) {
        let mut cookie = None;
        while let Some(number) = self.log.begin() {
            let model = *self.draw.choice(&MIX).expect("a model");
            let streamed = model == STREAM || model == STICKY && self.draw.bool();
            let (call, relieved) = self.call(model, streamed, &id(number));
            let call = match &cookie {
                Some(cookie) if model == STICKY && self.draw.u8(..) > 25 => {
                    call.header("cookie", cookie)
                }
                _ => call,
            };
            let start = Instant::now();
            let outcome = match timeout(PATIENCE, self.ask(&call, &mut cookie)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(format!("no answer within {PATIENCE:?}")),
            };
            let end = Instant::now();
            self.log.end(Record { number, start, end, streamed, relieved, outcome });
        }
    }

    /// A request, and whether the gateway takes from its answer what the client did not ask for.
    fn call(&mut self, model: Model, streamed: bool, id: &str) -> (Call, bool) {
        let said = format!("What is the weather like for {id}?");
        let mut body = json!({ "messages": [{ "role": "user", "content": said }], "user": id });
        let path = match self.draw.u8(0..3) {
            0 => format!("/openai/deployments/{}/chat/completions", model.name),
            1 => {
                body["model"] = json!(model.name);
                "/openai/v1/chat/completions".to_owned()
            }
            _ => {
                body = json!({ "input": said, "model": model.name, "user": id });
                "/openai/responses".to_owned()
            }
        };
        let mut relieved = false;
        if streamed {
            body["stream"] = Value::Bool(true);
            relieved = path.ends_with("/chat/completions") && self.draw.bool();
            if path.ends_with("/chat/completions") && !relieved {
                body["stream_options"] = json!({ "include_usage": true });
            }
        }
        (call(&path, &body, id), relieved)
    }

    async fn ask(&self, call: &Call, cookie: &mut Option<String>) -> Result<Got, String> {
        let (head, body) = self.client.open(call).await?.into_parts();
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(issued) = header("set-cookie").and_then(|issued| issued.split(';').next()) {
            *cookie = Some(issued.to_owned());
        }
        let backend = header("x-spillway-backend").unwrap_or_default().to_owned();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes);
        let tail = body.as_ref().map_or(&[][..], |body| &body[body.len().saturating_sub(TAIL)..]);
        Ok(Got {
            status: head.status.as_u16(),
            backend,
            tail: String::from_utf8_lossy(tail).into_owned(),
            sha256: body.map(|body| sha256(&body)).map_err(|error| format!("{error:?}")),
        })
    }
}

/// A request as all clients send it.
pub(crate) fn call(path: &str, body: &Value, id: &str) -> Call {
    let call = Call::post(&format!("{path}?api-version=2025-03-01-preview"), body);
    call.header("x-request-id", id).header("api-key", KEY)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

const MIX: [Model; 4] = [PLAIN, PLAIN, STREAM, STICKY];
/// No schedule: only so that a hanging request ends the test with a word about it.
const PATIENCE: Duration = Duration::from_secs(60);
const TAIL: usize = 200;
