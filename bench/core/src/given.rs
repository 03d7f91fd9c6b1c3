//! What benchmarks are given: configurations, bodies, boards, as they are met in the field.

use std::cell::Cell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use spillway::breaker::store::{BreakerStore, Change, Record};
use spillway::breaker::{FailureKind, RequestMark};
use spillway::client_key::Keyring;
use spillway::config::{BreakerRule, Id, parse_json};
use spillway::gateway::Gateway;
use spillway::observation::{Observation, Outcome};
use spillway::pool::PoolState;
use spillway::time::{Micros, Millis, Timestamp};
use spillway::usage::Usage;
use spillway_model::Clock;

/// When everything here happens.
pub const NOW: Timestamp = Timestamp(1_795_165_200_000);

/// A configuration file as the filter gets it: one model, whose pool has all of these backends in
/// two tiers, as one does with a bought and a metered deployment in each region.
pub fn file(backends: usize) -> Vec<u8> {
    written(backends, "", "")
}

/// The same with clients' keys and a cookie that keeps a client with its backend.
pub fn file_with_clients(backends: usize, clients: usize) -> Vec<u8> {
    let mut all = String::from("\"clients\":[");
    for id in 0..clients {
        let comma = if id == 0 { "" } else { "," };
        let _ = write!(all, "{comma}{{\"name\":\"client-{id}\",\"key\":\"${{KEY_{id}}}\"}}");
    }
    all.push_str("],");
    written(backends, &all, ",\"session_affinity\":{\"cookie\":\"Spillway-Affinity\"}")
}

fn written(backends: usize, top: &str, model: &str) -> Vec<u8> {
    let mut all = String::new();
    let mut pool = String::new();
    for id in 0..backends {
        let comma = if id == 0 { "" } else { "," };
        let _ = write!(
            all,
            "{comma}\"region-{id}\":{{\"url\":\"https://contoso-{id}.openai.azure.com\",\
             \"api_key\":\"${{REGION_{id}_KEY}}\",\
             \"deployments\":{{\"gpt-4o\":\"gpt-4o-{id}\"}}}}"
        );
        let _ = write!(pool, "{comma}{{\"backend\":\"region-{id}\",\"weight\":10}}");
    }
    let models = format!("\"models\":{{\"gpt-4o\":{{\"pool\":[{pool}]{model}}}}}");
    format!("{{\"backends\":{{{all}}},{top}{models}}}").into_bytes()
}

/// A file with this number of models, each of which keeps its clients with their backends by a cookie.
pub fn file_of_models(models: usize) -> Vec<u8> {
    let mut all = String::new();
    for id in 0..models {
        let comma = if id == 0 { "" } else { "," };
        let pool = "{\"pool\":[\"eastus\"],\"session_affinity\":true}";
        let _ = write!(all, "{comma}\"model-{id}\":{pool}");
    }
    let backends = "{\"eastus\":{\"url\":\"https://contoso.openai.azure.com\"}}";
    format!("{{\"backends\":{backends},\"models\":{{{all}}}}}").into_bytes()
}

/// A gateway with this configuration, and all the secrets that it needs.
pub fn gateway(file: &[u8]) -> Rc<Gateway> {
    let config = parse_json(file).expect("a right file");
    Rc::new(Gateway::new(config, secret).expect("all secrets"))
}

/// The value of a secret: one for each name.
pub fn secret(name: &str) -> Option<String> {
    Some(format!("value-of-{name}-0123456789abcdef"))
}

/// A clock that stands still at [`NOW`].
pub fn clock() -> Clock {
    Clock::new(Cell::new(SystemTime::UNIX_EPOCH + Duration::from_millis(NOW.0)))
}

/// Clients' keys, ready to be compared.
pub fn keyring(clients: usize) -> Keyring {
    Keyring::new((0..clients).filter_map(|id| secret(&format!("KEY_{id}"))))
}

/// The circuits of the pool's first so many members of each so many, all open.
pub fn store(gateway: &Gateway, of_each: usize, open: usize) -> BreakerStore {
    let mut store = BreakerStore::default();
    let rule = BreakerRule::default();
    let circuits = gateway.route(Id::at(0)).expect("a model").circuits;
    for (_, circuit) in circuits.iter().enumerate().filter(|(at, _)| at % of_each < open) {
        let change = Change::Failed(FailureKind::Throttled(Some(Millis::from_secs(30))), 0);
        let (circuit, rule) = (*circuit, rule.clone());
        store.apply(&Record {
            circuit,
            rule,
            change,
            request: RequestMark::UNKNOWN,
            at: NOW.into(),
        });
    }
    store
}

