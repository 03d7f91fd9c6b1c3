//! A proxy has other hosts too, and a mesh writes on requests what no backend should read.

use spillway_integration::{Call, Gateway, key_of, log_line, region};
use spillway_simulator::Region;

use super::{extensions, mesh, proxy};

pub(super) const CONFIG: &str = "models: { gpt-4o: { pool: [eastus, westus] } }\n";

pub(super) async fn regions() -> (Region, Region) {
    (region("eastus").await, region("westus").await)
}

pub(super) fn chat() -> Call {
    Call::chat("gpt-4o")
}

#[tokio::test]
async fn a_neighbour_notices_nothing() {
    let (eastus, westus) = regions().await;
    let gateway = Gateway::setup(CONFIG, [&eastus, &westus]).in_bootstrap(mesh::ingress);
    let gateway = gateway.start().await;
    let theirs = gateway.send(&chat().header("host", proxy::NEIGHBOUR)).await;
    assert_eq!((theirs.status, theirs.text().as_str()), (503, "the shop is closed"));
    assert_eq!(theirs.header("content-type"), "text/plain");
    assert_eq!(theirs.header("x-request-id"), "");

    let ours = gateway.send(&chat()).await;
    assert_eq!(ours.status, 200, "{}", ours.text());
    assert_eq!(*log_line::model(&gateway.log_line(ours.header("x-request-id")).await), "gpt-4o");
    assert_eq!(gateway.log_lines().len(), 1, "the neighbour's request stands in our log");
}

#[tokio::test]
async fn our_errors_are_openais_and_the_filters_answers_pass() {
    let (eastus, westus) = regions().await;
    let gateway = Gateway::setup(CONFIG, [&eastus, &westus]).in_bootstrap(mesh::ingress);
    let gateway = gateway.start().await;
    let unknown = gateway.send(&Call::chat("nobody")).await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.text().contains("\"error\""), "{}", unknown.text());
}

/// Where the router goes by a header, nobody but the filter writes it.
#[tokio::test]
async fn no_client_chooses_the_cluster() {
    let (eastus, westus) = regions().await;
    let config = "models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }] } }\n";
    let gateway = Gateway::setup(config, [&eastus, &westus]).in_bootstrap(mesh::ingress);
    let gateway = gateway.without(extensions::lacking()).start().await;
    for cluster in ["spillway-westus", "westus", "outbound|80||shop.example.com", ""] {
        let call = chat().header("x-spillway-cluster", cluster);
        assert_eq!(gateway.send(&call).await.ok().backend(), "eastus", "{cluster}");
        let unknown = Call::chat("nobody").header("x-spillway-cluster", cluster);
        assert_eq!(gateway.send(&unknown).await.status, 400, "{cluster}");
    }
    // Elsewhere it is a header like any other.
    let by_header = !extensions::specifies_clusters();
    for seen in eastus.requests().into_iter().filter(|_| by_header) {
        assert!(seen.headers.iter().all(|(name, _)| !name.contains("spillway")), "{seen:?}");
    }
}

#[tokio::test]
async fn no_key_stands_in_what_envoy_shows() {
    let (eastus, westus) = regions().await;
    let gateway = Gateway::setup(CONFIG, [&eastus, &westus]).in_bootstrap(mesh::ingress);
    let gateway = gateway.start().await;
    assert_eq!(gateway.send(&chat()).await.status, 200);
    let shown = gateway.admin("/config_dump").await;
    assert!(shown.contains("%ENVIRONMENT(KEY_EASTUS)%"), "the dump is not of this gateway");
    for text in [shown, gateway.log()] {
        assert!(!text.contains(&key_of("eastus")), "a key is shown");
    }
}
