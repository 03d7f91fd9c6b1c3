//! No key where it does not belong: not in a log, a dump, a metric, an answer, or at another backend.
//! And nothing of what clients ask and backends answer in any place that an operator sees.

use serde_json::{Value, json};
use spillway_integration::{
    Answer, Call, Gateway, Journal, Raw, RawAnswer, eventually, region, region_with,
};
use spillway_simulator::{Fault, Region, Reset, RetryAfter, Script, SeenRequest};

const CLIENT: &str = "marked-client-key-5d1e";
const PROMPT: &str = "marked-prompt-c83a";
const COOKIE: &str = "marked-cookie-key-77aa";
const KEYS: [&str; 3] =
    ["marked-eastus-key-19c4", "marked-westus-key-b2f0", "marked-uksouth-key-e6d3"];

#[tokio::test]
async fn no_key_is_where_it_does_not_belong() {
    let mut regions = Vec::new();
    for (name, key) in ["eastus", "westus", "uksouth"].into_iter().zip(KEYS) {
        regions.push(region_with(name, |config| config.api_key = Some(key.into())).await);
    }
    let [eastus, westus, uksouth] = &regions[..] else { panic!("three regions") };
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("uksouth-key");
    std::fs::write(&file, KEYS[2]).expect("a key");
    let config = format!(
        "
clients: [{{ name: chat-app, key: \"${{CLIENT}}\" }}]
cookie_key: \"${{COOKIE}}\"
circuit_breaker: {{ failures: 1000, trip: 1ms, max_trip: 1ms }}
backends:
  eastus: {{ url: \"{}\", api_key: \"${{EASTUS}}\" }}
  westus: {{ url: \"{}\", bearer_token: \"${{WESTUS}}\" }}
  uksouth: {{ url: \"{}\", api_key: {{ file: \"{}\" }} }}
models:
  gpt-4o-mini:
    session_affinity: true
    pool:
      - {{ backend: eastus, priority: 1 }}
      - {{ backend: westus, priority: 2 }}
      - {{ backend: uksouth, priority: 3 }}
",
        eastus.url(),
        westus.url(),
        uksouth.url(),
        file.display()
    );
    let setup = Gateway::setup(&config, [eastus, westus, uksouth]).env("CLIENT", CLIENT);
    let setup = setup.env("COOKIE", COOKIE).env("EASTUS", KEYS[0]).env("WESTUS", KEYS[1]);
    let gateway = setup.start().await;

    let (mut answers, mut completions) = (Vec::new(), Vec::new());
    for faults in every_kind_of_trouble() {
        for (region, fault) in regions.iter().zip(faults) {
            region.script(Script::new(fault.map(Fault::forever)));
        }
        for call in every_kind_of_call() {
            let answer = gateway.send(&call).await;
            completions.extend(completion(&answer));
            answers.push(format!("{:?} {}", answer.headers, answer.text()));
        }
        let answer = with_trailers(&gateway).await;
        answers.push(format!("{} {}", answer.head, String::from_utf8_lossy(&answer.body)));
    }
    assert!(regions.iter().all(|region| region.count() > 5), "all three were asked");

    let dump = gateway.admin("/config_dump?include_eds").await;
    assert!(dump.contains("eastus") && dump.contains("spillway.gateway"), "a dump of it all");
    let mut places = vec![
        ("the config dump", dump),
        ("the statistics", gateway.admin("/stats").await),
        ("the metrics", gateway.admin("/stats/prometheus").await),
        ("the clusters", gateway.admin("/clusters").await),
        ("the command line", gateway.admin("/server_info").await),
        ("the certificates", gateway.admin("/certs").await),
        ("the log", gateway.log()),
        ("the answers", answers.join("\n")),
    ];
    eventually("the access log", async || {
        (gateway.log_lines().len() == answers.len()).then_some(())
    })
    .await;
    places.push(("the access log", gateway.access_log()));
    assert!(completions.len() > 5, "backends have answered");
    for (place, text) in places.iter().filter(|(place, _)| *place != "the answers") {
        for words in completions.iter().map(String::as_str).chain([PROMPT, "made-up-model"]) {
            // The path of a request may name a model that is not there; the log says what was asked.
            let may = words == "made-up-model" && *place == "the access log";
            assert!(may || !text.contains(words), "`{words}` stands in {place}");
        }
    }
    for (place, text) in places {
        for key in KEYS.iter().chain([&CLIENT, &COOKIE]) {
            assert!(!text.contains(key), "{key} stands in {place}:\n{}", around(&text, key));
        }
    }
    for (at, region) in regions.iter().enumerate() {
        for seen in region.requests() {
            let all = everything(&seen);
            let foreign = KEYS.iter().enumerate().filter(|(of, _)| *of != at).map(|(_, key)| *key);
            for key in foreign.chain([CLIENT, COOKIE]) {
                assert!(!all.contains(key), "{} was sent {key}: {all}", region.name());
            }
            assert!(all.contains(KEYS[at]), "{} was sent its own: {all}", region.name());
        }
    }
}

fn every_kind_of_trouble() -> Vec<[Option<Fault>; 3]> {
    let throttled = || Some(Fault::too_many_requests(RetryAfter::Millis(1)));
    let status = |status| Some(Fault::status(status));
    vec![
        [None, None, None],
        [throttled(), None, None],
        [throttled(), throttled(), None],
        [throttled(), throttled(), throttled()],
        [status(401), status(403), status(500)],
        [Some(Fault::reset(Reset::BeforeHeaders)), status(503), None],
        [status(400), None, None],
    ]
}

/// The beginning of what a backend has made, where it has made anything.
fn completion(answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let text = body["choices"][0]["message"]["content"].as_str()?;
    let long = text.char_indices().nth(20).map_or(text.len(), |(at, _)| at);
    Some(text[..long].to_owned())
}

/// A request with keys behind its body.
async fn with_trailers(gateway: &Gateway) -> RawAnswer {
    let mut raw = Raw::connect(gateway.at).await;
    let head = "POST /openai/v1/chat/completions HTTP/1.1\r\nhost: g\r\n\
                content-type: application/json\r\ntransfer-encoding: chunked\r\n";
    let body = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}"#;
    raw.write(format!(
        "{head}api-key: {CLIENT}\r\ntrailer: api-key\r\n\r\n{:x}\r\n{body}\r\n0\r\n\
         api-key: {CLIENT}\r\nauthorization: Bearer {CLIENT}\r\nx-odd: {CLIENT}\r\n\r\n",
        body.len()
    ))
    .await;
    raw.answer().await
}

fn every_kind_of_call() -> Vec<Call> {
    let odd = Call::chat("gpt-4o-mini")
        .header("api-key", CLIENT)
        .header("x-api-key", CLIENT)
        .header("ocp-apim-subscription-key", CLIENT)
        .header("proxy-authorization", format!("Bearer {CLIENT}"))
        .header("x-odd", CLIENT)
        .header("cookie", format!("a=1; key={CLIENT}"))
        .with_query(&format!("api%2Dkey={CLIENT}"))
        .with_query(&format!("subscription-key={CLIENT}"))
        .with_query(&format!("Access_Token={CLIENT}"))
        .with_query(&format!("odd={CLIENT}"));
    let path = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2025-03-01-preview";
    let query = format!("{path}&api-key={CLIENT}");
    let body = Call::chat("gpt-4o-mini").body().clone();
    let prompt = json!({ "messages": [{ "role": "user", "content": PROMPT }] });
    let mut streamed = prompt.clone();
    streamed["stream"] = json!(true);
    vec![
        Call::chat("gpt-4o-mini").header("api-key", CLIENT),
        Call::response("gpt-4o-mini").header("authorization", format!("Bearer {CLIENT}")),
        Call::streamed_chat("gpt-4o-mini").header("api-key", CLIENT),
        Call::post_bytes(&query, "application/json", body),
        odd,
        Call::chat("made-up-model").header("api-key", CLIENT),
        Call::v1_chat(&format!("made-up-model-{PROMPT}")).header("api-key", CLIENT),
        Call::post(path, &prompt).header("api-key", CLIENT),
        Call::post(path, &streamed).header("api-key", CLIENT),
        Call::chat("gpt-4o-mini").header("api-key", format!("{CLIENT}-wrong")),
        Call::chat("gpt-4o-mini").header("api-key", KEYS[0]),
    ]
}

#[tokio::test]
async fn a_key_in_a_file_is_replaced_without_a_restart() {
    let (eastus, westus) = (region_with_key("eastus", "new").await, region("westus").await);
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("key");
    std::fs::write(&file, "old").expect("a key");
    let config = format!(
        "
circuit_breaker: {{ trip: 1ms }}
backends:
  eastus: {{ url: \"{}\", api_key: {{ file: \"{}\" }} }}
  westus: {{ url: \"{}\", api_key: \"${{KEY_WESTUS}}\" }}
models:
  gpt-4o-mini: {{ pool: [{{ backend: eastus }}, {{ backend: westus, priority: 2 }}] }}
",
        eastus.url(),
        file.display(),
        westus.url()
    );
    let gateway = Gateway::start(&config, [&eastus, &westus]).await;
    let chat = Call::chat("gpt-4o-mini");
    assert_eq!(gateway.send(&chat).await.ok().backend(), "westus", "the old key is refused");

    // As Kubernetes and careful people do: a new file takes the old one's place at once.
    let next = directory.path().join("next");
    std::fs::write(&next, "new").expect("a key");
    std::fs::rename(&next, &file).expect("a rename");

    eventually("the new key", async || {
        let answer = gateway.send(&chat).await.ok();
        (answer.backend() == "eastus").then_some(())
    })
    .await;
    let sent = eastus.requests().pop().expect("a request");
    assert_eq!(sent.header("api-key"), Some("new"));
}

/// What a file holds that is no key, and what is said about it.
const NO_KEYS: [(&str, &str); 4] = [
    ("", "it is empty"),
    (" \n\n", "it is empty"),
    ("marked-key\nof-two-lines", "holds a line break"),
    ("marked-k\u{e9}y", "holds a character that is not ASCII"),
];

#[tokio::test]
async fn while_a_file_holds_no_key_other_backends_answer() {
    let (eastus, westus) = (region_with_key("eastus", "good").await, region("westus").await);
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("key");
    // As Kubernetes and careful people do: a new file takes the old one's place at once.
    let put = |key: &str| {
        let next = directory.path().join("next");
        std::fs::write(&next, key).expect("a key");
        std::fs::rename(&next, &file).expect("a rename");
    };
    put("good\n");
    for header in ["api_key", "bearer_token"] {
        let config = format!(
            "
circuit_breaker: {{ trip: 1ms, max_trip: 1ms }}
backends:
  eastus: {{ url: \"{}\", {header}: {{ file: \"{}\" }} }}
  westus: {{ url: \"{}\", api_key: \"${{KEY_WESTUS}}\" }}
models:
  gpt-4o-mini: {{ pool: [{{ backend: eastus }}, {{ backend: westus, priority: 2 }}] }}
",
            eastus.url(),
            file.display(),
            westus.url()
        );
        let gateway = Gateway::start(&config, [&eastus, &westus]).await;
        let chat = Call::chat("gpt-4o-mini");
        // Whatever the file holds, and while it changes, no client sees an error.
        let answered_by = async |backend: &str| {
            eventually("the key", async || {
                let answer = gateway.send(&chat).await.ok();
                (answer.backend() == backend).then_some(())
            })
            .await;
        };
        for (no_key, why) in NO_KEYS {
            answered_by("eastus").await;
            let told = gateway.told("warning: backends.eastus").len();
            put(no_key);
            answered_by("westus").await;
            eastus.clear();
            for answer in gateway.send_times(5, &chat).await {
                assert_eq!(answer.ok().backend(), "westus", "{no_key:?}");
            }
            for sent in eastus.requests() {
                let keys = ["api-key", "authorization"].map(|name| sent.header(name));
                assert_eq!(keys, [None, None], "{no_key:?} is no key to be sent");
            }
            let line = eventually("a line about the file", async || {
                gateway.told("warning: backends.eastus").into_iter().nth(told)
            })
            .await;
            assert!(line.contains(&format!("backends.eastus.{header}.file")), "{line}");
            assert!(line.contains(why), "{line}");
            // A new line, or the next bad key would follow one that was not seen to be good again.
            let good_again = format!("backends.eastus.{header}.file: the key is good again");
            let told = gateway.told(&good_again).len();
            std::fs::remove_file(&file).expect("the file");
            put("good\n");
            answered_by("eastus").await;
            eventually("a line about the good key", async || {
                gateway.told(&good_again).into_iter().nth(told)
            })
            .await;
        }
        assert!(!gateway.log().contains("marked-k"), "no key is shown\n{}", gateway.log());
        assert!(!gateway.access_log().contains("marked-k"), "no key is logged");
    }
}

#[tokio::test]
async fn white_space_around_a_key_is_no_part_of_it() {
    let eastus = region_with_key("eastus", "key-of-eastus").await;
    let config = format!(
        "
clients: [{{ name: chat-app, key: \"${{CLIENT}}\" }}]
cookie_key: \"${{COOKIE}}\"
backends: {{ eastus: {{ url: \"{}\", api_key: \"${{EASTUS}}\" }} }}
models: {{ gpt-4o-mini: {{ pool: [eastus] }} }}
",
        eastus.url()
    );
    let environment =
        [("CLIENT", " client\r\n"), ("COOKIE", "one\ntwo\n"), ("EASTUS", "key-of-eastus\n")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let gateway = Gateway::of(config, environment.into()).start().await;
    let chat = |key: &str| Call::chat("gpt-4o-mini").header("api-key", key);
    assert_eq!(gateway.send(&chat("client")).await.status, 200);
    assert_eq!(gateway.send(&chat("clien")).await.status, 401);
    assert_eq!(
        eastus.requests().pop().expect("a request").header("api-key"),
        Some("key-of-eastus")
    );
}

async fn region_with_key(name: &str, key: &str) -> Region {
    region_with(name, |config| config.api_key = Some(key.into())).await
}

fn everything(seen: &SeenRequest) -> String {
    let fields = seen.headers.iter().chain(&seen.trailers);
    let fields: Vec<_> =
        fields.map(|(name, value)| (name, String::from_utf8_lossy(value))).collect();
    format!("{} {fields:?} {:?}", seen.path, seen.body)
}

fn around(text: &str, key: &str) -> String {
    let lines = text.lines().filter(|line| line.contains(key));
    lines.map(|line| line.chars().take(300).collect::<String>()).collect::<Vec<_>>().join("\n")
}
