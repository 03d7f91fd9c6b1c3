//! Announced times to the microsecond: no request comes to a backend before its time is over, and
//! no client is told a second too much.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking; nothing here runs in the filter"
)]

use spillway::exchange::Exchange;
use spillway::exchange::answer_head::Answer;
use spillway::exchange::flow::{RequestFlow, ResponseFlow};
use spillway::reply::Reply;
use spillway::time::Micros;
use spillway_stories::by_hand::{ByHand, NINE, chat};

const T0: u64 = NINE.0;

/// A gateway before one backend.
struct One(ByHand);

impl One {
    fn new() -> Self {
        let config = "usage: { include_in_streams: false }\nmodels: { gpt-4o: { pool: [eastus] } }";
        Self(ByHand::of(config))
    }

    /// A request arrives: what it is told, if it may not go on.
    fn arrives(&mut self, moment: u64) -> (Exchange, Option<Reply>) {
        let mut request = self.0.request();
        let moment = Micros(moment);
        let (flow, _) = self.0.tell(&mut request, moment, |e, cx| e.on_request_headers(chat(), cx));
        let reply = if let RequestFlow::Reply(reply) = flow { Some(reply) } else { None };
        (request, reply)
    }

    /// A request is throttled at this moment, with this `Retry-After`: what its client is told so
    /// many microseconds later.
    fn throttled(&mut self, moment: u64, retry_after: &str, later: u64) -> Reply {
        let (mut request, refused) = self.arrives(moment - 500);
        assert_eq!(refused, None, "its backend is there");
        self.0.tell(&mut request, Micros(moment - 400), Exchange::on_attempt);
        let fields = vec![("retry-after".to_owned(), retry_after.into())];
        let answer = Answer { status: 429, fields, has_body: true, ..Answer::default() };
        self.0.tell(&mut request, Micros(moment), |e, cx| e.on_answer_headers(&answer, cx));
        let at = Micros(moment + later);
        match self.0.tell(&mut request, at, |e, cx| e.on_response_headers(429, None, cx)).0 {
            ResponseFlow::Replace(reply) => reply,
            flow => panic!("an answer of the gateway's, not {flow:?}"),
        }
    }
}

fn seconds(reply: &Reply) -> &str {
    let header = reply.headers.iter().find(|(name, _)| *name == "retry-after");
    header.map(|(_, value)| value.as_str()).expect("told when to come back")
}

#[test]
fn an_announced_second_is_all_of_it_for_the_backend_and_no_more_for_the_client() {
    for (into, later) in [(0, 0), (0, 70), (1, 70), (250, 0), (930, 69), (930, 71), (999, 0)] {
        let (mut one, moment) = (One::new(), T0 + 700_000 + into);
        assert_eq!(seconds(&one.throttled(moment, "1", later)), "1", "{into} {later}");
        for after in [1, 500_000, 999_000, 999_999] {
            let (_, refused) = one.arrives(moment + after);
            assert_eq!(refused.as_ref().map(seconds), Some("1"), "{after} after {into}");
        }
        let (_, refused) = one.arrives(moment + 1_000_999);
        assert_eq!(refused, None, "a millisecond late at most, {into}");
    }
}

#[test]
fn a_date_is_neither_early_nor_a_second_late() {
    let date = "Fri, 20 Nov 2026 09:00:02 GMT";
    let at = T0 + 2_000_000;
    for (before, told) in [(2_000_000, "2"), (1_999_999, "2"), (1_000_001, "1"), (1_000_000, "1")] {
        let mut one = One::new();
        let reply = one.throttled(at - before, date, 60);
        assert_eq!(seconds(&reply), told, "{before}");
        let text = String::from_utf8(reply.body).expect("text");
        assert!(text.contains(&format!("until {date}.")), "{text}");
        assert!(one.arrives(at - 1).1.is_some(), "{before}");
        assert_eq!(one.arrives(at).1, None, "{before}");
    }
}

#[test]
fn a_date_that_is_all_but_over_is_no_reason_to_wait_as_if_nothing_had_been_announced() {
    let (mut one, at) = (One::new(), T0 + 2_000_000);
    one.throttled(at - 300, "Fri, 20 Nov 2026 09:00:02 GMT", 60);
    assert!(one.arrives(at - 1).1.is_some());
    assert_eq!(one.arrives(at + 1000).1, None);
}
