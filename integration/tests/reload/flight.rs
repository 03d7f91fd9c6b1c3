//! Requests that run while the file changes: each stays with the configuration that it began with.

use spillway_integration::{Call, Client, Gateway, Journal, Raw, eventually, region};
use spillway_simulator::{Fault, Region, Reset};

/// These regions as one pool, the first alone in its tier.
pub(crate) fn pool(regions: &[&Region]) -> String {
    let (mut backends, mut pool) = (String::new(), String::new());
    for (at, region) in regions.iter().enumerate() {
        let name = region.name();
        let variable = format!("KEY_{}", name.to_uppercase());
        backends +=
            &format!("  {name}: {{ url: \"{}\", api_key: \"${{{variable}}}\" }}\n", region.url());
        pool += &format!("      - {{ backend: {name}, priority: {} }}\n", at.min(1) + 1);
    }
    format!("backends:\n{backends}models:\n  gpt-4o-mini:\n    pool:\n{pool}")
}

async fn arrived(region: &Region) {
    eventually("the request", async || (region.count() == 1).then_some(())).await;
}

#[tokio::test]
async fn a_request_still_fails_over_to_a_backend_that_was_removed_meanwhile() {
    let (eastus, westus, uksouth) =
        (region("eastus").await, region("westus").await, region("uksouth").await);
    let text = pool(&[&eastus, &westus]);
    let gateway = Gateway::setup(&text, [&eastus, &westus, &uksouth]).start().await;
    eastus.script(Fault { delay_ms: Some(3000), ..Fault::status(503) });
    let at = gateway.at;
    let slow = tokio::spawn(async move { Client::at(at).send(&Call::chat("gpt-4o-mini")).await });
    arrived(&eastus).await;

    gateway.reload(&pool(&[&uksouth])).await;
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.ok().backend(), "uksouth");
    assert_eq!(slow.await.expect("an answer").ok().backend(), "westus");
    assert_eq!((eastus.count(), westus.count(), uksouth.count()), (1, 1, 1));

    // Once nobody needs them any more, they are gone.
    eventually("their end", async || {
        let clusters = gateway.admin("/clusters").await;
        (!clusters.contains("eastus::") && !clusters.contains("westus::")).then_some(())
    })
    .await;
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.ok().backend(), "uksouth");
}

#[tokio::test]
async fn a_request_whose_body_is_awaited_goes_where_it_would_have_gone() {
    let (eastus, uksouth) = (region("eastus").await, region("uksouth").await);
    let gateway = Gateway::setup(&pool(&[&eastus]), [&eastus, &uksouth]).start().await;
    let call = Call::v1_chat("gpt-4o-mini");
    let (first, second) = call.body().split_at(call.body().len() / 2);
    let mut raw = Raw::connect(gateway.at).await;
    raw.write(head(&call)).await;
    raw.write(first).await;
    eventually("the request", async || {
        (gateway.stat("http.spillway.downstream_rq_active").await == 1).then_some(())
    })
    .await;
    gateway.reload(&pool(&[&uksouth])).await;
    raw.write(second).await;
    let answer = raw.answer().await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert_eq!((eastus.count(), uksouth.count()), (1, 0));
    // The next one on the same connection meets the new file.
    raw.write(head(&call)).await;
    raw.write(call.body()).await;
    assert_eq!(raw.answer().await.status, 200);
    assert_eq!((eastus.count(), uksouth.count()), (1, 1));
}

#[tokio::test]
async fn a_backend_that_moves_gets_its_new_key_only_there() {
    let (old, new) = (region("old").await, region("new").await);
    let file = |region: &Region| {
        let variable = format!("KEY_{}", region.name().to_uppercase());
        format!(
            "backends: {{ eastus: {{ url: \"{}\", api_key: \"${{{variable}}}\" }} }}\n\
             models: {{ gpt-4o-mini: {{ pool: [eastus] }} }}\n",
            region.url()
        )
    };
    let gateway = Gateway::setup(&file(&old), [&old, &new]).start().await;
    old.script(Fault { delay_ms: Some(1000), ..Fault::default() });
    let at = gateway.at;
    let slow = tokio::spawn(async move { Client::at(at).send(&Call::chat("gpt-4o-mini")).await });
    arrived(&old).await;
    let said = gateway.reload(&file(&new)).await;
    assert!(said.contains(": 1 backend changed\n"), "{said}");
    // A region refuses any key but its own.
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.ok().header("x-ms-region"), "new");
    assert_eq!(slow.await.expect("an answer").ok().header("x-ms-region"), "old");
    // And back, while the old cluster may still be there.
    gateway.reload(&file(&old)).await;
    let answer = gateway.send(&Call::chat("gpt-4o-mini").header("x-request-id", "back")).await.ok();
    assert_eq!((answer.header("x-ms-region"), answer.backend()), ("old", "eastus"));
    assert_eq!(gateway.log_line("back").await["backend"], "eastus");
    assert_eq!((old.statuses(), new.statuses()), (vec![200, 200], vec![200]));
}

#[tokio::test]
async fn a_stream_that_runs_is_not_cut() {
    let (status, text, broken) = stream_across_a_change(Fault::default()).await;
    assert!(status == 200 && !broken && text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[tokio::test]
async fn a_stream_that_breaks_after_a_change_still_says_so() {
    let (status, text, _) = stream_across_a_change(Fault::reset(Reset::MidStream)).await;
    assert!(status == 200 && text.contains("\"stream_interrupted\""), "{text}");
}

/// A stream that begins before a change of backends and clients, and what came of it.
async fn stream_across_a_change(fault: Fault) -> (u16, String, bool) {
    let (eastus, uksouth) = (region("eastus").await, region("uksouth").await);
    let setup = Gateway::setup(&pool(&[&eastus]), [&eastus, &uksouth]);
    let gateway = setup.env("CLIENT", "a-client-key").start().await;
    eastus.script(Fault { chunks: Some(12), chunk_delay_ms: Some(200), ..fault });
    let call = Call::streamed_chat("gpt-4o-mini");
    let mut raw = Raw::connect(gateway.at).await;
    raw.write(head(&call)).await;
    raw.write(call.body()).await;
    arrived(&eastus).await;
    // Another client's key is another environment, and so another VM.
    let clients = "clients: [{ name: chat-app, key: \"${CLIENT}\" }]\n";
    gateway.reload(&format!("{}{clients}", pool(&[&uksouth]))).await;
    let answer = raw.answer().await;
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.status, 401);
    let call = Call::chat("gpt-4o-mini").header("api-key", "a-client-key");
    assert_eq!(gateway.send(&call).await.ok().backend(), "uksouth");
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned(), answer.broken)
}

fn head(call: &Call) -> String {
    format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        call.path(),
        call.body().len()
    )
}
