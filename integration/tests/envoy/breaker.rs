//! When a backend is left alone, and for how long.

use std::time::{Duration, Instant};

use spillway_integration::{Call, Gateway, Journal, eventually, region, story, time_passes};
use spillway_simulator::{Fault, RetryAfter};

#[tokio::test]
async fn behaviour_10_one_429_opens_and_failures_are_counted() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = "
circuit_breaker: { failures: 3, interval: 500ms }
models:
  limited: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
  failing: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
  slowly: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
";
    let both = [&eastus, &westus];
    let gateway = Gateway::start(config, both).await;

    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(60)).forever());
    gateway.send_times(5, &Call::chat("limited")).await;
    assert_eq!(story(both), [1, 5], "one 429, and nobody asks again");

    eastus.clear();
    westus.clear();
    eastus.script(Fault::status(500).forever());
    let answers = gateway.send_different(6, &Call::chat("failing")).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(story(both), [3, 6], "the third failure opens");

    eastus.clear();
    westus.clear();
    gateway.send_different(2, &Call::chat("slowly")).await;
    // The two are older than the interval then, and do not count any more.
    time_passes(Duration::from_millis(550)).await;
    gateway.send_different(2, &Call::chat("slowly")).await;
    assert_eq!(story(both), [4, 4], "four failures, but never three within the interval");
    gateway.send_different(2, &Call::chat("slowly")).await;
    assert_eq!(story(both), [5, 6]);
}

#[tokio::test]
async fn behaviour_11_open_for_the_announced_time() {
    let eastus = region("eastus").await;
    let models: Vec<String> = ANNOUNCED.iter().map(|(model, ..)| model_of_one(model)).collect();
    let config = format!(
        "circuit_breaker: {{ trip: 40s, max_trip: 10m }}\nmodels:\n{}  flag-off: {{ pool: [eastus], \
         circuit_breaker: {{ accept_retry_after: false }} }}\n",
        models.concat()
    );
    let gateway = Gateway::start(&config, [&eastus]).await;
    let flag_off = ("flag-off", RetryAfter::Seconds(7), 40_000);
    for (model, retry_after, wanted) in ANNOUNCED.iter().chain([&flag_off]) {
        eastus.clear();
        eastus.script(Fault::too_many_requests(retry_after.clone()));
        assert_eq!(gateway.send(&Call::chat(model)).await.status, 429);
        // The gateway's own answer tells how long the circuit is still open.
        let answer = gateway.send(&Call::chat(model)).await;
        assert_eq!((answer.status, eastus.count()), (429, 1), "{model}");
        let left: u64 = answer.header("retry-after-ms").parse().expect("milliseconds");
        // A date has whole seconds, so up to one of them is already over.
        let early = if *model == "date" { 1500 } else { 500 };
        assert!(
            left <= *wanted && left + early >= *wanted,
            "{model}: {left} ms left of {wanted} ms"
        );
    }
}

fn model_of_one(model: &str) -> String {
    format!("  {model}: {{ pool: [eastus] }}\n")
}

/// The model that it is tried on, what is announced, and how long the circuit is open then. The
/// trip time is 40 s, the longest 10 minutes.
static ANNOUNCED: [(&str, RetryAfter, u64); 8] = [
    ("shorter", RetryAfter::Seconds(3), 3_000),
    ("longer", RetryAfter::Seconds(90), 90_000),
    ("millis", RetryAfter::Millis(2500), 2_500),
    ("decimal", RetryAfter::Decimal(1.5), 1_500),
    ("date", RetryAfter::DateInSeconds(5), 5_000),
    ("reset", RetryAfter::RatelimitReset(7), 7_000),
    ("nothing", RetryAfter::None, 40_000),
    ("capped", RetryAfter::Seconds(86_400), 600_000),
];

