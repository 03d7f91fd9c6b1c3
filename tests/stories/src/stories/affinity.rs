//! The cookie that brings a client back to its backend.

use crate::expect::{chat, failure, millis, respond, throttled};
use crate::http::{Answer, Request};
use crate::story::Story;

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "without affinity, a conversation wanders",
        behaviours: &[24],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus, westus] } }",
        play: |stage| {
            stage.send(&respond("gpt-4o")).from("eastus").lacks("set-cookie");
            stage.send(&respond("gpt-4o")).from("westus").lacks("set-cookie");
        },
    },
    Story {
        name: "with its cookie, a client comes back to the backend that answered first",
        behaviours: &[25, 26, 27],
        needs: &[],
        config: TWO,
        play: |stage| {
            let first = stage.send(&respond("gpt-4o"));
            let cookie = cookie_of(first.is(200).from("eastus"));

            for _ in 0..3 {
                let request = respond("gpt-4o").with("cookie", cookie.as_str());
                stage.send(&request).is(200).from("eastus").lacks("set-cookie");
                // Others come and go in between, with cookies of their own.
                let other = stage.send(&respond("gpt-4o"));
                assert!(other.cookie().is_some());
            }
        },
    },
    Story {
        name: "the cookie survives plain HTTP and says nothing about backends",
        behaviours: &[25, 26],
        needs: &[],
        config: TWO,
        play: |stage| {
            let answer = stage.send(&respond("gpt-4o"));

            let (pair, attributes) = answer.cookie().expect("a cookie");
            assert!(pair.starts_with("Spillway-Affinity="), "{pair}");
            assert!(!pair.contains("eastus") && !pair.contains("key"), "{pair}");
            assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax");
        },
    },
    Story {
        name: "name and Secure are configured",
        behaviours: &[25],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus, westus], session_affinity: { cookie: APIM-Backend-Affinity, secure: always } } }",
        play: |stage| {
            let (pair, attributes) = stage.chat("gpt-4o").cookie().expect("a cookie");

            assert!(pair.starts_with("APIM-Backend-Affinity="), "{pair}");
            assert!(attributes.ends_with("; Secure"), "{attributes}");
            stage.send(&chat("gpt-4o").with("cookie", pair)).from("eastus").lacks("set-cookie");
        },
    },
    Story {
        name: "a cookie that means nothing is replaced",
        behaviours: &[26],
        needs: &[],
        config: TWO,
        play: |stage| {
            let values = ["", "eastus", "AAAAAAAAAAAA", "....", "a b", "%00", "=", "\"\""];
            for (number, value) in values.iter().enumerate() {
                let cookie = format!("Spillway-Affinity={value}");
                let answer = stage.send(&respond("gpt-4o").with("cookie", cookie));
                answer.is(200).from(if number % 2 == 0 { "eastus" } else { "westus" });
                assert!(answer.cookie().is_some(), "{value:?} is replaced");
            }
        },
    },
    Story {
        name: "affinity never defeats failover: another answers, and the cookie is issued again",
        behaviours: &[27],
        needs: &[],
        config: TWO,
        play: |stage| {
            let cookie = cookie_of(&stage.chat("gpt-4o"));
            stage.will("eastus", [throttled("retry-after-ms", "1500")]);

            let moved = stage.send(&chat("gpt-4o").with("cookie", cookie.as_str()));
            let new = cookie_of(moved.is(200).from("westus"));
            assert_ne!(new, cookie);

            // The old cookie, while its backend rests, and the new one for good.
            let again = stage.send(&chat("gpt-4o").with("cookie", cookie.as_str()));
            assert_eq!(cookie_of(again.from("westus")), new);
            stage.expect_rest("eastus", millis(1500), &chat("gpt-4o").with("cookie", cookie));
            stage.send(&chat("gpt-4o").with("cookie", new)).from("westus").lacks("set-cookie");
        },
    },
    Story {
        name: "an answer that is no success of the pool issues no cookie",
        behaviours: &[25],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus], session_affinity: true } }",
        play: |stage| {
            stage.will("eastus", [failure(500), throttled("retry-after", "30")]);

            stage.chat("gpt-4o").is(500).lacks("set-cookie");
            stage.chat("gpt-4o").is(429).lacks("set-cookie");
            stage.chat("gpt-4o").is(429).lacks("set-cookie");
            stage.chat("no-such-model").is(400).lacks("set-cookie");
        },
    },
    Story {
        name: "one cookie remembers a backend for each pool",
        behaviours: &[26, 27],
        needs: &[],
        config: TWO_POOLS,
        play: |stage| {
            let first = cookie_of(stage.chat("a").from("eastus"));
            let both = cookie_of(stage.send(&chat("b").with("cookie", first)).from("westus"));

            for _ in 0..3 {
                let answer = stage.send(&chat("a").with("cookie", both.as_str()));
                answer.from("eastus").lacks("set-cookie");
                let answer = stage.send(&chat("b").with("cookie", both.as_str()));
                answer.from("westus").lacks("set-cookie");
            }
        },
    },
    Story {
        name: "a cookie cannot reach a backend outside the pool",
        behaviours: &[26],
        needs: &[],
        config: "
models:
  a: { pool: [eastus], session_affinity: true }
  b: { pool: [westus], session_affinity: true }",
        play: |stage| {
            let cookie = cookie_of(stage.chat("a").from("eastus"));

            let answer = stage.send(&chat("b").with("cookie", cookie));

            assert!(answer.from("westus").cookie().is_some());
        },
    },
    Story {
        name: "the cookie does not reach a backend; every other cookie does",
        behaviours: &[22],
        needs: &[],
        config: TWO,
        play: |stage| {
            let cookie = cookie_of(&stage.chat("gpt-4o"));

            stage
                .send(&chat("gpt-4o").with("cookie", format!("a=1; {cookie}; b=\"2\"")))
                .from("eastus");
            stage.last("eastus").has("cookie", "a=1; b=\"2\"");
            stage.send(&chat("gpt-4o").with("cookie", cookie)).from("eastus");
            stage.last("eastus").lacks("cookie");
            stage.send(&chat("gpt-4o").with("cookie", "a=1;b=2"));
            stage.last("westus").has("cookie", "a=1;b=2");
        },
    },
    Story {
        name: "a request that names no model follows its cookie",
        behaviours: &[19, 25],
        needs: &[],
        config: TWO_POOLS,
        play: |stage| {
            let a = cookie_of(stage.chat("a").from("eastus"));
            let b = cookie_of(stage.chat("b").from("westus"));
            let get = Request::get("/openai/responses/resp_1?api-version=1");

            for _ in 0..2 {
                stage.send(&get.clone().with("cookie", a.as_str())).is(200).from("eastus");
                stage.send(&get.clone().with("cookie", b.as_str())).is(200).from("westus");
                assert_eq!(stage.noted("model"), "b");
            }
            // Of two pools' tags the newest leads, whatever order the models are written in.
            let both = cookie_of(&stage.send(&chat("b").with("cookie", a.as_str())));
            stage.send(&get.clone().with("cookie", both.as_str())).is(200);
            assert_eq!(stage.noted("model"), "b");
            stage.send(&get).is(400).error("model_missing");
            let stranger = get.with("cookie", "Spillway-Affinity=AAAAAAAAAAAA");
            stage.send(&stranger).is(400).error("model_missing");
        },
    },
    Story {
        name: "a required backend that is down is a 409, and no other one is asked",
        behaviours: &[25],
        needs: &[],
        config: REQUIRED,
        play: |stage| {
            let cookie = cookie_of(stage.chat("gpt-4o").is(200).from("eastus"));
            let pinned = chat("gpt-4o").with("cookie", cookie.as_str());
            stage.will("eastus", [throttled("retry-after", "1").with("x-own", "its own")]);
            stage.send(&pinned).is(429).has("retry-after", "1").has("x-own", "its own");

            let answer = stage.send(&pinned);

            answer.is(409).error("pinned_backend_unavailable").retry_after(millis(1000));
            let body = String::from_utf8_lossy(&answer.body);
            assert!(!body.contains("eastus") && !body.contains("westus"), "no backend in {body}");
            stage.expect_counts(&[("eastus", 2), ("westus", 0)]);
            // Whoever has no state yet goes where there is room.
            stage.chat("gpt-4o").is(200).from("westus");
            stage.expect_rest("eastus", millis(1000), &pinned);
        },
    },
    Story {
        name: "a client stays in the lower tier that a 429 has led it to",
        behaviours: &[],
        needs: &[],
        config: TIERS,
        play: |stage| {
            stage.will("eastus", [throttled("retry-after-ms", "1000")]);
            let cookie = cookie_of(stage.chat("gpt-4o").is(200).from("westus"));
            stage.expect_rest("eastus", millis(1000), &chat("gpt-4o"));
            let pinned = chat("gpt-4o").with("cookie", cookie);
            stage.send(&pinned).is(200).from("westus").lacks("set-cookie");
            stage.chat("gpt-4o").is(200).from("eastus");
        },
    },
    Story {
        name: "a client that may return leaves the lower tier when the better one is back",
        behaviours: &[],
        needs: &[],
        config: RETURNING,
        play: |stage| {
            stage.will("eastus", [throttled("retry-after-ms", "1000")]);
            let lower = cookie_of(stage.chat("gpt-4o").is(200).from("westus"));
            let pinned = chat("gpt-4o").with("cookie", lower);
            stage.send(&pinned).is(200).from("westus").lacks("set-cookie");
            stage.expect_rest("eastus", millis(1000), &chat("gpt-4o"));
            let better = cookie_of(stage.send(&pinned).is(200).from("eastus"));
            // Within its tier it stays where it is.
            let pinned = chat("gpt-4o").with("cookie", better);
            for _ in 0..3 {
                stage.send(&pinned).is(200).from("eastus").lacks("set-cookie");
            }
        },
    },
    Story {
        name: "a required backend's failure is passed on, for no other one has the state",
        behaviours: &[25],
        needs: &[],
        config: REQUIRED,
        play: |stage| {
            let cookie = cookie_of(stage.chat("gpt-4o").is(200).from("eastus"));
            let pinned = chat("gpt-4o").with("cookie", cookie);
            stage.will("eastus", [failure(500)]);

            stage.send(&pinned).is(500).says(failure(500).body).has("x-spillway-attempts", "1");

            stage.send(&pinned).is(200).from("eastus");
        },
    },
];

#[track_caller]
fn cookie_of(answer: &Answer) -> String {
    answer.cookie().expect("the answer sets a cookie").0
}

const TWO: &str = "models: { gpt-4o: { pool: [eastus, westus], session_affinity: true } }";

const TIERS: &str = "
models:
  gpt-4o:
    pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }]
    session_affinity: true
";

const RETURNING: &str = "
models:
  gpt-4o:
    pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }]
    session_affinity: { return_to_better_tier: true }
";

const TWO_POOLS: &str = "
models:
  a: { pool: [eastus, westus], session_affinity: true }
  b: { pool: [westus, eastus], session_affinity: true }
";

const REQUIRED: &str =
    "models: { gpt-4o: { pool: [eastus, westus], session_affinity: { mode: require } } }";
