//! How many series there are, and how large a scrape is.

use std::env;
use std::fmt::Write as _;

use spillway_figures::grouped;
use spillway_integration::{Call, Gateway, eventually, key_of, region};
use spillway_simulator::Region;

/// Models, backends of each, clients.
type Size = (usize, usize, usize);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_series_as_the_page_says() {
    let table = env::var_os("SERIES_TABLE");
    let sizes: &[Size] = if table.is_some() { &ALL } else { &ALL[..1] };
    let mut regions = Vec::new();
    for at in 0..ALL.iter().map(|(_, backends, _)| *backends).max().unwrap() {
        regions.push(region(format!("backend-{at}").leak()).await);
    }
    let mut text = HEAD.to_owned();
    for size in sizes {
        for client_label in [true, false] {
            let found = measure(*size, client_label, &regions).await;
            let (models, backends, clients) = *size;
            let of_member = 23 + 4 * if client_label { clients } else { 1 };
            let start = models * (10 + backends * of_member) + 28;
            assert_eq!(found[0].0, start, "what docs/metrics.md says");
            let label = if client_label { "yes" } else { "no" };
            let cells = found.map(|(series, bytes)| {
                let tenths = (bytes + 50_000) / 100_000;
                format!("{} | {}.{} MB", grouped(series as u64), tenths / 10, tenths % 10)
            });
            let _ = writeln!(
                text,
                "| {models} | {backends} | {clients} | {label} | {} |",
                cells.join(" | ")
            );
        }
    }
    if let Some(file) = table {
        std::fs::write(file, text).expect("a file");
    }
}

/// Spillway's series and all bytes of a scrape: at the start, and when each client has asked for each
/// model.
async fn measure(
    (models, backends, clients): Size,
    client_label: bool,
    regions: &[Region],
) -> [(usize, usize); 2] {
    let mut config = format!("metrics: {{ client_label: {client_label} }}\nbackends:\n");
    let mut keys = Vec::new();
    for region in &regions[..backends] {
        let (name, url) = (region.name(), region.url());
        let key = format!("KEY_{}", name.to_uppercase().replace('-', "_"));
        let _ = writeln!(config, "  {name}: {{ url: \"{url}\", api_key: \"${{{key}}}\" }}");
        keys.push((key, key_of(name)));
    }
    config += "clients:\n";
    for client in 0..clients {
        let _ = writeln!(config, "  - {{ name: client-{client}, key: \"${{CLIENT_{client}}}\" }}");
        keys.push((format!("CLIENT_{client}"), format!("key-of-client-{client}")));
    }
    config += "models:\n";
    let pool: Vec<&str> = regions[..backends].iter().map(Region::name).collect();
    for model in 0..models {
        let _ = writeln!(config, "  model-{model}: {{ pool: [{}] }}", pool.join(", "));
    }
    let gateway = Gateway::of(config, keys).start().await;
    let start = scrape(&gateway).await;
    for client in 0..clients {
        for model in 0..models {
            let call = Call::streamed_chat(&format!("model-{model}"));
            let call = call.header("api-key", format!("key-of-client-{client}"));
            assert_eq!(gateway.send(&call).await.status, 200);
        }
    }
    let asked = (clients * models) as f64;
    eventually("all requests", async || {
        let metrics = gateway.metrics().await;
        let times = metrics.sum("spillway_own_time_microseconds_count", &[]);
        (times == asked).then_some(())
    })
    .await;
    let after = scrape(&gateway).await;
    gateway.end().await;
    [start, after]
}

async fn scrape(gateway: &Gateway) -> (usize, usize) {
    let text = gateway.admin("/stats/prometheus").await;
    let ours = text.lines().filter(|line| line.starts_with("spillway_")).count();
    (ours, text.len())
}

const ALL: [Size; 3] = [(5, 2, 5), (50, 4, 20), (200, 4, 50)];

const HEAD: &str = "\
| models | backends of each | clients | `client_label` | series at the start | a scrape | series when each client has asked for each model | a scrape |
|---|---|---|---|---|---|---|---|
";