/// A pool to choose from: what one worker knows of it, and what all know of its circuits.
pub struct Choice {
    /// The configuration.
    pub gateway: Rc<Gateway>,
    /// The worker's own knowledge.
    pub local: PoolState,
    /// Every second circuit is open, or none is.
    pub store: BreakerStore,
}

impl Choice {
    /// A pool of so many, of which everybody has had its turn.
    pub fn among(members: usize, half_open: bool) -> Self {
        let gateway = gateway(&file(members));
        let local = gateway.pools().pop().expect("a model");
        let store = store(&gateway, 2, usize::from(half_open));
        let mut choice = Self { gateway, local, store };
        for _ in 0..members {
            choice.choose();
        }
        choice
    }

    /// The member whose turn it is, and its turn taken.
    pub fn choose(&mut self) -> Option<usize> {
        let Self { gateway, local, store } = self;
        let route = gateway.route(Id::at(0))?;
        let may = |at: usize| {
            let admission = store.admission(route.circuits[at], &route.model.breaker, NOW);
            admission == spillway::breaker::Admission::Closed
        };
        let chosen = local.select(route.model, NOW, may)?;
        local.charge(route.model, chosen, NOW, may);
        Some(chosen)
    }
}

/// A chat request's body of about this size, with the model at its beginning or at its end.
pub fn body(size: usize, model_first: bool) -> Vec<u8> {
    let mut messages = String::new();
    while messages.len() < size {
        let comma = if messages.is_empty() { "" } else { "," };
        let _ = write!(
            messages,
            "{comma}{{\"role\":\"user\",\"content\":\"What is \\\"spilling over\\\"?\\nSay it in {} \
             words, and name the weir, the reservoir and the sluice.\"}}",
            messages.len() % 90 + 10
        );
    }
    let model = "\"model\":\"gpt-4o\"";
    let rest = format!("\"messages\":[{messages}],\"temperature\":0.2,\"stream\":true");
    let text =
        if model_first { format!("{{{model},{rest}}}") } else { format!("{{{rest},{model}}}") };
    text.into_bytes()
}

/// A good answer that is no stream.
pub const ANSWER: &[u8] = br#"{"id":"chatcmpl-1","object":"chat.completion","created":1795165200,
"model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":
"A spillway lets the water that a reservoir cannot hold pass, and the dam stays whole."},
"finish_reason":"stop"}],"usage":{"prompt_tokens":31,"completion_tokens":19,"total_tokens":50,
"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}"#;

/// A chat's answer as a stream: so many words, a part for each event, the usage, the end.
pub fn stream(words: usize) -> Vec<Vec<u8>> {
    let chunk = |choices: &str, usage: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1795165200,\
             \"model\":\"gpt-4o-2024-08-06\",\"system_fingerprint\":\"fp_1\",\"choices\":[{choices}],\
             \"usage\":{usage}}}\n\n"
        )
    };
    let word = |at| {
        let delta = format!(
            "{{\"index\":0,\"delta\":{{\"content\":\" word{at}\"}},\"finish_reason\":null}}"
        );
        chunk(&delta, "null")
    };
    let usage = "{\"prompt_tokens\":31,\"completion_tokens\":500,\"total_tokens\":531}";
    let end = "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}";
    let rest = [chunk(end, "null"), chunk("", usage), "data: [DONE]\n\n".to_owned()];
    (0..words).map(word).chain(rest).map(String::into_bytes).collect()
}

/// What is told at the end of a request that was answered.
pub const TOLD: Observation = Observation::Request {
    model: Some(Id::at(0)),
    client: Some(Id::at(0)),
    member: Some(1),
    status: Some(200),
    outcome: Outcome::Answered,
    reason: None,
    attempts: 2,
    first_byte: Some(Millis(340)),
    total: Millis(2100),
    own: Micros(45),
    streamed: true,
    generates: true,
    worked_for: true,
    usage: Usage { prompt: Some(31), completion: Some(500), cached: Some(0), reasoning: Some(0) },
};
