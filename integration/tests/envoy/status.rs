//! The status listener, on the real Envoy after real traffic.

use std::process::Command;

use serde_json::{Value, json};
use spillway_integration::{Call, Client, Gateway, Journal, Raw, eventually, find, region};
use spillway_simulator::{Fault, Region, RetryAfter};

const CONFIG: &str = "
circuit_breaker: { failures: 1 }
models:
  gpt-4o-mini:
    pool:
      - { backend: eastus, priority: 1 }
      - { backend: swedencentral, priority: 2, weight: 80 }
      - { backend: westus, priority: 2, weight: 20 }
  gpt-4.1: { pool: [westus] }
";

pub(super) async fn regions() -> [Region; 3] {
    [region("eastus").await, region("swedencentral").await, region("westus").await]
}

pub(super) async fn gateway(regions: &[Region; 3]) -> Gateway {
    let [eastus, sweden, westus] = regions;
    Gateway::setup(CONFIG, [eastus, sweden, westus]).start().await
}

/// A model's member in a report.
fn member<'a>(report: &'a Value, model: &str, backend: &str) -> &'a Value {
    let model = find_by(&report["models"], "name", model);
    let tiers = model["tiers"].as_array().expect("tiers");
    let members = tiers.iter().flat_map(|tier| tier["members"].as_array().expect("members"));
    { members }.find(|member| member["backend"] == backend).expect("a member")
}

fn find_by<'a>(list: &'a Value, field: &str, value: &str) -> &'a Value {
    let list = list.as_array().expect("a list");
    list.iter().find(|one| one[field] == value).unwrap_or_else(|| panic!("no {value} in {list:?}"))
}

/// The report, once it has so many requests for the model.
pub(super) async fn report_of(gateway: &Gateway, model: &str, requests: u64) -> Value {
    eventually("the counts", async || {
        let report = gateway.report().await;
        (find_by(&report["models"], "name", model)["requests"] == requests).then_some(report)
    })
    .await
}

#[tokio::test]
async fn the_report_tells_states_traffic_and_failovers_of_all_workers() {
    let regions = regions().await;
    let gateway = gateway(&regions).await;
    let idle = gateway.report().await;
    assert_eq!((&idle["version"], &idle["failovers"]), (&json!(1), &json!([])));
    assert_eq!(member(&idle, "gpt-4o-mini", "eastus")["next_share"], 1.0);
    assert_eq!(member(&idle, "gpt-4o-mini", "swedencentral")["next_share"], 0.0);

    regions[0].script(Fault::too_many_requests(RetryAfter::Seconds(300)));
    let answer = gateway.send(&Call::chat("gpt-4o-mini")).await;
    assert_eq!((answer.status, answer.backend()), (200, "swedencentral"));
    // The breaker store is shared at once; counts follow within a second.
    let now = gateway.report().await;
    let eastus = member(&now, "gpt-4o-mini", "eastus");
    assert_eq!((&eastus["state"], &eastus["cause"]), (&json!("open"), &json!("throttled")));
    let left = eastus["remaining_ms"].as_u64().expect("a time");
    assert!((200_000..=300_000).contains(&left), "{left}");
    assert_eq!(member(&now, "gpt-4o-mini", "swedencentral")["next_share"], 0.8);
    assert_eq!(member(&now, "gpt-4o-mini", "westus")["next_share"], 0.2);
    assert_eq!(member(&now, "gpt-4.1", "westus")["state"], "closed");

    // As many connections as it takes to have met both workers.
    let mut sent = 1;
    let report = eventually("both workers", async || {
        for _ in 0..4 {
            let answer = gateway.client().send(&Call::chat("gpt-4o-mini")).await;
            assert_eq!(answer.status, 200);
            sent += 1;
        }
        let report = report_of(&gateway, "gpt-4o-mini", sent).await;
        (report["workers"].as_array().expect("workers").len() == 2).then_some(report)
    })
    .await;
    let model = find_by(&report["models"], "name", "gpt-4o-mini");
    assert_eq!((&model["answered"], &model["failovers"]), (&json!(sent), &json!(1)));
    let answered = |backend| member(&report, "gpt-4o-mini", backend)["answered"].as_u64();
    let (sweden, westus) = (answered("swedencentral"), answered("westus"));
    assert_eq!(sweden.zip(westus).map(|(a, b)| a + b), Some(sent));
    assert_eq!(sweden, Some(regions[1].count() as u64));
    let eastus = member(&report, "gpt-4o-mini", "eastus");
    assert_eq!((&eastus["attempts"], &eastus["throttled"]), (&json!(1), &json!(1)));
    assert_eq!((&eastus["answered"], &eastus["failovers"]), (&json!(0), &json!(1)));
    assert_eq!(eastus["last_fault"]["cause"], "throttled");
    let sum: u64 = member(&report, "gpt-4o-mini", "swedencentral")["timeline"]
        .as_array()
        .expect("slices")
        .iter()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(Some(sum), sweden);

    let failover = &report["failovers"][0];
    assert_eq!((&failover["from"], &failover["to"]), (&json!("eastus"), &json!("swedencentral")));
    assert_eq!((&failover["cause"], &failover["status"]), (&json!("throttled"), &json!(429)));
    assert_eq!(failover["model"], "gpt-4o-mini");
}

