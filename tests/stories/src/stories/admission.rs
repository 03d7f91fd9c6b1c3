//! Who may call, and that their keys go no further.

use crate::expect::{chat, chat_path, failure, respond};
use crate::http::Request;
use crate::story::{Story, key_of};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a client's key is taken in either header and in the query",
        behaviours: &[21, 22],
        needs: &[],
        config: CLIENTS,
        play: |stage| {
            let key = key_of("chat");
            let path = format!("{}&api-key={key}&x=1", chat_path("gpt-4o"));
            for request in [
                chat("gpt-4o").with("api-key", key.as_str()),
                chat("gpt-4o").with("authorization", format!("Bearer {key}")),
                chat("gpt-4o").with("authorization", format!("bearer {key}")),
                Request { path: path.into_bytes(), ..chat("gpt-4o") },
                respond("gpt-4o").with("api-key", key.as_str()),
            ] {
                stage.send(&request).is(200);
                assert_eq!(stage.noted("client"), "chat-app");
                let received = stage.last("eastus");
                received.has("api-key", &key_of("eastus")).lacks("authorization");
                assert!(!String::from_utf8_lossy(&received.path).contains("key"));
            }
            stage.send(&chat("gpt-4o").with("api-key", key_of("batch"))).is(200);
            assert_eq!(stage.noted("client"), "batch");
        },
    },
    Story {
        name: "without a known key nobody gets anywhere",
        behaviours: &[21],
        needs: &[],
        config: CLIENTS,
        play: |stage| {
            let query = format!("{}&api-key=wrong", chat_path("gpt-4o"));
            for request in [
                chat("gpt-4o"),
                chat("gpt-4o").with("api-key", ""),
                chat("gpt-4o").with("api-key", "wrong"),
                chat("gpt-4o").with("api-key", key_of("eastus")),
                chat("gpt-4o").with("api-key", format!("{}x", key_of("chat"))),
                chat("gpt-4o").with("authorization", "Bearer wrong"),
                chat("gpt-4o").with("authorization", key_of("chat")),
                chat("gpt-4o").with("authorization", format!("Basic {}", key_of("chat"))),
                Request { path: query.into_bytes(), ..chat("gpt-4o") },
                chat("no-such-model"),
                respond("no-such-model"),
            ] {
                let answer = stage.send(&request);
                answer.is(401).error("invalid_api_key").has("x-spillway-attempts", "0");
                assert_eq!(stage.noted("attempts"), "invalid_api_key");
                assert_eq!(stage.noted("client"), "");
            }
            assert_eq!(stage.count("eastus") + stage.count("westus"), 0);
        },
    },
    Story {
        name: "where everyone may call, their keys go no further either",
        behaviours: &[22],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let path = format!("{}&api-key=theirs", chat_path("gpt-4o"));
            let request =
                chat("gpt-4o").with("api-key", "theirs").with("authorization", "Bearer theirs");

            stage.send(&Request { path: path.into_bytes(), ..request }).is(200);

            let received = stage.last("eastus");
            received.has("api-key", &key_of("eastus")).lacks("authorization");
            received.at(&chat_path("gpt-4o"));
        },
    },
    Story {
        name: "no backend sees another one's key, whatever kind it is",
        behaviours: &[22],
        needs: &[],
        config: "
backends:
  eastus: { url: '{eastus}', api_key: '${EASTUS_KEY}' }
  westus: { url: '{westus}', bearer_token: '${WESTUS_KEY}' }
  uksouth: { url: '{uksouth}' }
  sweden: { url: '{sweden}', api_key: '${SWEDEN_KEY}' }
models: { gpt-4o: { pool: [eastus, westus, uksouth, sweden] } }",
        play: |stage| {
            for backend in ["eastus", "westus", "uksouth"] {
                stage.will(backend, [failure(500)]);
            }

            let request =
                chat("gpt-4o").with("api-key", "theirs").with("authorization", "Bearer theirs");
            stage.send(&request).is(200).from("sweden");

            stage.last("eastus").has("api-key", &key_of("eastus")).lacks("authorization");
            let token = format!("Bearer {}", key_of("westus"));
            stage.last("westus").has("authorization", &token).lacks("api-key");
            stage.last("uksouth").lacks("api-key").lacks("authorization");
            stage.last("sweden").has("api-key", &key_of("sweden")).lacks("authorization");
        },
    },
];

const CLIENTS: &str = "
clients:
  - { name: chat-app, key: '${CHAT_KEY}' }
  - { name: batch, key: '${BATCH_KEY}' }
models: { gpt-4o: { pool: [eastus] } }
";
