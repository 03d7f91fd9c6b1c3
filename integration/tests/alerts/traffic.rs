//! Steady traffic for all models.
//!
//! Requests are sent whether or not earlier ones are answered: clients do not know of each other, and a
//! backend that is silent must not be one that nobody asks. But there is an end to it: a machine that
//! is busy gets its requests later, and does not time out on healthy backends.

use spillway_integration::{Call, Client, Gateway};
use tokio::task::JoinSet;

/// Its requests end when it is dropped.
pub(crate) struct Traffic {
    /// For each model, a client and what it asks.
    clients: Vec<(Client, Call)>,
    under_way: JoinSet<()>,
}

impl Traffic {
    /// For these models. All requests are for streams, as some outages are of streams only.
    pub(crate) fn new(gateway: &Gateway, models: Vec<String>) -> Self {
        let client = |model: String| (gateway.client(), Call::streamed_chat(&model));
        Self { clients: models.into_iter().map(client).collect(), under_way: JoinSet::new() }
    }

    /// Sends one request for each model, once most of the ones before have ended.
    pub(crate) async fn send(&mut self) {
        while self.under_way.len() > MOST {
            self.under_way.join_next().await;
        }
        for (client, call) in &self.clients {
            let (client, call) = (client.clone(), call.another());
            self.under_way.spawn(async move {
                // What comes of it is for the metrics to say.
                let _ = client.try_send(&call).await;
            });
        }
    }
}

/// More than hang at silent backends, and about as many as are sent at once.
const MOST: usize = 60;
