//! When a backend is left alone, for how long, and who knows of it.

use httpdate::{fmt_http_date, parse_http_date};

use crate::expect::{chat, failure, millis, seconds, throttled, too_many};
use crate::stage::Stage;
use crate::story::{Need, Story, read_config};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "one 429 is enough, and the backend is not asked again before the announced time",
        behaviours: &[10, 11, 12],
        needs: &[],
        config: TWO,
        play: |stage| {
            for (name, value, rest) in [
                ("retry-after-ms", "300", millis(300)),
                ("retry-after", "1", seconds(1)),
                ("retry-after", "0.5", millis(500)),
                ("x-ratelimit-reset-requests", "1", seconds(1)),
                ("x-ratelimit-reset-tokens", "400ms", millis(400)),
            ] {
                stage.will("eastus", [throttled(name, value)]);
                stage.chat("gpt-4o").is(200).from("westus");
                stage.expect_rest("eastus", rest, &chat("gpt-4o"));
            }
        },
    },
    Story {
        name: "longer announcements hold as long as they say, up to the cap",
        behaviours: &[11],
        needs: &[Need::VirtualTime],
        config: TWO,
        play: |stage| {
            for (name, value, rest) in [
                ("retry-after", "45", seconds(45)),
                ("retry-after", "59.5", millis(59_500)),
                ("retry-after-ms", "61234", millis(61_234)),
                ("x-ratelimit-reset-tokens", "55", seconds(55)),
                ("x-ratelimit-reset-requests", "6m0s", seconds(360)),
                ("retry-after", "86400", seconds(600)),
            ] {
                stage.will("eastus", [throttled(name, value)]);
                stage.chat("gpt-4o").is(200).from("westus");
                stage.expect_rest("eastus", rest, &chat("gpt-4o"));
            }
        },
    },
    Story {
        name: "a date is announced by the clock on the wall",
        behaviours: &[11],
        needs: &[],
        config: TWO,
        play: |stage| {
            let date = fmt_http_date(stage.now() + seconds(3));
            stage.will("eastus", [throttled("retry-after", date.as_str())]);

            stage.chat("gpt-4o").is(200).from("westus");

            let at = parse_http_date(&date).expect("a date");
            let rest = at.duration_since(stage.now()).expect("in the future");
            stage.expect_rest("eastus", rest, &chat("gpt-4o"));
        },
    },
    Story {
        name: "the most exact announcement counts",
        behaviours: &[11],
        needs: &[],
        config: TWO,
        play: |stage| {
            let all = throttled("retry-after-ms", "300").with("retry-after", "30");
            stage.will("eastus", [all.with("x-ratelimit-reset-requests", "50")]);
            stage.chat("gpt-4o").from("westus");
            stage.expect_rest("eastus", millis(300), &chat("gpt-4o"));

            let no_millis = throttled("retry-after-ms", "0").with("retry-after", "0.4");
            stage.will("eastus", [no_millis.with("x-ratelimit-reset-tokens", "50")]);
            stage.chat("gpt-4o").from("westus");
            stage.expect_rest("eastus", millis(400), &chat("gpt-4o"));

            // Azure's other spelling; of two limits, the exhausted one's reset, else the later.
            for (left, rest) in [("0", 3), ("7", 9)] {
                let limits = throttled("x-rate-limit-reset-tokens", "3")
                    .with("x-rate-limit-remaining-tokens", left)
                    .with("x-ratelimit-reset-requests", "9");
                stage.will("eastus", [limits]);
                stage.chat("gpt-4o").from("westus");
                stage.expect_rest("eastus", seconds(rest), &chat("gpt-4o"));
            }
        },
    },
    Story {
        name: "a 429 of a backend that has room left is that request's, until others meet it too",
        behaviours: &[10],
        needs: &[],
        config: TWO,
        play: |stage| {
            let too_large = throttled("retry-after-ms", "500")
                .with("x-ratelimit-remaining-requests", "9")
                .with("x-ratelimit-remaining-tokens", "4000");
            stage.will("eastus", vec![too_large.clone(); 3]);
            for _ in 0..3 {
                stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "2");
            }
            stage.expect_rest("eastus", millis(500), &chat("gpt-4o"));

            // Where everybody says so, it is the backend's to say what is wrong with the request.
            stage.will("eastus", [too_large.clone()]);
            stage.will("westus", [too_large.clone()]);
            stage.chat("gpt-4o").is(429).says(too_large.body).has("x-spillway-attempts", "2");
            stage.chat("gpt-4o").from("eastus");
        },
    },
    Story {
        name: "where nothing sensible is announced, the configured time holds, and zero is soon",
        behaviours: &[11],
        needs: &[Need::VirtualTime],
        config: TWO,
        play: |stage| {
            for name in ["retry-after", "retry-after-ms"] {
                stage.will("eastus", [throttled(name, "0")]);
                stage.chat("gpt-4o").from("westus");
                stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
            }
            for value in ["-1", "soon", "", "Fri, 20 Nov 2020 09:00:00 GMT", "1e9"] {
                stage.will("eastus", [throttled("retry-after", value)]);
                stage.chat("gpt-4o").from("westus");
                stage.expect_rest("eastus", seconds(20), &chat("gpt-4o"));
            }
            stage.will("eastus", [too_many()]);
            stage.chat("gpt-4o").from("westus");
            stage.expect_rest("eastus", seconds(20), &chat("gpt-4o"));
        },
    },
    Story {
        name: "announcements are ignored where the configuration says so",
        behaviours: &[11],
        needs: &[],
        config: "
circuit_breaker: { trip: 1s, accept_retry_after: false }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "60")]);

            stage.chat("gpt-4o").from("westus");

            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
        },
    },
    Story {
        name: "an announced day is cut to the cap",
        behaviours: &[11],
        needs: &[],
        config: "
circuit_breaker: { trip: 1s, max_trip: 2s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "86400")]);

            stage.chat("gpt-4o").from("westus");

            stage.expect_rest("eastus", seconds(2), &chat("gpt-4o"));
        },
    },
    Story {
        name: "the third failure within the interval opens the circuit, for the trip time",
        behaviours: &[10],
        needs: &[],
        config: SHORT,
        play: |stage| {
            stage.will("eastus", [failure(500), failure(503), failure(408)]);
            assert_eq!(stage.regions("gpt-4o", 3), ["westus"; 3]);
            assert_eq!(stage.count("eastus"), 3);

            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
            stage.chat("gpt-4o").from("eastus");
        },
    },
    Story {
        name: "a failure that announces a time opens the circuit for that time",
        behaviours: &[11],
        needs: &[],
        config: "
circuit_breaker: { failures: 1, trip: 30s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [failure(503).with("retry-after", "1")]);

            stage.chat("gpt-4o").from("westus");

            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
        },
    },
    Story {
        name: "failures older than the interval do not count",
        behaviours: &[10],
        needs: &[Need::VirtualTime],
        config: TWO,
        play: |stage| {
            // Never three within a minute: what is exactly a minute old counts no more.
            for pause in [30, 30, 35, 25] {
                stage.will("eastus", [failure(500)]);
                stage.chat("gpt-4o").from("westus");
                stage.chat("gpt-4o").from("eastus");
                stage.pass(seconds(pause));
            }
        },
    },
    Story {
        name: "a 429 never counts as a failure",
        behaviours: &[10, 13],
        needs: &[],
        config: SHORT,
        play: |stage| {
            for _ in 0..2 {
                stage.will("eastus", [throttled("retry-after-ms", "100")]);
                stage.chat("gpt-4o").from("westus");
                stage.expect_rest("eastus", millis(100), &chat("gpt-4o"));
            }
            stage.will("eastus", [failure(500), failure(500)]);
            assert_eq!(stage.regions("gpt-4o", 2), ["westus"; 2]);

            stage.chat("gpt-4o").from("eastus");
        },
    },
    Story {
        name: "a pool may count 429 among its failures",
        behaviours: &[10],
        needs: &[],
        config: "
circuit_breaker: { statuses: [429], failures: 2, trip: 1s, accept_retry_after: false }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [too_many(), failure(500), too_many()]);

            assert_eq!(stage.regions("gpt-4o", 3), ["westus"; 3]);

            assert_eq!(stage.count("eastus"), 3);
            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
        },
    },
    Story {
        name: "a 429 on one model does not stop another at the same backend",
        behaviours: &[14],
        needs: &[],
        config: "models: { a: { pool: [eastus, westus] }, b: { pool: [eastus] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "30")]);

            stage.chat("a").from("westus");

            stage.chat("b").is(200).from("eastus");
            assert_eq!(stage.regions("a", 2), ["westus"; 2]);
        },
    },
    Story {
        name: "two models that are one deployment at a backend share its circuit",
        behaviours: &[14],
        needs: &[],
        config: "
backends:
  eastus: { url: '{eastus}', deployments: { a: shared, b: shared } }
models: { a: { pool: [eastus] }, b: { pool: [eastus] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "30")]);

            stage.chat("a").is(429);

            stage.chat("b").is(429).error("exhausted");
            assert_eq!(stage.count("eastus"), 1);
        },
    },
    Story {
        name: "a circuit may cover the whole backend, as in API Management",
        behaviours: &[14],
        needs: &[],
        config: "
circuit_breaker: { scope: backend }
models: { a: { pool: [eastus, westus] }, b: { pool: [eastus] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "30")]);

            stage.chat("a").from("westus");

            stage.chat("b").is(429).error("exhausted");
            assert_eq!(stage.count("eastus"), 1);
        },
    },
    Story {
        name: "what one worker learns, all know",
        behaviours: &[15],
        needs: &[Need::Workers],
        config: SHORT,
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "2")]);
            stage.chat("gpt-4o").from("westus");

            stage.use_worker(1);
            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "1");
            stage.expect_rest("eastus", seconds(2), &chat("gpt-4o"));
        },
    },
    Story {
        name: "failures count together, whichever worker sees them",
        behaviours: &[10, 15],
        needs: &[Need::Workers],
        config: SHORT,
        play: |stage| {
            stage.will("eastus", [failure(500), failure(500), failure(500)]);
            for worker in [0, 1, 2] {
                stage.use_worker(worker);
                stage.chat("gpt-4o").from("westus");
            }

            for worker in [0, 1, 2] {
                stage.use_worker(worker);
                stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "1");
            }
        },
    },
    Story {
        name: "a new configuration keeps what is known of backends that stay",
        behaviours: &[15],
        needs: &[Need::Reload],
        config: SHORT,
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "2")]);
            stage.chat("gpt-4o").from("westus");

            reload(stage, "http://eastus.test");
            stage.chat("gpt-4o").from("uksouth").has("x-spillway-attempts", "1");

            reload(stage, "http://moved.test");
            stage.chat("gpt-4o").from("eastus");
        },
    },
];

/// Another configuration, in which eastus may stand elsewhere.
fn reload(stage: &mut dyn Stage, eastus: &str) {
    let url = |backend: &str| match backend {
        "eastus" => eastus.to_owned(),
        other => format!("http://{other}.test"),
    };
    let text = "models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: uksouth, priority: 2 }] } }";
    stage.reload(&read_config(text, url));
}

const TWO: &str = "
circuit_breaker: { trip: 20s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";

const SHORT: &str = "
circuit_breaker: { trip: 1s, failures: 3, ramp: 1ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";
