//! Which member of a pool gets a request.

use std::time::Duration;

use spillway_integration::{Answer, Call, Gateway, Journal, region, region_with, story};
use spillway_simulator::{Fault, Limits, RetryAfter};

fn backends(answers: &[Answer]) -> Vec<&str> {
    answers.iter().map(Answer::backend).collect()
}

#[tokio::test]
async fn behaviour_01_first_tier_then_spill_over() {
    let limits = Limits::requests(8, Duration::from_secs(60));
    let eastus = region_with("eastus", |config| config.any_limits = limits).await;
    let (sweden, westus) = (region("swedencentral").await, region("westus").await);
    let gateway = Gateway::start(SPILL_OVER, [&eastus, &sweden, &westus]).await;

    let answers = gateway.send_times(20, &Call::chat("gpt-4o-mini")).await;

    assert!(answers.iter().all(|answer| answer.status == 200));
    let regions: Vec<&str> = answers.iter().map(|answer| answer.header("x-ms-region")).collect();
    assert!(regions[..8].iter().all(|region| *region == "East US"), "{regions:?}");
    assert!(regions[8..].iter().all(|region| *region != "East US"), "{regions:?}");
    // The ninth met the limit; after it nobody asked again.
    assert_eq!(story([&eastus, &sweden, &westus]), [9, 6, 6]);
}

#[tokio::test]
async fn behaviour_02_weights_are_shares_and_equal_ones_alternate() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = "
models:
  fifty: { pool: [{ backend: eastus, weight: 50 }, { backend: westus, weight: 50 }] }
  eighty: { pool: [{ backend: eastus, weight: 80 }, { backend: westus, weight: 20 }] }
  unweighted: { pool: [eastus, westus] }
";
    let gateway = Gateway::start(config, [&eastus, &westus]).await;

    for model in ["fifty", "unweighted"] {
        let answers = gateway.send_times(20, &Call::chat(model)).await;
        let backends = backends(&answers);
        assert!(backends.windows(2).all(|pair| pair[0] != pair[1]), "{model}: {backends:?}");
    }
    let answers = gateway.send_times(100, &Call::chat("eighty")).await;
    let first = backends(&answers).into_iter().filter(|backend| *backend == "eastus").count();
    assert!((79..=81).contains(&first), "80 of 100, not {first}");
}

#[tokio::test]
async fn behaviour_03_no_lower_tier_while_one_above_it_may_be_chosen() {
    let (eastus, eastus2) = (region("eastus").await, region("eastus2").await);
    let (westus, sweden) = (region("westus").await, region("swedencentral").await);
    let uksouth = region("uksouth").await;
    let config = "
models:
  gpt-4o-mini:
    pool:
      - { backend: eastus, priority: 1 }
      - { backend: eastus2, priority: 1 }
      - { backend: westus, priority: 2 }
      - { backend: swedencentral, priority: 2 }
      - { backend: uksouth, priority: 3 }
";
    let all = [&eastus, &eastus2, &westus, &sweden, &uksouth];
    let gateway = Gateway::start(config, all).await;
    let chat = Call::chat("gpt-4o-mini");

    gateway.send_times(4, &chat).await;
    assert_eq!(story(all), [2, 2, 0, 0, 0]);

    eastus.script(throttled());
    gateway.send_times(6, &chat).await;
    assert_eq!(story(all), [3, 8, 0, 0, 0], "the other of the first tier takes everything");

    eastus2.script(throttled());
    gateway.send_times(6, &chat).await;
    assert_eq!(story(all), [3, 9, 3, 3, 0], "the second tier only now");

    westus.script(throttled());
    gateway.send_times(6, &chat).await;
    assert_eq!((westus.count(), uksouth.count()), (4, 0), "no third tier while one is left above");
}

#[tokio::test]
async fn behaviour_04_the_third_tier_when_all_above_it_are_open() {
    let (eastus, sweden) = (region("eastus").await, region("swedencentral").await);
    let (westus, uksouth) = (region("westus").await, region("uksouth").await);
    for region in [&eastus, &sweden, &westus] {
        region.script(throttled());
    }
    let config = "
models:
  gpt-4o-mini:
    pool:
      - { backend: eastus, priority: 1 }
      - { backend: swedencentral, priority: 2, weight: 50 }
      - { backend: westus, priority: 2, weight: 50 }
      - { backend: uksouth, priority: 3 }
";
    let all = [&eastus, &sweden, &westus, &uksouth];
    let gateway = Gateway::start(config, all).await;

    let answers = gateway.send_times(5, &Call::chat("gpt-4o-mini")).await;

    assert!(answers.iter().all(|answer| answer.header("x-ms-region") == "UK South"));
    assert_eq!(answers[0].header("x-spillway-attempts"), "4");
    assert_eq!(answers[1].header("x-spillway-attempts"), "1");
    assert_eq!(story(all), [1, 1, 1, 5]);
}

fn throttled() -> Fault {
    Fault::too_many_requests(RetryAfter::Seconds(60)).forever()
}

const SPILL_OVER: &str = "
models:
  gpt-4o-mini:
    pool:
      - { backend: eastus, priority: 1 }
      - { backend: swedencentral, priority: 2, weight: 50 }
      - { backend: westus, priority: 2, weight: 50 }
";
