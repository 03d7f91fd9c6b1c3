//! How a backend that failed comes back under load, on four workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use spillway_integration::{Call, Gateway, Journal, eventually, region};
use spillway_simulator::{Fault, Script, Stall};
use tokio::task::JoinSet;

const CLIENTS: usize = 32;
const EACH: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_probe_at_a_time_over_all_workers_and_a_probe_left_is_made_again() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let gateway = Gateway::setup(
        "
circuit_breaker: { failures: 1, trip: 300ms }
models:
  gpt-4o-mini: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
",
        [&eastus, &westus],
    )
    .workers(4)
    .start()
    .await;
    eastus.script(Fault::status(500));
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.backend(), "westus");
    eastus.script(Fault::stall(Stall::BeforeHeaders).forever());

    // Once it is half-open, somebody's request is the probe, and hangs; nobody else's does.
    let (mut clients, probing) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
    for _ in 0..CLIENTS {
        let (client, probing) = (gateway.client(), probing.clone());
        clients.spawn(async move {
            let mut more = EACH;
            while more > 0 {
                let answer = client.send(&Call::chat("gpt-4o-mini")).await;
                assert_eq!((answer.status, answer.backend()), (200, "westus"));
                more -= usize::from(probing.load(Ordering::Relaxed));
            }
        });
    }
    eventually("the probe", async || (eastus.count() == 2).then_some(())).await;
    probing.store(true, Ordering::Relaxed);
    while clients.len() > 1 {
        clients.join_next().await.expect("a client").expect("every answer is right");
    }
    assert_eq!(eastus.count(), 2, "the failure and one probe");

    // Its client leaves without an answer: nobody knows more than before.
    eastus.script(Script::default());
    clients.shutdown().await;
    let back = async || {
        let answer = gateway.send(&Call::chat("gpt-4o-mini")).await;
        (answer.backend() == "eastus").then_some(())
    };
    eventually("the next probe", back).await;
}

#[tokio::test]
async fn a_backend_that_recovered_is_not_met_by_a_herd() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = "
circuit_breaker: { failures: 1, trip: 100ms, ramp: 10m }
models:
  gpt-4o-mini: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
";
    let gateway = Gateway::start(config, [&eastus, &westus]).await;
    let chat = Call::chat("gpt-4o-mini");
    eastus.script(Fault::status(500));
    gateway.send(&chat).await;
    let probed = async || (gateway.send(&chat).await.backend() == "eastus").then_some(());
    eventually("an answered probe", probed).await;
    let before = eastus.count();

    let answers = gateway.send_times(400, &chat).await;

    assert!(answers.iter().all(|answer| answer.status == 200));
    // A twentieth at first: 20 of 400 in the mean; more than 60 never happens by chance.
    let came = eastus.count() - before;
    assert!((1..60).contains(&came), "{came} of 400 requests");
}
