//! Four workers, many clients, and a backend that throttles in the middle of it.
//!
//! How the extra requests are counted. The gateway's own access log says when a request started,
//! which backends it was sent to, and how long each took to answer. The first 429 has *arrived*
//! at the earliest of these times (start plus the attempt's duration, to the millisecond). A
//! request counts if it started later than that, by more than the log's millisecond, and was sent
//! to that backend all the same before the announced time was over. Requests under way at that
//! moment do not count: nobody could have known. Of those that count, each worker may send one,
//! as many as can have read the breaker store just before another worker wrote it.

use std::time::Duration;

use serde_json::Value;
use spillway_integration::{Call, Gateway, Journal, eventually, log_line, region, region_with};
use spillway_simulator::{Latency, Limits};

const WORKERS: usize = 4;
const CLIENTS: usize = 32;
const EACH: usize = 40;
const ADMITTED: u64 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behaviour_15_no_429_reaches_a_client_and_few_the_backend() {
    let latency = Latency { before_headers: Duration::from_millis(5), ..Latency::default() };
    let eastus = region_with("eastus", |config| {
        config.any_limits = Limits::requests(ADMITTED, Duration::from_secs(60));
        config.latency = latency;
    })
    .await;
    let sweden = region_with("swedencentral", |config| config.latency = latency).await;
    let westus = region("westus").await;
    let config = "
models:
  gpt-4o-mini:
    pool:
      - { backend: eastus, priority: 1 }
      - { backend: swedencentral, priority: 2, weight: 50 }
      - { backend: westus, priority: 2, weight: 50 }
";
    let setup = Gateway::setup(config, [&eastus, &sweden, &westus]);
    let gateway = setup.workers(u32::try_from(WORKERS).expect("few")).start().await;

    let clients = (0..CLIENTS).map(|_| {
        let client = gateway.client();
        tokio::spawn(async move {
            let mut statuses = Vec::new();
            for _ in 0..EACH {
                statuses.push(client.send(&Call::chat("gpt-4o-mini")).await.status);
            }
            statuses
        })
    });
    let mut statuses = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        statuses.extend(client.await.expect("a client"));
    }

    let wrong: Vec<&u16> = statuses.iter().filter(|status| **status != 200).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:?}", wrong.len(), statuses.len());
    let limited: Vec<_> =
        eastus.requests().into_iter().filter(|seen| seen.status == Some(429)).collect();
    assert!(!limited.is_empty(), "a 429 in the middle of the run");

    let lines = eventually("all lines of the access log", async || {
        let lines = gateway.log_lines();
        (lines.len() == CLIENTS * EACH).then_some(lines)
    })
    .await;
    let at_eastus: Vec<(u64, String)> = lines
        .iter()
        .map(|line| (started(line), log_line::attempts(line)))
        .filter(|(_, attempts)| attempts.contains("eastus"))
        .collect();
    let arrived = at_eastus.iter().filter_map(|(start, attempts)| Some(start + refused(attempts)?));
    let arrived = arrived.min().expect("a line that tells of a 429");
    let late: Vec<_> = at_eastus.iter().filter(|(start, _)| *start > arrived + 1).collect();
    assert!(late.len() <= WORKERS, "{} started after {arrived}: {late:?}", late.len());
    assert!(limited.len() <= CLIENTS, "{} were under way at most", limited.len());
    let stats = gateway.admin("/stats?filter=worker_.*downstream_cx_total").await;
    assert_eq!(eastus.count(), usize::try_from(ADMITTED).expect("few") + limited.len());
    // All workers took part, or the above would prove less than it says.
    let took = |worker: usize| {
        let name = format!("worker_{worker}.downstream_cx_total: ");
        let line = stats.lines().find_map(|line| line.split_once(name.as_str()));
        line.is_some_and(|(_, connections)| connections != "0")
    };
    assert!((0..WORKERS).all(took), "{stats}");
}

/// When the gateway took a request, in milliseconds of the day.
fn started(line: &Value) -> u64 {
    let time = line["time"].as_str().expect("a time");
    let field = |from: usize, to: usize| time[from..to].parse::<u64>().expect("digits");
    (field(11, 13) * 3600 + field(14, 16) * 60 + field(17, 19)) * 1000 + field(20, 23)
}

/// After how long the first backend said 429, if it did.
fn refused(attempts: &str) -> Option<u64> {
    let (took, _) = attempts.strip_prefix("eastus 429 ")?.split_once("ms")?;
    took.parse().ok()
}
