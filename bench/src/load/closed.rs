//! Closed loop: so many clients, each sending its next request when it has its answer, or a pause
//! after it.
//!
//! It keeps the gateway busy, which is how CPU per request is measured. Its latencies say little
//! of a gateway that stalls: nobody asks it meanwhile.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::connection::Connection;
use super::{Outcome, Shot};
use crate::clock;

/// Sends so many requests over so many connections, each with such a pause after an answer. Runs inside a `LocalSet`.
pub(crate) async fn closed(
    to: SocketAddr,
    shot: &Shot,
    connections: usize,
    requests: u64,
    pause: Duration,
) -> Outcome {
    let left = Rc::new(Cell::new(requests));
    let start = clock::now();
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        let (left, shot) = (left.clone(), shot.clone());
        clients.spawn_local(async move {
            let (mut outcome, mut connection) = (Outcome::new(), Connection::new(to));
            while let Some(fewer) = left.get().checked_sub(1) {
                left.set(fewer);
                let since = clock::now();
                let fired = connection.fire(&shot, &mut outcome.chunks).await;
                outcome.count(fired, clock::now().saturating_sub(since));
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
            outcome
        });
    }
    let mut all = Outcome::new();
    while let Some(outcome) = clients.join_next().await {
        match outcome {
            Ok(outcome) => all.add(&outcome),
            Err(error) => all.failure = Some(error.to_string()),
        }
    }
    all.took = clock::now() - start;
    all
}
