//! What survives when the filter traps, which no input is known to make it do.

use spillway_integration::{Call, Gateway, Journal, eventually, region, story};
use spillway_simulator::{Fault, RetryAfter};

#[tokio::test]
async fn what_is_known_of_backends_survives_a_trap() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = "
circuit_breaker: { failures: 2, trip: 10m }
models:
  throttled: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  failing: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
";
    let gateway = Gateway::setup(config, [&eastus, &westus]).that_traps().workers(1).start().await;
    let (throttled, failing) = (Call::chat("throttled"), Call::chat("failing"));
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(60)));
    gateway.send(&throttled).await;
    eastus.script(Fault::status(500));
    gateway.send(&failing.another()).await;
    assert_eq!(story([&eastus, &westus]), [2, 2]);

    let trapped = gateway.client().send(&throttled.clone().header("x-spillway-trap", "1")).await;
    assert!(trapped.status >= 500, "{}", trapped.status);
    // The VM is loaded anew with the next request after a short pause, and for each cluster apart.
    let serves = async |call: &Call| {
        let answered = async || (gateway.client().send(call).await.status == 200).then_some(());
        eventually("a filter that serves again", answered).await;
    };
    serves(&throttled).await;

    assert_eq!(eastus.count(), 2, "what it announced holds");
    eastus.script(Fault::status(500));
    serves(&failing.another()).await;
    assert_eq!(eastus.count(), 3, "one failure was known");
    gateway.send(&failing.another()).await;
    assert_eq!(eastus.count(), 3, "and with this one they are two");
}
