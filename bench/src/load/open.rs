//! Open loop: a request at a constant rate, whatever becomes of those before it.
//!
//! A request's latency counts from when it was due, not from when a connection was found for it:
//! a gateway that stalls is late for all that were due meanwhile (coordinated omission).

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::pace::ticks;
use super::{Chunks, Outcome, Shot};
use crate::clock;

/// Sends so many requests, this many a second. A connection that is free is used again; where none
/// is, another is opened. Runs inside a `LocalSet`.
pub(crate) async fn open(to: SocketAddr, shot: &Shot, requests: u32, per_second: f64) -> Outcome {
    let shot = Rc::new(shot.clone());
    let idle: Rc<RefCell<Vec<Client>>> = Rc::default();
    let connections = idle.clone();
    let start = clock::now();
    let mut all = paced(ticks(requests, per_second), clock::now, move || {
        let (shot, idle) = (shot.clone(), idle.clone());
        async move {
            let free = idle.borrow_mut().pop();
            let (mut connection, mut chunks) =
                free.unwrap_or_else(|| (Connection::new(to), Chunks::new()));
            let fired = connection.fire(&shot, &mut chunks).await;
            idle.borrow_mut().push((connection, chunks));
            fired
        }
    })
    .await;
    for (_, chunks) in connections.borrow().iter() {
        all.chunks.add(chunks);
    }
    all.took = clock::now() - start;
    all
}

/// A connection, with the chunks that came over it.
type Client = (Connection, Chunks);

/// Fires whenever one is due; ends when all have their answers.
async fn paced<Fired>(
    mut due: UnboundedReceiver<Duration>,
    now: impl Fn() -> Duration + Clone + 'static,
    fire: impl Fn() -> Fired,
) -> Outcome
where
    Fired: Future<Output = anyhow::Result<()>> + 'static,
{
    let all = Rc::new(RefCell::new(Outcome::new()));
    let mut under_way = JoinSet::new();
    while let Some(due) = due.recv().await {
        let (all, fired, now) = (all.clone(), fire(), now.clone());
        under_way.spawn_local(async move {
            let fired = fired.await;
            all.borrow_mut().count(fired, now().saturating_sub(due));
        });
    }
    while under_way.join_next().await.is_some() {}
    let all = all.borrow();
    all.clone()
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;
    use tokio::task::LocalSet;
    use tokio::time::{Instant, advance, sleep_until};

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A gateway that answers nothing for the first 100 ms, and everything at once from then on,
    /// asked once a millisecond: in the runtime's own time, which passes only when all wait.
    async fn stalled(told_at_once: bool) -> Outcome {
        let start = Instant::now();
        let (sender, due) = unbounded_channel();
        if told_at_once {
            (0..200).for_each(|number| sender.send(number * MS).unwrap());
            drop(sender);
        } else {
            tokio::task::spawn_local(async move {
                for number in 0..200 {
                    sleep_until(start + number * MS).await;
                    sender.send(number * MS).unwrap();
                }
            });
        }
        paced(
            due,
            move || start.elapsed(),
            move || async move {
                sleep_until(start + 100 * MS).await;
                Ok(())
            },
        )
        .await
    }

    fn milliseconds(outcome: &Outcome, quantile: f64) -> u64 {
        (outcome.latency.value_at_quantile(quantile) as f64 / 1e6).round() as u64
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_is_held_against_all_that_were_due_meanwhile() {
        let all = LocalSet::new().run_until(stalled(false)).await;
        assert_eq!((all.served, all.failed), (200, 0));
        assert_eq!(milliseconds(&all, 1.0), 100, "the first one waits longest");
        assert_eq!(milliseconds(&all, 0.75), 50, "half of those that were due meanwhile");
        assert_eq!(milliseconds(&all, 0.4), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_late_itself_counts_from_when_they_were_due() {
        advance(Duration::from_secs(1)).await;
        let all = LocalSet::new().run_until(stalled(true)).await;
        assert_eq!(milliseconds(&all, 1.0), 100);
        assert_eq!(milliseconds(&all, 0.75), 50);
    }
}
