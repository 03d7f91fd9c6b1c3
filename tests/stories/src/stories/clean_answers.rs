//! What a backend sends shows no credential to a client.

use crate::expect::{chat, chat_path, failure};
use crate::http::{Answer, Headers, Request};
use crate::stage::Stage;
use crate::story::{Story, key_of};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a backend that echoes its key shows it to no client, whatever its answer is",
        behaviours: &[],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            let stream =
                "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\ndata: [DONE]\n\n";
            let answers = [
                Answer::json(200, "{}"),
                Answer::events(stream),
                Answer::json(202, "{}"),
                Answer::json(302, ""),
                Answer::json(400, "{}"),
                Answer::json(403, "{}"),
                Answer::json(404, "{}"),
            ];
            for told in answers {
                let keyless = told.body.clone();
                stage.will("eastus", [echo(told)]);
                stage.will("westus", [echo(Answer::json(200, keyless))]);
                has_no_key(&stage.chat("gpt-4o"));
            }
        },
    },
    Story {
        name: "an answer that fails over shows no key, nor does the last of all that fail",
        behaviours: &[],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            stage.will("eastus", [echo(failure(500))]);
            let answer = stage.chat("gpt-4o");
            has_no_key(answer.is(200).from("westus"));

            stage.will("eastus", [echo(failure(500))]);
            stage.will("westus", [echo(failure(500))]);
            has_no_key(stage.chat("gpt-4o").is(500).has("x-spillway-attempts", "2"));
        },
    },
    Story {
        name: "an address at a backend becomes the gateway's own, without the backend's key",
        behaviours: &[],
        needs: &[],
        config: "
path_prefix: /inference
backends:
  eastus: { url: '{eastus}/tenant1', api_key: '${EASTUS_KEY}', deployments: { gpt-4o: gpt-4o-std } }
  westus: { url: '{westus}', api_key: '${WESTUS_KEY}' }
models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let (eastus, westus) = (stage.authority("eastus"), stage.authority("westus"));
            let key = key_of("eastus");
            let path = "/tenant1/openai/deployments/gpt-4o-std/realtime?a=b";
            let own = "/inference/openai/deployments/gpt-4o/realtime?a=b";
            for (address, wanted) in [
                (format!("http://{eastus}{path}&api-key={key}"), own),
                (format!("HTTP://{eastus}{path}&API%2Dkey={key}"), own),
                (format!("//{eastus}{path}&subscription-key={key}#key={key}"), own),
                (format!("http://user:{key}@{eastus}{path}"), own),
                (format!("{path}&access_token={key}"), own),
                (format!("http://{westus}/openai/x?authorization={key}"), "/inference/openai/x"),
            ] {
                for (status, name) in [
                    (302, "location"),
                    (307, "location"),
                    (201, "content-location"),
                    (202, "operation-location"),
                    (202, "azure-asyncoperation"),
                ] {
                    stage.will("eastus", [Answer::json(status, "{}").with(name, address.clone())]);
                    in_front(stage).is(status).has(name, wanted).says("{}");
                }
            }
        },
    },
    Story {
        name: "an address elsewhere stays, without credentials, and what is none is removed",
        behaviours: &[],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            let key = key_of("eastus");
            for (address, wanted) in [
                (format!("https://h.test/x?a=b&api-key={key}"), Some("https://h.test/x?a=b")),
                (format!("https://u:{key}@h.test/x"), Some("https://h.test/x")),
                (format!("//h.test:1/x?key={key}&c"), Some("//h.test:1/x?c")),
                (format!("next/page?api_key={key}"), Some("next/page")),
                (format!("?cursor=2&ocp-apim-subscription-key={key}"), Some("?cursor=2")),
                ("https://h.test/%7Ex?y=1#z".to_owned(), Some("https://h.test/%7Ex?y=1#z")),
                (format!("https:\\\\h.test/x?api-key={key}"), None),
                (format!("https://a@b@h.test/x?api-key={key}"), None),
                (format!("/x y?api-key={key}"), None),
            ] {
                stage.will("eastus", [Answer::json(302, "").with("location", address)]);
                let answer = stage.chat("gpt-4o");
                assert_eq!(answer.is(302).headers.text("location").as_deref(), wanted);
            }
        },
    },
    Story {
        name: "trailers show no key and forge nothing, whether their answer was held or not",
        behaviours: &[],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            let stream =
                "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\ndata: [DONE]\n\n";
            for told in [
                Answer::json(200, "{}"),
                Answer::json(200, "{\"a\":1}").cut_at([3]),
                Answer::events(stream),
                Answer::json(400, "{\"error\":{}}"),
                Answer::json(404, "{\"error\":{\"code\":\"404\"}}"),
            ] {
                let told = told.trailer("api-key", key_of("eastus")).trailer("x-checksum", "abc");
                let told = told.trailer("x-spillway-backend", "nowhere");
                let told = told.trailer("authorization", "Bearer x").trailer("x-checksum", "d");
                let (status, body) = (told.status, told.body.clone());
                stage.will("eastus", [told]);

                let answer = stage.chat("gpt-4o");

                answer.is(status).says(body).has("x-spillway-backend", "eastus").ends();
                let left = [
                    ("x-checksum".to_owned(), b"abc".to_vec()),
                    ("x-checksum".to_owned(), b"d".to_vec()),
                ];
                assert_eq!(answer.trailers, Headers(left.into()));
            }
        },
    },
];

/// The same answer with the key of each backend wherever headers can hold one.
fn echo(mut answer: Answer) -> Answer {
    for backend in ["eastus", "westus"] {
        let key = key_of(backend);
        for name in ["api-key", "x-api-key", "ocp-apim-subscription-key", "proxy-authorization"] {
            answer = answer.with(name, key.clone());
        }
        answer = answer.with("authorization", format!("Bearer {key}"));
        answer = answer.with("operation-location", format!("https://h.test/x?api-key={key}"));
    }
    answer
}

#[track_caller]
fn has_no_key(answer: &Answer) {
    for backend in ["eastus", "westus"] {
        let key = key_of(backend);
        for (name, value) in answer.headers.0.iter().chain(&answer.trailers.0) {
            assert!(!String::from_utf8_lossy(value).contains(&key), "{name} holds {backend}'s key");
        }
    }
}

fn in_front(stage: &mut dyn Stage) -> Answer {
    let path = format!("/inference{}", chat_path("gpt-4o"));
    stage.send(&Request { path: path.into_bytes(), ..chat("gpt-4o") })
}

const FIRST_AND_SECOND: &str = "
circuit_breaker: { failures: 100, trip: 1ms, max_trip: 1ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";