#[tokio::test]
async fn behaviour_11_what_cannot_be_an_announced_time_is_ignored() {
    let eastus = region("eastus").await;
    let config = "
circuit_breaker: { trip: 40s }
models:
  zero: { pool: [eastus] }
  negative: { pool: [eastus] }
  words: { pool: [eastus] }
  past: { pool: [eastus] }
";
    let gateway = Gateway::start(config, [&eastus]).await;
    let past = "Wed, 21 Oct 2015 07:28:00 GMT";
    // A zero is a time: soon. What says nothing leaves the trip time.
    let soon = 500..=1_000;
    let trip = 39_000..=40_000;
    for (model, text, wanted) in [
        ("zero", "0", soon),
        ("negative", "-5", trip.clone()),
        ("words", "soon", trip.clone()),
        ("past", past, trip),
    ] {
        eastus.script(Fault::too_many_requests(RetryAfter::Raw(text.into())));
        gateway.send(&Call::chat(model)).await;
        let answer = gateway.send(&Call::chat(model)).await;
        let left: u64 = answer.header("retry-after-ms").parse().expect("milliseconds");
        assert!(wanted.contains(&left), "{model}: {left}");
    }
}

#[tokio::test]
async fn behaviour_12_full_traffic_returns_after_the_period() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = "
models:
  gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
";
    let gateway = Gateway::start(config, [&eastus, &westus]).await;
    let chat = Call::chat("gpt-4o-mini");
    eastus.script(Fault::too_many_requests(RetryAfter::Millis(400)));
    let throttled = Instant::now();
    assert_eq!(gateway.send(&chat).await.backend(), "westus");

    let answer = eventually("the first tier's return", async || {
        let answer = gateway.send(&chat).await;
        (answer.backend() == "eastus").then_some(answer)
    })
    .await;
    let away = throttled.elapsed();

    assert_eq!(answer.header("x-spillway-attempts"), "1", "no probe");
    assert!(away >= Duration::from_millis(400), "not before the announced time: {away:?}");
    // However slow the machine is: the trip time, where nothing is announced, is a minute.
    assert!(away < Duration::from_secs(60), "but after it: {away:?}");
    let answers = gateway.send_times(10, &chat).await;
    assert!(answers.iter().all(|answer| answer.backend() == "eastus"), "all of it at once");
}

#[tokio::test]
async fn behaviour_13_other_statuses_do_not_open() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = "
models:
  usual: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
  only-429:
    pool: [{ backend: eastus }, { backend: westus, priority: 2 }]
    circuit_breaker: { statuses: [429], failures: 1 }
    retry: { statuses: [429] }
";
    let gateway = Gateway::start(config, [&eastus, &westus]).await;
    for (model, statuses) in
        [("usual", &[400, 404, 409, 422][..]), ("only-429", &[500, 503, 408, 400][..])]
    {
        for status in statuses {
            eastus.clear();
            // A body that does not say that the deployment is missing.
            let fault = Fault { body: Some("no".into()), ..Fault::status(*status) };
            eastus.script(fault.forever());
            let answers = gateway.send_times(5, &Call::chat(model)).await;
            assert!(answers.iter().all(|answer| answer.status == *status), "{model} {status}");
            assert_eq!(eastus.count(), 5, "{model} {status}");
        }
    }
    assert_eq!(westus.count(), 0);
}

#[tokio::test]
async fn behaviour_14_a_circuit_is_a_deployments_or_a_backends() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(60)).on("a").forever());
    let models = "
models:
  a: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
  b: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
";
    for (scope, answers_b) in [("deployment", "eastus"), ("backend", "westus")] {
        let config = format!("circuit_breaker: {{ scope: {scope} }}{models}");
        let gateway = Gateway::start(&config, [&eastus, &westus]).await;
        assert_eq!(gateway.send(&Call::chat("a")).await.backend(), "westus");
        assert_eq!(gateway.send(&Call::chat("b")).await.backend(), answers_b, "{scope}");
    }
}
