//! What outlives a change of the file: what is known of backends, and clients' cookies.

use spillway_integration::{Call, Gateway, Journal, region};
use spillway_simulator::{Fault, RetryAfter};

use crate::flight::pool;

#[tokio::test]
async fn a_circuit_that_is_open_stays_open() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let gateway = Gateway::setup(&pool(&[&eastus, &westus]), [&eastus, &westus]).start().await;
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(300)));
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.ok().backend(), "westus");
    let text = pool(&[&eastus, &westus]);
    gateway.reload(&format!("{text}circuit_breaker: {{ failures: 7 }}\n")).await;
    for answer in gateway.send_times(4, &Call::chat("gpt-4o-mini")).await {
        assert_eq!(answer.ok().backend(), "westus");
    }
    assert_eq!(eastus.count(), 1);
}

#[tokio::test]
async fn a_cookie_outlives_other_backends() {
    let (eastus, westus, uksouth) =
        (region("eastus").await, region("westus").await, region("uksouth").await);
    let sticky = |text: String| {
        let pool = text.replace("priority: 2", "priority: 1");
        format!("{pool}    session_affinity: {{ cookie: Pin }}\n")
    };
    let text = sticky(pool(&[&eastus, &westus]));
    let gateway = Gateway::setup(&text, [&eastus, &westus, &uksouth]).start().await;
    let first = gateway.send(&Call::chat("gpt-4o-mini")).await.ok();
    let cookie = first.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let own = first.backend().to_owned();
    let others: Vec<_> =
        [&eastus, &westus, &uksouth].into_iter().filter(|region| region.name() != own).collect();
    let pinned = [&eastus, &westus].into_iter().find(|region| region.name() == own).expect("one");
    for text in [pool(&[others[0], pinned, others[1]]), pool(&[pinned, others[1]])] {
        gateway.reload(&sticky(text)).await;
        for _ in 0..4 {
            let call = Call::chat("gpt-4o-mini").header("cookie", &cookie);
            assert_eq!(gateway.send(&call).await.ok().backend(), own);
        }
    }
}
