//! Steady traffic, and what its clients see.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use spillway_integration::{Call, Client, Gateway};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::scenarios::Scenario;

/// What clients of each model saw, with how often and the longest wait.
pub(crate) type Seen = BTreeMap<&'static str, BTreeMap<String, (usize, Duration)>>;

/// Its requests end when it is dropped.
pub(crate) struct Traffic {
    clients: Vec<Sender>,
    seen: Arc<Mutex<Seen>>,
    under_way: JoinSet<()>,
}

/// A client of one gateway that asks for one model again and again.
struct Sender {
    gateway: usize,
    client: Client,
    call: Call,
    model: &'static str,
    patience: Duration,
    /// Only while outages last.
    odd: bool,
}

impl Traffic {
    /// For all models, at all of these gateways.
    pub(crate) fn new(gateways: [&Gateway; 2], scenarios: &[Scenario]) -> Self {
        let mut clients = Vec::new();
        for (gateway, at) in gateways.iter().enumerate() {
            for Scenario { model, patience, second_client, .. } in scenarios {
                let ask = |key: &str| Call::streamed_chat(model).header("api-key", key);
                let sender = |call, odd| {
                    let (client, patience) = (at.client(), *patience);
                    Sender { gateway, client, call, model, patience, odd }
                };
                clients.push(sender(ask("key-of-chat"), false));
                if let Some(fault) = second_client {
                    // It sends less than the others.
                    clients.push(sender(ask("key-of-chat"), false));
                    let odd = ask("key-of-odd").header("x-sim-fault", fault);
                    clients.push(sender(odd, true));
                }
            }
            // Somebody whose key is another one than the file says.
            let call = Call::streamed_chat("healthy").header("api-key", "an old key");
            let (client, patience) = (at.client(), Duration::from_secs(30));
            clients.push(Sender { gateway, client, call, model: WRONG_KEY, patience, odd: true });
        }
        Self { clients, seen: Arc::default(), under_way: JoinSet::new() }
    }

    /// Sends one request of each client; none to a gateway that is away.
    pub(crate) fn send(&mut self, outage: bool, away: Option<usize>) {
        while self.under_way.try_join_next().is_some() {}
        for sender in &self.clients {
            if sender.odd && !outage || away == Some(sender.gateway) {
                continue;
            }
            let (client, call) = (sender.client.clone(), sender.call.another());
            let (model, patience, seen) = (sender.model, sender.patience, Arc::clone(&self.seen));
            self.under_way.spawn(async move {
                let began = Instant::now();
                let saw = match timeout(patience, client.try_send(&call)).await {
                    Ok(Ok(answer)) => answer.status.to_string(),
                    Ok(Err(_)) => "a broken answer".to_owned(),
                    Err(_) => "nothing, and left".to_owned(),
                };
                if outage {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    let (count, longest) = seen.entry(model).or_default().entry(saw).or_default();
                    (*count, *longest) = (*count + 1, began.elapsed().max(*longest));
                }
            });
        }
    }

    /// The clients of this gateway connect to where it is now.
    pub(crate) fn moves(&mut self, gateway: usize, to: &Gateway) {
        let its = self.clients.iter_mut().filter(|sender| sender.gateway == gateway);
        its.for_each(|sender| sender.client = to.client());
    }

    /// What was seen in outages.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// In place of a model.
pub(crate) const WRONG_KEY: &str = "wrong-client-key";
