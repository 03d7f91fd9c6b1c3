//! Who may call, and what is rewritten on the way.

use spillway_integration::{Call, Client, Gateway, Journal, key_of, region, story};
use spillway_simulator::{Fault, Region, RetryAfter, SeenRequest};

#[tokio::test]
async fn behaviour_21_the_clients_key_in_each_of_its_places() {
    let eastus = region("eastus").await;
    let config = "
clients: [{ name: chat-app, key: \"${CLIENT}\" }, { name: batch, key: \"${BATCH}\" }]
models: { gpt-4o-mini: { pool: [eastus] } }
";
    let setup = Gateway::setup(config, [&eastus]);
    let gateway = setup.env("CLIENT", "s3cret+/=").env("BATCH", "other").start().await;
    let chat = || Call::chat("gpt-4o-mini");
    let path = |key: &str| {
        let path = "/openai/deployments/gpt-4o-mini/chat/completions";
        let path = format!("{path}?api-key={key}&api-version=2025-03-01-preview");
        Call::post_bytes(&path, "application/json", chat().body().clone())
    };
    let good = [
        chat().header("api-key", "s3cret+/="),
        chat().header("api-key", "other"),
        Call::v1_chat("gpt-4o-mini").header("authorization", "Bearer s3cret+/="),
        chat().header("authorization", "bearer other"),
        path("s3cret%2B%2F%3D"),
        // The SDKs send a placeholder in one place and the key in the other.
        chat().header("api-key", "wrong").header("authorization", "Bearer other"),
    ];
    for call in &good {
        assert_eq!(gateway.send(call).await.status, 200, "{call:?}");
    }
    assert_eq!(eastus.count(), good.len());
    assert!(eastus.requests().iter().all(|seen| !seen.path.contains("api-key")));

    let bad = [
        chat(),
        chat().header("api-key", "s3cret"),
        chat().header("api-key", ""),
        chat().header("api-key", b"s3cret\xff"),
        chat().header("authorization", "Basic s3cret+/="),
        chat().header("authorization", "Bearer"),
        path(""),
        Call::v1_chat("gpt-4o-mini"),
        Call::get("/openai/models"),
        Call::chat("no-such-model"),
    ];
    for call in &bad {
        let answer = gateway.send(call).await;
        assert_eq!(answer.status, 401, "{call:?}");
        assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
    }
    assert_eq!(eastus.count(), good.len(), "nothing of it reached the backend");
}

#[tokio::test]
async fn behaviour_22_each_attempt_has_its_backends_own_credential() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let (uksouth, open) = (region("uksouth").await, region("open").await);
    for region in [&eastus, &westus, &uksouth] {
        region.script(Fault::too_many_requests(RetryAfter::Millis(1)).forever());
    }
    // `open` is a server without a key: nothing of the others' may be left for it.
    let config = format!(
        "
circuit_breaker: {{ trip: 1ms }}
clients: [{{ name: chat-app, key: \"${{CLIENT}}\" }}]
backends:
  eastus: {{ url: \"{}\", api_key: \"${{KEY_EASTUS}}\" }}
  westus: {{ url: \"{}\", bearer_token: \"${{KEY_WESTUS}}\" }}
  uksouth: {{ url: \"{}\", api_key: \"${{KEY_UKSOUTH}}\" }}
  open: {{ url: \"{}\" }}
models:
  gpt-4o-mini: {POOL}
  gpt-4o: {POOL}
",
        eastus.url(),
        westus.url(),
        uksouth.url(),
        open.url()
    );
    let all = [&eastus, &westus, &uksouth, &open];
    let gateway = Gateway::setup(&config, all).env("CLIENT", "the-client-s").start().await;
    // Each with a model of its own: what the first learned of the backends is not the second's.
    for call in [Call::chat("gpt-4o-mini"), Call::response("gpt-4o")] {
        all.iter().for_each(|region| region.clear());
        let call = call
            .header("api-key", "the-client-s")
            .header("authorization", "Bearer the-client-s")
            .header("cookie", "theirs=1; Ours=AAAAAAAAAAAAAAAA; also=2");
        let answer = gateway.send(&call).await;
        // `open` wants a key as every region does, and nobody has given it one.
        assert_eq!((answer.status, story(all)), (401, [1, 1, 1, 1]), "{}", answer.text());
        assert_eq!(keys(&eastus), (Some(key_of("eastus")), None));
        assert_eq!(keys(&westus), (None, Some(format!("Bearer {}", key_of("westus")))));
        assert_eq!(keys(&uksouth), (Some(key_of("uksouth")), None));
        assert_eq!(keys(&open), (None, None));
        for region in all {
            let seen = region.only();
            assert_eq!(seen.header("cookie"), Some("theirs=1; also=2"));
            assert!(!everything(&seen).contains("the-client-s"));
        }
    }
}

fn keys(region: &Region) -> (Option<String>, Option<String>) {
    let seen = region.only();
    let header = |name: &str| seen.header(name).map(str::to_owned);
    (header("api-key"), header("authorization"))
}

fn everything(seen: &SeenRequest) -> String {
    let headers: Vec<_> =
        seen.headers.iter().map(|(name, value)| (name, String::from_utf8_lossy(value))).collect();
    format!("{} {headers:?} {:?}", seen.path, seen.body)
}

#[tokio::test]
async fn behaviour_23_the_path_and_the_host_become_the_backends() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    eastus.script(Fault::status(503).forever());
    let config = "
path_prefix: /inference
circuit_breaker: { failures: 1000 }
models: { gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] } }
";
    let gateway = Gateway::start(config, [&eastus, &westus]).await;
    let call = Call::chat("gpt-4o-mini");
    let answer = gateway.send(&call.clone().below("/inference")).await;
    assert_eq!(answer.status, 200);
    for region in [&eastus, &westus] {
        let seen = region.only();
        assert_eq!(seen.path, call.path(), "the prefix is gone, the query is not");
        assert_eq!(seen.authority, Some(region.addr().to_string()));
        let forwarded: Vec<_> =
            seen.headers.iter().filter(|(name, _)| name.starts_with("x-forwarded")).collect();
        assert!(
            forwarded.is_empty(),
            "our clients' addresses are not the backends': {forwarded:?}"
        );
        assert!(!everything(&seen).contains("x-envoy"), "{seen:?}");
    }
    let outside = gateway.send(&call).await;
    assert_eq!((outside.status, story([&eastus, &westus])), (404, [1, 1]));

    // A base path of the backend's goes in front.
    let config = format!(
        "
backends: {{ westus: {{ url: \"{}/base\", api_key: \"${{KEY_WESTUS}}\" }} }}
models: {{ gpt-4o-mini: {{ pool: [westus] }} }}
",
        westus.url()
    );
    westus.clear();
    let gateway = Gateway::start(&config, [&westus]).await;
    Client::at(gateway.at).send(&call).await;
    assert_eq!(westus.only().path, format!("/base{}", call.path()));
}

const POOL: &str = "{ session_affinity: { cookie: Ours }, pool: [{ backend: eastus, priority: 1 }, \
    { backend: westus, priority: 2 }, { backend: uksouth, priority: 3 }, { backend: open, priority: 4 }] }";
