//! A backend that does as it is told.

use std::collections::VecDeque;

use spillway_model::Sent;

use crate::http::{Reaction, Received, healthy};

/// A backend.
#[derive(Debug, Default)]
pub struct Backend {
    /// Its name.
    pub name: String,
    /// Whether it takes connections.
    pub reachable: bool,
    /// What it does next, one for each request.
    pub reactions: VecDeque<Reaction>,
    /// What it has received.
    pub received: Vec<Received>,
}

impl Backend {
    /// A backend that is well.
    pub fn new(name: String) -> Self {
        Self { name, reachable: true, ..Self::default() }
    }

    /// Takes what is sent to it, and reacts.
    pub fn receive(&mut self, sent: Sent) -> Reaction {
        if !self.reachable {
            return Reaction::Unreachable;
        }
        let Sent { headers, body, trailers, .. } = sent;
        if let Some(length) = headers.text("content-length") {
            assert_eq!(length, body.len().to_string(), "content-length and body disagree");
        }
        let mut received = Received {
            method: headers.text(":method").unwrap_or_default(),
            path: headers.get(":path").unwrap_or_default().to_vec(),
            headers: headers.clone(),
            body,
            trailers: trailers.unwrap_or_default(),
        };
        received.headers.set("host", headers.get(":authority").unwrap_or_default());
        let reaction = self.reactions.pop_front();
        let reaction = reaction.unwrap_or_else(|| Reaction::Answer(healthy(&self.name, &received)));
        self.received.push(received);
        reaction
    }
}
