//! What is counted for those who watch over the gateway.

use crate::expect::{chat, failure, seconds, throttled};
use crate::http::{Answer, Reaction};
use crate::story::{AFTER_SILENCE, Need, Story, key_of};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a failover counts two attempts, one failover, one opening and one request",
        behaviours: &[],
        needs: &[Need::Counts],
        config: TIERS,
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "30")]);
            stage.chat("gpt-4o").is(200).from("westus");
            stage.chat("gpt-4o").is(200).from("westus");

            stage.expect_counted("spillway_requests_total", &[("model", "gpt-4o")], 2);
            let answered = [("backend", "westus"), ("outcome", "answered")];
            stage.expect_counted("spillway_requests_total", &answered, 2);
            let eastus = [("model", "gpt-4o"), ("backend", "eastus"), ("cause", "throttled")];
            stage.expect_counted("spillway_attempts_total", &eastus, 1);
            stage.expect_counted("spillway_attempts_total", &[("cause", "ok")], 2);
            stage.expect_counted("spillway_attempts_total", &[], 3);
            stage.expect_counted("spillway_failovers_total", &eastus, 1);
            stage.expect_counted("spillway_failovers_total", &[], 1);
            stage.expect_counted("spillway_breaker_openings_total", &eastus, 1);
            stage.expect_counted("spillway_breaker_openings_total", &[], 1);
            stage.expect_counted("spillway_breaker_state", &[("backend", "eastus")], 2);
            stage.expect_counted("spillway_breaker_state", &[("backend", "westus")], 0);
            for tier in
                [[("backend", "eastus"), ("tier", "1")], [("backend", "westus"), ("tier", "2")]]
            {
                stage.expect_counted("spillway_pool_member_info", &tier, 1);
            }
            stage.expect_counted("spillway_attempts_in_flight", &[], 0);
            stage.expect_counted("spillway_errors_total", &[], 0);
            stage.expect_counted("spillway_rejections_total", &[], 0);
        },
    },
    Story {
        name: "429s that clients see are counted apart from those that backends say",
        behaviours: &[],
        needs: &[Need::Counts],
        config: TIERS,
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "30")]);
            stage.will("westus", [throttled("retry-after", "30")]);
            stage.chat("gpt-4o").is(429);
            stage.chat("gpt-4o").is(429);

            stage.expect_counted("spillway_attempts_total", &[("cause", "throttled")], 2);
            stage.expect_counted("spillway_attempts_total", &[], 2);
            stage.expect_counted("spillway_failovers_total", &[], 1);
            let exhausted = [("model", "gpt-4o"), ("outcome", "exhausted")];
            stage.expect_counted("spillway_errors_total", &exhausted, 2);
            stage.expect_counted("spillway_errors_total", &[], 2);
            let kind = [("model", "gpt-4o"), ("kind", "throttled")];
            stage.expect_counted("spillway_pool_exhausted_total", &kind, 2);
            stage.expect_counted("spillway_requests_total", &[("outcome", "exhausted")], 2);
            stage.expect_counted("spillway_requests_total", &[], 2);
            stage.expect_counted("spillway_breaker_state", &[], 4);
        },
    },
    Story {
        name: "what the gateway refuses is counted by its reason and by no client's words",
        behaviours: &[],
        needs: &[Need::Counts],
        config: "
models: { gpt-4o: { pool: [eastus] } }
clients: [{ name: chat-app, key: \"${CHAT_KEY}\" }]",
        play: |stage| {
            let ask = |model, key: &str| chat(model).with("api-key", key);
            stage.send(&ask("made-up-model", &key_of("chat"))).is(400);
            stage.send(&ask("gpt-4o", "made-up-key")).is(401);
            stage.send(&ask("gpt-4o", &key_of("chat"))).is(200);

            stage.expect_counted("spillway_requests_total", &[("outcome", "rejected")], 2);
            stage.expect_counted("spillway_requests_total", &[("model", "made-up-model")], 0);
            let served = [("client", "chat-app"), ("backend", "eastus"), ("outcome", "answered")];
            stage.expect_counted("spillway_requests_total", &served, 1);
            let reason = |reason| [("reason", reason)];
            stage.expect_counted("spillway_rejections_total", &reason("model_not_found"), 1);
            stage.expect_counted("spillway_rejections_total", &reason("invalid_api_key"), 1);
            stage.expect_counted("spillway_attempts_total", &[], 1);
        },
    },
    Story {
        name: "each failure is counted under its own cause",
        behaviours: &[],
        needs: &[AFTER_SILENCE, Need::Counts],
        config: "
circuit_breaker: { failures: 1000 }
models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [Reaction::from(failure(500)), failure(503).into()]);
            stage.chat("gpt-4o").is(200).from("westus");
            stage.chat("gpt-4o").is(200).from("westus");
            stage.will("eastus", [Answer::json(200, "no JSON")]);
            stage.chat("gpt-4o").is(200).from("westus");
            stage.will("eastus", [Answer::json(400, "{}")]);
            stage.chat("gpt-4o").is(400);
            stage.set_reachable("eastus", false);
            stage.chat("gpt-4o").is(200).from("westus");
            stage.set_reachable("eastus", true);

            let cause = |cause| [("backend", "eastus"), ("cause", cause)];
            for (name, count) in
                [("server_error", 2), ("bad_start", 1), ("no_answer", 1), ("client_error", 1)]
            {
                stage.expect_counted("spillway_attempts_total", &cause(name), count);
            }
            for (name, count) in
                [("server_error", 2), ("bad_start", 1), ("no_answer", 1), ("client_error", 0)]
            {
                stage.expect_counted("spillway_failovers_total", &cause(name), count);
            }
            stage.expect_counted("spillway_requests_total", &[("outcome", "client_error")], 1);
            stage.expect_counted("spillway_requests_total", &[("outcome", "answered")], 4);
        },
    },
    Story {
        name: "a refused credential and a pool that fails are seen as such",
        behaviours: &[],
        needs: &[Need::Counts],
        config: "
circuit_breaker: { failures: 1 }
models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [Answer::json(401, "{}")]);
            stage.will("westus", [failure(500)]);
            stage.chat("gpt-4o").is(500);
            stage.expect_counted("spillway_breaker_state", &[], 4);
            stage.chat("gpt-4o").is(200).from("eastus");

            let refused = [("backend", "eastus"), ("cause", "refused")];
            stage.expect_counted("spillway_attempts_total", &refused, 1);
            stage.expect_counted("spillway_breaker_openings_total", &refused, 1);
            let failed = [("backend", "westus"), ("cause", "failed")];
            stage.expect_counted("spillway_breaker_openings_total", &failed, 1);
            stage.expect_counted("spillway_requests_total", &[("outcome", "unavailable")], 1);
            stage.expect_counted("spillway_breaker_state", &[], 2);
        },
    },
    Story {
        name: "an answer that breaks off is no answered request",
        behaviours: &[],
        needs: &[Need::Counts],
        config: TIERS,
        play: |stage| {
            let begun = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
            stage.will("eastus", [Reaction::Breaks(Answer::events(begun))]);
            stage.chat("gpt-4o").is(200);

            let broken = [("backend", "eastus"), ("outcome", "broken")];
            stage.expect_counted("spillway_requests_total", &broken, 1);
            stage.expect_counted("spillway_requests_total", &[], 1);
            stage.expect_counted("spillway_attempts_total", &[("cause", "ok")], 1);
        },
    },
    Story {
        name: "headroom is what the backend has announced last",
        behaviours: &[],
        needs: &[Need::Counts],
        config: "
models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }], headroom: true } }",
        play: |stage| {
            for (tokens, share) in [("500", 500), ("20", 20), ("1000", 1000)] {
                let answer = Answer::json(200, "{}").with("x-ratelimit-remaining-tokens", tokens);
                stage.will("eastus", [answer.with("x-ratelimit-limit-tokens", "1000")]);
                stage.chat("gpt-4o").is(200);
                let eastus = [("model", "gpt-4o"), ("backend", "eastus")];
                stage.expect_counted("spillway_headroom_permille", &eastus, share);
                stage.expect_counted("spillway_headroom_permille", &[], share);
            }
        },
    },
    Story {
        name: "a circuit's gauge falls back by itself when its time is over",
        behaviours: &[],
        needs: &[Need::VirtualTime, Need::Counts],
        config: "
circuit_breaker: { failures: 1, trip: 60s }
models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let expect = |stage: &mut dyn crate::Stage, eastus, westus| {
                let of = |backend| [("model", "gpt-4o"), ("backend", backend)];
                stage.expect_counted("spillway_breaker_state", &of("eastus"), eastus);
                stage.expect_counted("spillway_breaker_state", &of("westus"), westus);
            };
            expect(stage, 0, 0);
            stage.will("eastus", [throttled("retry-after", "30")]);
            stage.will("westus", [failure(500)]);
            stage.chat("gpt-4o").is(500);
            expect(stage, 2, 2);
            stage.pass(seconds(29));
            expect(stage, 2, 2);
            stage.pass(seconds(2));
            expect(stage, 0, 2);
            stage.pass(seconds(40));
            expect(stage, 0, 1);
            stage.expect_counted("spillway_breaker_open_until_seconds", &[], 0);
        },
    },
    Story {
        name: "a circuit's gauge is the same whichever worker has changed it",
        behaviours: &[],
        needs: &[Need::VirtualTime, Need::Workers, Need::Counts, AFTER_SILENCE],
        config: "
circuit_breaker: { failures: 1, trip: 60s }
models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let state = |backend| [("backend", backend)];
            stage.will("eastus", [throttled("retry-after", "30")]);
            stage.chat("gpt-4o").is(200).from("westus");
            stage.use_worker(1);
            stage.set_reachable("westus", false);
            stage.chat("gpt-4o").is(503);
            stage.set_reachable("westus", true);
            stage.expect_counted("spillway_breaker_state", &state("eastus"), 2);
            stage.expect_counted("spillway_breaker_state", &state("westus"), 2);
            stage.pass(seconds(32));
            stage.expect_counted("spillway_breaker_state", &state("eastus"), 0);
            stage.expect_counted("spillway_breaker_state", &state("westus"), 2);
            stage.pass(seconds(40));
            stage.expect_counted("spillway_breaker_state", &state("westus"), 1);

            // Its probe is made by the first worker, and closes it for both.
            stage.use_worker(0);
            stage.will("eastus", [throttled("retry-after", "5")]);
            stage.chat("gpt-4o").is(200).from("westus");
            stage.expect_counted("spillway_breaker_state", &state("westus"), 0);
            stage.pass(seconds(7));
            stage.expect_counted("spillway_breaker_state", &[], 0);
            stage.expect_counted("spillway_breaker_openings_total", &[], 3);
            stage.expect_counted("spillway_requests_total", &[], 3);
        },
    },
];

const TIERS: &str = "
models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }] } }";
