//! A client whose requests every backend fails, while every backend is well for others.
//!
//! It sends ten of them at a time, some three times as an SDK does, some at once, and each backend does
//! the same to it: a status, a reset, a time-out, a stream that begins with an error. Meanwhile other
//! clients ask without a pause, and none of them may fail. When its ten are over, the first tier must
//! answer as before. A circuit that opens stays open for a minute here, and would show.
//!
//! A 429 is not among them: it asks for less traffic, and gets it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use spillway_integration::outage::Backend;
use spillway_integration::{Call, Client, Gateway, eventually, key_of};
use tokio::task::JoinSet;

use crate::clients::{self, Asker, call};
use crate::models::{self, PLAIN, STREAM};
use crate::request_log::{self, RequestLog};
use crate::verdict::Evidence;

/// What a gateway is told about its circuits and retries, and how many workers it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    text: &'static str,
    workers: u32,
}

/// Breakers of each shape, with and without limits of time and of retries.
pub(crate) const RULES: [Rules; 4] = [
    Rules { text: "timeouts: { first_byte: 2s }", workers: 4 },
    Rules {
        text: "circuit_breaker: { failures: 1, statuses: [401, 403, 408, 500-599] }
timeouts: { first_byte: 2s, per_try: 30s }",
        workers: 4,
    },
    Rules {
        text: "circuit_breaker: { failure_ratio: 5%, minimum_requests: 2 }
timeouts: { first_byte: 2s }",
        workers: 1,
    },
    Rules {
        text: "circuit_breaker: { failures: 2 }
retry: { budget: 0% }
timeouts: { first_byte: 2s }",
        workers: 4,
    },
];

impl Rules {
    /// Sends poison through a gateway with these rules for so long. Returns how many requests of others
    /// were answered.
    pub(crate) async fn survive_poison(self, seed: u64, span: Duration) -> usize {
        let backends = [
            Arc::new(Backend::plain("eastus").await),
            Arc::new(Backend::plain("swedencentral").await),
            Arc::new(Backend::plain("westus").await),
        ];
        let gateway = self.gateway(&backends).await;
        let log = Arc::new(RequestLog::default());
        let mut draw = fastrand::Rng::with_seed(seed);
        let mut askers = JoinSet::new();
        for _ in 0..INNOCENTS {
            askers.spawn(
                Asker { client: gateway.client(), draw: draw.fork(), log: log.clone() }.run(),
            );
        }
        let end = Instant::now() + span;
        let mut salvos = Vec::new();
        while Instant::now() < end {
            let poison = draw.choice(&POISON).expect("a kind");
            salvos.push((Instant::now(), *poison));
            send_ten(&gateway, poison, salvos.len(), &mut draw).await;
            answers_as_before(&gateway, poison).await;
        }
        log.close();
        while let Some(ended) = askers.join_next().await {
            ended.expect("a client");
        }
        let records = log.take();
        let answered = records.len();
        eventually("all lines of the access log", async || {
            (gateway.access_log().matches(request_log::LOGGED).count() >= answered).then_some(())
        })
        .await;
        let evidence = Evidence::new(records, &backends, gateway.log_lines());
        let complaints = evidence.complaints();
        let about = complaints.first().map(|one| {
            let during = salvos.iter().rfind(|(began, _)| *began <= one.about.end);
            format!("{} {:?} during {during:?}", one.text, one.logged)
        });
        let failed = complaints.len();
        assert!(failed == 0, "CHAOS_SEED={seed}: {self:?}: {failed} failed: {about:?}");
        assert_eq!(evidence.leaks(), Vec::<String>::new(), "CHAOS_SEED={seed}");
        gateway.end().await;
        answered
    }

