//! Open loop: a request at a constant rate, whatever becomes of those before it.
//!
//! A request's latency counts from when it was due, not from when a connection was found for it:
//! a gateway that stalls is late for all that were due meanwhile (coordinated omission).

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::task::JoinSet;

use super::connection::Connection;
use super::pace::ticks;
use super::{Outcome, Shot};
use crate::clock;

/// Sends so many requests, this many a second. A connection that is free is used again; where none
/// is, another is opened. Runs inside a `LocalSet`.
pub(crate) async fn open(to: SocketAddr, shot: &Shot, requests: u32, per_second: f64) -> Outcome {
    let shot = Rc::new(shot.clone());
    let idle: Rc<RefCell<Vec<Connection>>> = Rc::default();
    let all = Rc::new(RefCell::new(Outcome::new()));
    let start = clock::now();
    let mut due = ticks(requests, per_second);
    let mut under_way = JoinSet::new();
    while let Some(due) = due.recv().await {
        let (shot, idle, all) = (shot.clone(), idle.clone(), all.clone());
        under_way.spawn_local(async move {
            let free = idle.borrow_mut().pop();
            let mut connection = free.unwrap_or_else(|| Connection::new(to));
            let mut chunks = Outcome::new().chunks;
            let fired = connection.fire(&shot, &mut chunks).await;
            let mut all = all.borrow_mut();
            all.count(fired, due);
            _ = all.chunks.add(&chunks);
            idle.borrow_mut().push(connection);
        });
    }
    while under_way.join_next().await.is_some() {}
    let mut all = all.borrow().clone();
    all.took = clock::now() - start;
    all
}
