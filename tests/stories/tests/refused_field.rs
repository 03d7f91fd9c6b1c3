//! What is held because a backend may refuse what the gateway has added: nothing else, and no longer.

use spillway::exchange::answer_head::Answer;
use spillway::exchange::flow::{AnswerFlow, Judged, Retry};
use spillway::exchange::head::Head;
use spillway::exchange::repetition::SilentEnd;
use spillway::exchange::{Effect, Exchange};
use spillway::failover_mode::FailoverMode;
use spillway_stories::by_hand::{ByHand, NINE, chat};

const CONFIG: &str = "models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }] } }";
const ADDED: &str = r#"{"stream":true}"#;
const REFUSES: &[u8] = br#"{"error":{"param":"stream_options"}}"#;

/// A request with this body whose first attempt has begun.
fn asked(gateway: &mut ByHand, body: &str) -> Exchange {
    let mut request = gateway.request();
    let head = Head { has_body: true, ..chat() };
    gateway.tell(&mut request, NINE, |exchange, cx| exchange.on_request_headers(head, cx));
    gateway.tell(&mut request, NINE, |exchange, cx| exchange.on_request_body(body.as_bytes(), cx));
    gateway.tell(&mut request, NINE, Exchange::on_attempt);
    request
}

fn answer(status: u16, has_body: bool) -> Answer {
    Answer { status, has_body, readable: true, ..Answer::default() }
}

#[test]
fn only_an_answer_that_may_refuse_what_was_added_is_held() {
    let own = r#"{"stream":true,"stream_options":{}}"#;
    for (body, status, has_body, flow) in [
        (ADDED, 400, true, AnswerFlow::HoldBody),
        (ADDED, 422, true, AnswerFlow::HoldBody),
        (ADDED, 400, false, AnswerFlow::Pass),
        (ADDED, 409, true, AnswerFlow::Pass),
        (own, 400, true, AnswerFlow::Pass),
        (own, 422, true, AnswerFlow::Pass),
        ("{}", 400, true, AnswerFlow::Pass),
    ] {
        let mut gateway = ByHand::of(CONFIG);
        let mut request = asked(&mut gateway, body);
        let answer = answer(status, has_body);
        let (got, _) = gateway
            .tell(&mut request, NINE, |exchange, cx| exchange.on_answer_headers(&answer, cx));
        assert_eq!(got, flow, "{status} to {body}");
    }
}

#[test]
fn a_pool_that_fails_over_on_400_does_so_unless_it_is_about_what_was_added() {
    let config = format!("{CONFIG}\nretry: {{ statuses: [400, 503] }}");
    for (failover, body, backend) in [
        (FailoverMode::Retry, REFUSES, "eastus"),
        (FailoverMode::Retry, b"{}", "westus"),
        (FailoverMode::Redirect, REFUSES, "eastus"),
        (FailoverMode::Redirect, b"{}", "westus"),
        // What this Envoy has held, it cannot replace: so it is not held.
        (FailoverMode::RedirectUnheld, b"", "westus"),
    ] {
        let mut gateway = ByHand::failing_over(&config, failover);
        let mut request = asked(&mut gateway, ADDED);
        let (flow, mut effects) = gateway.tell(&mut request, NINE, |exchange, cx| {
            exchange.on_answer_headers(&answer(400, true), cx)
        });
        if flow == AnswerFlow::HoldBody {
            let judged =
                gateway.tell(&mut request, NINE, |exchange, cx| exchange.on_answer_body(body, cx));
            assert!(matches!(judged.0, Judged::Retry(_)), "{judged:?}");
            effects.extend(judged.1);
        } else {
            assert!(matches!(flow, AnswerFlow::Retry(Retry::Redirect { .. })), "{flow:?}");
        }
        let (_, next) = gateway.tell(&mut request, NINE, Exchange::on_attempt);
        let host = format!("{backend}.test");
        let goes = Effect::SetRequestHeader(":authority", host.into_bytes());
        assert!(next.contains(&goes), "{failover:?}: {next:?}");
    }
}

#[test]
fn a_backend_is_repeated_no_more_often_than_envoy_tries() {
    for (stale, repeats) in [(1, true), (2, false)] {
        let mut gateway = ByHand::of(CONFIG);
        let mut request = asked(&mut gateway, ADDED);
        for _ in 0..stale {
            let end = SilentEnd { connected: true, reused: true };
            gateway.tell(&mut request, NINE, |exchange, cx| exchange.on_no_answer(end, cx));
            gateway.tell(&mut request, NINE, Exchange::on_attempt);
        }
        gateway.tell(&mut request, NINE, |exchange, cx| {
            exchange.on_answer_headers(&answer(400, true), cx)
        });
        let (judged, _) =
            gateway.tell(&mut request, NINE, |exchange, cx| exchange.on_answer_body(REFUSES, cx));
        assert_eq!(matches!(judged, Judged::Retry(_)), repeats, "after {stale} lost requests");
    }
}