    async fn gateway(self, [eastus, swedencentral, westus]: &[Arc<Backend>; 3]) -> Gateway {
        let tiers: [(u32, &Backend); 3] = [(1, eastus), (2, swedencentral), (3, westus)];
        let keys = tiers.map(|(_, backend)| (backend.key_variable(), key_of(backend.name)));
        let text = format!("{}\n{CLIENTS}", self.text);
        let gateway = Gateway::of(models::config(&text, &tiers), keys.into());
        let gateway = gateway.workers(self.workers).env(models::CLIENT_KEY_VARIABLE, clients::KEY);
        gateway.env(POISONER_KEY_VARIABLE, POISONER_KEY).start().await
    }
}

/// Ten different requests, some of them at once, each tried once or three times.
async fn send_ten(gateway: &Gateway, poison: &'static str, salvo: usize, draw: &mut fastrand::Rng) {
    let some = (draw.usize(1..=10), *draw.choice(&[1, 3]).expect("a number"));
    // One after another, they would wait for minutes.
    let (at_once, tries) = if poison == STALL { (10, 1) } else { some };
    let mut trials = JoinSet::new();
    for number in 0..10 {
        if trials.len() == at_once {
            trials.join_next().await;
        }
        let client = gateway.client();
        let call = poisoned(poison, &format!("poison-{salvo}-{number}"));
        trials.spawn(async move { tried(&client, &call, tries).await });
    }
    while let Some(ended) = trials.join_next().await {
        ended.expect("a client");
    }
}

async fn tried(client: &Client, call: &Call, tries: usize) {
    for _ in 0..tries {
        // Whatever comes of it is its own fault.
        let _ = client.try_send(call).await;
    }
}

fn poisoned(poison: &str, id: &str) -> Call {
    let path = format!("/openai/deployments/{}/chat/completions", STREAM.name);
    let body = json!({ "messages": [{ "role": "user", "content": id }], "stream": true });
    let call = Call::post(&format!("{path}?api-version=2025-03-01-preview"), &body);
    call.header("api-key", POISONER_KEY).header("x-request-id", id).header("x-sim-fault", poison)
}

/// The first tier answers, on all workers. What a request was told last may still be on its way to the
/// others when it ends.
async fn answers_as_before(gateway: &Gateway, poison: &str) {
    eventually(&format!("the first tier after {poison}"), async || {
        for number in 0..PROBES {
            let model = if number % 2 == 0 { PLAIN } else { STREAM };
            let path = format!("/openai/deployments/{}/chat/completions", model.name);
            let body = json!({ "messages": [{ "role": "user", "content": "Still there?" }] });
            let answer = gateway.client().send(&call(&path, &body, "observer")).await;
            assert_eq!(answer.status, 200, "after {poison}: {}", answer.text());
            if answer.backend() != "eastus" {
                return None;
            }
        }
        Some(())
    })
    .await;
}

/// What each backend does to it, as the simulator reads it in `x-sim-fault`.
const POISON: [&str; 14] = [
    r#"{"status":400}"#,
    r#"{"status":401}"#,
    r#"{"status":403}"#,
    r#"{"status":404}"#,
    r#"{"status":408}"#,
    r#"{"status":500}"#,
    r#"{"status":503,"retry_after":{"seconds":30}}"#,
    r#"{"status":504}"#,
    r#"{"garbage_body":true}"#,
    r#"{"empty_body":true}"#,
    r#"{"error_event_first":true}"#,
    r#"{"reset":"before_headers"}"#,
    r#"{"reset":"after_headers"}"#,
    STALL,
];
const STALL: &str = r#"{"stall":"before_headers"}"#;

const CLIENTS: &str = "
clients: [{ name: chaos, key: \"${CHAOS_CLIENT_KEY}\" }, { name: poisoner, key: \"${POISONER_KEY}\" }]
";
const POISONER_KEY_VARIABLE: &str = "POISONER_KEY";
const POISONER_KEY: &str = "the-poisoners-own-key-0123456789abcdef";
const INNOCENTS: usize = 8;
/// Each on a connection of its own, so that every worker gets some.
const PROBES: usize = 8;
