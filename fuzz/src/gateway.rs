//! Whole requests through both filters, on the model of Envoy that the stories are told on, before
//! backends that do anything, but for one that is always well.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use spillway::failover_mode::FailoverMode;
use spillway_stories::http::{Answer, Reaction, Request};
use spillway_stories::story::Story;
use spillway_stories::{Stage, modelled};

/// Something that happens.
#[derive(Debug, Arbitrary)]
enum Step<'a> {
    Reacts { backend: u8, how: How<'a> },
    Reachable { backend: u8, reachable: bool },
    Sends { by_body: bool, worker: u8 },
    Passes { seconds: u8 },
    Draws(u64),
}

/// What a backend does with its next request.
#[derive(Debug, Arbitrary)]
enum How<'a> {
    Answers { status: u8, header: u8, value: &'a [u8], body: &'a [u8], streams: bool, after: u8 },
    HangsUp,
    Silent,
}

/// Plays steps until the bytes are used up. As long as one backend is well, no client ever sees a
/// 429 or a failure; no backend is asked twice for one request; and the answer is one backend's.
pub fn run(bytes: &[u8]) {
    let story = Story { name: "", behaviours: &[], needs: &[], config: CONFIG, play: |_| {} };
    let mut stage = modelled::in_memory(&story, FailoverMode::Retry);
    let mut steps = Unstructured::new(bytes);
    while let (false, Ok(step)) = (steps.is_empty(), Step::arbitrary(&mut steps)) {
        match step {
            Step::Reacts { backend, how } => {
                stage.script(of(backend), vec![reaction(how)]);
            }
            Step::Reachable { backend, reachable } => {
                stage.set_reachable(of(backend), reachable);
            }
            Step::Passes { seconds } => stage.pass(Duration::from_secs(seconds.into())),
            Step::Draws(draw) => stage.roll(draw),
            Step::Sends { by_body, worker } => {
                stage.use_worker(usize::from(worker % 3));
                send(&mut stage, by_body);
            }
        }
    }
}

fn send(stage: &mut dyn Stage, by_body: bool) {
    let before = ALL.map(|backend| stage.received(backend).len());
    let request = if by_body {
        Request::post("/openai/responses", r#"{"model": "gpt-4o"}"#)
    } else {
        Request::post("/openai/deployments/gpt-4o/chat/completions", "{}")
    };
    let answer = stage.send(&request);
    assert!(answer.status != 429 && answer.status < 500, "{answer:?}");
    for (backend, before) in ALL.iter().zip(before) {
        assert!(stage.received(backend).len() <= before + 1, "{backend} was asked twice");
    }
}

fn of(backend: u8) -> &'static str {
    ALL[usize::from(backend) % 3]
}

fn reaction(how: How<'_>) -> Reaction {
    match how {
        How::HangsUp => Reaction::HangUp,
        How::Silent => Reaction::Silence,
        How::Answers { status, header, value, body, streams, after } => {
            let status = STATUSES[usize::from(status) % STATUSES.len()];
            let header = HEADERS[usize::from(header) % HEADERS.len()];
            // What no header may hold never leaves a backend.
            let value: Vec<u8> = value.iter().copied().filter(|byte| *byte >= b' ').collect();
            let mut answer = Answer::json(status, body).with(header, value);
            if streams {
                answer.headers.set("content-type", "text/event-stream");
            }
            // A body that an API answers with is an object; the rest is garbage, and fails over.
            match after {
                0 => Reaction::Breaks(answer),
                1 => Reaction::Stalls(answer),
                _ => answer.into(),
            }
        }
    }
}

/// The last one is always well.
const ALL: [&str; 4] = ["eastus", "westus", "uksouth", "sweden"];

const STATUSES: [u16; 12] = [200, 201, 302, 400, 401, 403, 404, 408, 413, 429, 500, 503];

const HEADERS: [&str; 5] = [
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-remaining-tokens",
    "content-encoding",
];

const CONFIG: &str = "
circuit_breaker: { failures: 2, interval: 30s, trip: 10s }
timeouts: { first_byte: 5s }
models:
  gpt-4o:
    headroom: true
    pool:
      - eastus
      - westus
      - { backend: uksouth, priority: 2 }
      - { backend: sweden, priority: 3 }";
