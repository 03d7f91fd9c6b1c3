//! Keys stay where they belong: every place in which a client may write one, and what a backend gets.

use crate::expect::{CHAT_BODY, chat, chat_path};
use crate::http::{Received, Request};
use crate::story::{Story, key_of};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "no place in which a key can be written reaches a backend with a client's",
        behaviours: &[22],
        needs: &[],
        config: CLIENTS,
        play: |stage| {
            let key = key_of("chat");
            let known = || chat("gpt-4o").with("api-key", key_of("chat"));
            for header in [
                "authorization",
                "x-api-key",
                "ocp-apim-subscription-key",
                "proxy-authorization",
                "x-functions-key",
                "x-made-up",
            ] {
                let in_protocol = format!("realtime, openai-insecure-api-key.{key}, v1");
                let (quoted, tab) = (format!("\"{key}\""), format!("bearer\t{key}"));
                let bearer = format!("Bearer {key}");
                for value in [key.clone(), bearer, key_of("batch"), in_protocol, quoted, tab] {
                    stage.send(&known().with(header, value)).is(200);
                    is_clean(&stage.last("eastus"));
                }
            }
            for name in
                ["api-key", "api%2Dkey", "API-KEY", "subscription-key", "access_token", "made-up"]
            {
                let path = format!("{}&{name}={key}&x=1", chat_path("gpt-4o"));
                let request = Request::post(path, CHAT_BODY).with("api-key", key.as_str());
                stage.send(&request).is(200);
                let sent = stage.last("eastus");
                is_clean(&sent);
                sent.at(&format!("{}&x=1", chat_path("gpt-4o")));
            }
            let escaped = format!("{}&made-up={}", chat_path("gpt-4o"), key.replace('-', "%2d"));
            stage.send(&Request::post(escaped, CHAT_BODY).with("api-key", key.as_str())).is(200);
            stage.last("eastus").at(&chat_path("gpt-4o"));
            let named = format!("{}&{key}=1", chat_path("gpt-4o"));
            stage.send(&Request::post(named, CHAT_BODY).with("api-key", key.as_str())).is(200);
            stage.last("eastus").at(&chat_path("gpt-4o"));
            for cookie in
                [format!("a=1; b={key}"), format!("a=1; api-key={key}"), format!("a=1; {key}")]
            {
                stage.send(&known().with("cookie", cookie)).is(200);
                stage.last("eastus").has("cookie", "a=1");
            }
        },
    },
    Story {
        name: "trailers of a request reach no backend",
        behaviours: &[22],
        needs: &[],
        config: CLIENTS,
        play: |stage| {
            let key = key_of("chat");
            for name in ["api-key", "authorization", "x-made-up"] {
                for value in [key.clone(), format!("Bearer {key}"), "harmless".to_owned()] {
                    let request = chat("gpt-4o").with("api-key", key.as_str());
                    stage.send(&request.trailer(name, value).cut_at([5])).is(200);
                    let sent = stage.last("eastus");
                    is_clean(&sent);
                    sent.says(CHAT_BODY);
                    assert_eq!(sent.trailers.0, [], "trailers at the backend");
                }
            }
        },
    },
    Story {
        name: "where everyone may call, credentials go no further, and the file names what else does not",
        behaviours: &[22],
        needs: &[],
        config: "
drop_headers: [Cookie, x-internal]
models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let request = chat("gpt-4o")
                .with("x-api-key", "a")
                .with("ocp-apim-subscription-key", "b")
                .with("authorization", "Bearer c")
                .with("cookie", "session=d")
                .with("x-internal", "e")
                .with("x-other", "f");

            stage.send(&request).is(200);

            let sent = stage.last("eastus");
            sent.has("api-key", &key_of("eastus")).has("x-other", "f");
            for name in
                ["x-api-key", "ocp-apim-subscription-key", "authorization", "cookie", "x-internal"]
            {
                sent.lacks(name);
            }
        },
    },
    Story {
        name: "the cookies of several lines are one header",
        behaviours: &[],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus, westus], session_affinity: true } }",
        play: |stage| {
            let answer = stage.chat("gpt-4o");
            let (region, (pair, _)) = (answer.region(), answer.cookie().expect("a cookie"));
            for _ in 0..3 {
                let mut request = chat("gpt-4o");
                request.headers.add("cookie", "a=1");
                request.headers.add("cookie", format!("{pair}; b=2"));
                request.headers.add("cookie", "c=3");

                let answer = stage.send(&request);

                answer.is(200).from(&region);
                stage.last(&region).has("cookie", "a=1; b=2; c=3");
            }
        },
    },
];

/// Nothing that the backend got holds a client's key.
#[track_caller]
fn is_clean(received: &Received) {
    let keys = [key_of("chat"), key_of("batch")];
    let values = received.headers.0.iter().chain(&received.trailers.0).map(|(_, value)| value);
    for place in values.chain([&received.path]) {
        let text = String::from_utf8_lossy(place);
        assert!(!keys.iter().any(|key| text.contains(key)), "{text:?}");
    }
}

const CLIENTS: &str = "
clients: [{ name: chat-app, key: '${CHAT_KEY}' }, { name: batch, key: '${BATCH_KEY}' }]
models: { gpt-4o: { pool: [eastus] } }";