/// It is told of when the next attempt starts, for only then it is known.
#[tokio::test]
async fn a_backend_that_nobody_can_reach_is_told_of_with_whom_was_asked_instead() {
    let westus = region("westus").await;
    let config = format!(
        "backends: {{ eastus: {{ url: \"http://127.0.0.1:1\" }}, westus: {{ url: \"{}\", api_key: \"${{KEY}}\" }} }}
models: {{ gpt-4o-mini: {{ pool: [{{ backend: eastus }}, {{ backend: westus, priority: 2 }}] }} }}
",
        westus.url()
    );
    let key = spillway_integration::key_of("westus");
    let gateway = Gateway::of(config, vec![("KEY".into(), key)]).start().await;
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.backend(), "westus");
    let report = report_of(&gateway, "gpt-4o-mini", 1).await;
    let failover = &report["failovers"][0];
    assert_eq!((&failover["from"], &failover["to"]), (&json!("eastus"), &json!("westus")));
    assert_eq!((&failover["cause"], &failover["status"]), (&json!("no_answer"), &Value::Null));
    assert_eq!(member(&report, "gpt-4o-mini", "eastus")["failed"], 1);
}

#[tokio::test]
async fn neither_listener_leads_to_the_other() {
    let regions = regions().await;
    let gateway = gateway(&regions).await;
    // For clients, `/status` and `/` are paths like any other that no operation has.
    for path in ["/status", "/", "/page.js"] {
        let answer = gateway.send(&Call::get(path)).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
    let status = Client::at(gateway.status());
    let chat = status.send(&Call::chat("gpt-4o-mini")).await;
    assert_eq!(
        (chat.status, chat.json()["error"]["code"].as_str()),
        (405, Some("method_not_allowed"))
    );
    for path in ["/openai/models", "/stats", "/quitquitquit", "/status/", "//status"] {
        assert_eq!(status.send(&Call::get(path)).await.status, 404, "{path}");
    }
    assert!(regions.iter().all(|region| region.count() == 0), "nobody was asked");
}

#[tokio::test]
async fn nothing_that_a_client_or_a_backend_wrote_is_shown() {
    let regions = regions().await;
    let gateway = gateway(&regions).await;
    regions[0].script(Fault::status(500));
    let marked = json!({ "messages": [{ "role": "user", "content": "MARK-prompt" }] });
    let path =
        "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21&q=MARK-query";
    let call =
        Call::post(path, &marked).header("api-key", "MARK-key").header("x-user", "MARK-header");
    let answer = gateway.send(&call).await;
    assert_eq!(answer.status, 200);
    let content = answer.json()["choices"][0]["message"]["content"].clone();
    assert_eq!(gateway.send(&Call::chat("MARK-model")).await.status, 400);
    report_of(&gateway, "gpt-4o-mini", 1).await;
    let status = Client::at(gateway.status());
    for path in ["/status", "/", "/page.js", "/page.css"] {
        let text = status.send(&Call::get(path)).await.text();
        assert!(!text.contains("MARK"), "{path}: {text}");
        assert!(!text.contains("key-of-") && !text.contains(&regions[0].url()), "{path}");
        assert!(!text.contains(content.as_str().expect("a completion")), "{path}");
    }
}

#[tokio::test]
async fn the_page_allows_nothing_but_itself_and_head_works() {
    let regions = regions().await;
    let gateway = gateway(&regions).await;
    let status = Client::at(gateway.status());
    let page = status.send(&Call::get("/")).await;
    assert!(page.text().starts_with("<!doctype html>"));
    for (name, part) in [
        ("content-security-policy", "default-src 'none'"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-type", "text/html"),
    ] {
        assert!(page.headers[name].to_str().expect("text").contains(part), "{name}");
    }
    assert!(!page.headers.contains_key("access-control-allow-origin"));
    let head = status.send(&Call::get("/status").by("HEAD")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.headers["content-type"], "application/json");
    let elsewhere =
        format!("GET /status HTTP/1.1\r\nhost: evil.example:{}\r\n\r\n", gateway.status().port());
    let mut raw = Raw::connect(gateway.status()).await;
    raw.write(elsewhere).await;
    assert_eq!(raw.answer().await.status, 421, "a name that only resolves to here");
}

#[tokio::test]
async fn odd_requests_trap_nothing() {
    let regions = regions().await;
    let gateway = gateway(&regions).await;
    let long = format!("/{}", "a".repeat(12_000));
    let odd: [(Vec<u8>, u16); 6] = [
        (b"GET /caf\xe9 HTTP/1.1\r\nhost: localhost\r\nx: \xff\xfe\r\n\r\n".to_vec(), 404),
        (b"GET /status HTTP/1.1\r\nhost: localhost\r\ncookie: \xe9\r\n\r\n".to_vec(), 200),
        (format!("GET {long} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes(), 404),
        (b"DELETE /status HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), 405),
        (
            b"POST /status HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nbody".to_vec(),
            405,
        ),
        (b"GET /status?\xe9=%ff HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), 200),
    ];
    for (request, wanted) in odd {
        let shown = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
        let mut raw = Raw::connect(gateway.status()).await;
        raw.write(request).await;
        // Envoy itself refuses bytes in a path that HTTP does not allow.
        let status = raw.answer().await.status;
        let refused = status == 400 && shown.contains('\u{fffd}');
        assert!(status == wanted || refused, "{shown}: {status}");
    }
    // The gateway fails this test where the filter has trapped.
    assert_eq!(gateway.report().await["version"], 1);
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.status, 200);
}

#[tokio::test]
async fn status_can_be_off_and_the_usual_port_may_be_taken() {
    use crate::started::{Started, folder};
    let eastus = region("eastus").await;
    let config = format!(
        "backends: {{ eastus: {{ url: \"{}\" }} }}\nmodels: {{ m: {{ pool: [eastus] }} }}\n",
        eastus.url()
    );
    let start = |arguments: &[&str]| {
        let folder = folder();
        std::fs::write(folder.path().join("spillway.yaml"), &config).expect("a configuration");
        let mut command = Command::new(find::command());
        command.args(["up", "--workers", "1", "--filter"]).arg(find::filter());
        command.arg("--envoy").arg(find::envoy()).args(arguments);
        Started::new(folder, &mut command)
    };
    let mut up = start(&["--listen", "127.0.0.1:0", "--status", "off"]);
    let (_, admin) = up.addresses().await;
    let listeners = Client::at(admin).send(&Call::get("/listeners")).await.text();
    assert_eq!(listeners.lines().count(), 1, "{listeners}");
    assert!(!up.read("stderr").contains("status on"));

    // A port whose next one is taken: the page goes elsewhere, and the gateway serves.
    let (free, _taken) = eventually("two ports in a row", async || {
        let first = std::net::TcpListener::bind("127.0.0.1:0").ok()?;
        let at = first.local_addr().ok()?;
        let next = std::net::TcpListener::bind(("127.0.0.1", at.port().checked_add(1)?)).ok()?;
        drop(first);
        Some((at, next))
    })
    .await;
    let mut up = start(&["--listen", &free.to_string()]);
    let (at, _) = up.addresses().await;
    assert_eq!(at, free);
    let line = eventually("its status", async || {
        up.read("stderr")
            .lines()
            .find_map(|line| Some(line.strip_prefix("status on http://")?.to_owned()))
    })
    .await;
    let status: std::net::SocketAddr = line.trim_end_matches('/').parse().expect("an address");
    assert_ne!(status.port(), free.port() + 1);
    assert_eq!(Client::at(status).send(&Call::get("/status")).await.status, 200);
}
