//! One exchange, and events in any order: also such as Envoy would never send, after a reload or
//! from a host that errs.

use std::cell::RefCell;
use std::rc::Rc;

use arbitrary::{Arbitrary, Unstructured};
use spillway::announced::Announcement;
use spillway::breaker::board::{Board, Record};
use spillway::breaker::window::Window;
use spillway::exchange::event::Answer;
use spillway::exchange::head::Head;
use spillway::exchange::{Effect, Event, Exchange, Passing, Shared, World};
use spillway::failover::Failover;
use spillway::gateway::Gateway;
use spillway::pool::headroom::Remaining;
use spillway::time::{Millis, Timestamp};
use spillway_stories::story::read_config;

/// Something that happens.
#[derive(Debug, Arbitrary)]
enum Step<'a> {
    Arrived { path: u8, has_body: bool, length: Option<&'a [u8]>, cookie: Option<&'a [u8]> },
    BodyBegins(&'a [u8]),
    Body(&'a [u8]),
    BodyEnds(&'a [u8]),
    AttemptStarts,
    Answered { status: u16, wait: Option<&'a [u8]>, readable: bool, has_body: bool, streams: bool },
    AnswerBody(&'a [u8]),
    Remains(Option<&'a [u8]>),
    StreamPart { bytes: &'a [u8], end: bool },
    Opening { bytes: &'a [u8], end: bool, readable: bool },
    HeldLongEnough,
    BrokenOff { held: bool },
    Redirected,
    Leaving { status: u16, region: Option<&'a [u8]> },
    Ended,
    FromClient(u16),
    Held(u16),
    ToBackend(u16),
    Passes(u16),
}

/// The first byte says how Envoy is made to fail over. Plays steps until the bytes are used up. The exchange never panics, never sends a request and
/// replies to it, never names a backend outside of its pool, never asks for more retries than the
/// pool has members, and replaces only bytes that pass.
pub fn run(bytes: &[u8]) {
    let config = read_config(CONFIG, |backend| format!("http://{backend}.test"));
    let config = spillway::config::check(&config).expect("checked");
    let gateway = Gateway::new(config, |_| Some("key".into())).expect("no secret missing");
    let failover = match bytes.first() {
        Some(0) => Failover::Redirect,
        Some(1) => Failover::RedirectUnheld,
        _ => Failover::Retry,
    };
    let gateway = Rc::new(gateway.with_failover(failover));
    let (mut pools, board) = (gateway.pools(), RefCell::new(Board::default()));
    let mut exchange = Exchange::new(gateway);
    let mut now = Timestamp(1_795_165_200_000);
    let mut window = Window::default();
    let mut steps = Unstructured::new(bytes);
    while let (false, Ok(step)) = (steps.is_empty(), Step::arbitrary(&mut steps)) {
        let shared = Shared {
            clock: &|| now.into(),
            board: &|| board.borrow().clone(),
            record: &|record: &Record| board.borrow_mut().apply(record),
            draw: &|| now.0,
        };
        let mut world = World::new(&mut pools, &shared);
        let mut length = 0;
        let mut pass = |passing| exchange.pass(passing);
        let effects: Vec<Effect> = match step {
            Step::Passes(millis) => {
                now = now + Millis(u64::from(millis) * 10);
                continue;
            }
            Step::FromClient(size) => pass(Passing::FromClient(size.into())),
            Step::Held(size) => pass(Passing::Held(size.into())),
            Step::ToBackend(size) => {
                length = usize::from(size);
                pass(Passing::ToBackend(length))
            }
            step => {
                if let Step::BodyEnds(bytes) = step {
                    length = bytes.len();
                }
                exchange.on(event(&step), &mut world)
            }
        };
        let count = |is: fn(&Effect) -> bool| effects.iter().filter(|effect| is(effect)).count();
        let replies = count(|e| matches!(e, Effect::Reply(_) | Effect::ReplaceAnswer(_)));
        let sends = count(|e| matches!(e, Effect::SendTo { .. }));
        assert!(replies + sends <= 1, "{effects:?}");
        for effect in effects {
            match effect {
                Effect::ReplaceBody { place, .. } => {
                    assert!(place.start <= place.end && place.end <= length);
                }
                Effect::SendTo { backend, retries } => {
                    assert!(retries <= 2 && REGIONS.contains(&backend.as_str()));
                }
                Effect::FailOverTo(backend) => assert!(REGIONS.contains(&backend.as_str())),
                Effect::Record(record) => {
                    board.borrow_mut().apply(&record);
                }
                Effect::Count { tally, record } if window.add(tally, &record.rule, now) => {
                    board.borrow_mut().apply(&record);
                }
                _ => {}
            }
        }
        let bytes = board.borrow().encode(now);
        assert_eq!(Board::decode(&bytes).encode(now), bytes, "a board survives its way");
    }
}

fn event<'a>(step: &'a Step<'a>) -> Event<'a> {
    let owned = |bytes: &Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    match step {
        Step::Arrived { path, has_body, length, cookie } => Event::Arrived(Head {
            path: PATHS[usize::from(*path) % PATHS.len()].into(),
            has_body: *has_body,
            content_length: owned(length),
            cookie: owned(cookie),
            ..Head::default()
        }),
        Step::BodyBegins(bytes) => Event::BodyBegins { bytes, there: bytes.len() },
        Step::Body(body) => Event::Body(body),
        Step::BodyEnds(bytes) => Event::BodyEnds { place: 0..bytes.len(), bytes },
        Step::Answered { status, wait, readable, has_body, streams } => Event::Answered(Answer {
            status: *status,
            announcement: Announcement { retry_after: owned(wait), ..Announcement::default() },
            readable: *readable,
            has_body: *has_body,
            streams: *streams,
            ..Answer::default()
        }),
        Step::AnswerBody(body) => Event::AnswerBody(body),
        Step::Remains(tokens) => {
            Event::Remains(Remaining { tokens: owned(tokens), ..Remaining::default() })
        }
        Step::Leaving { status, region } => {
            Event::Leaving { status: *status, region: owned(region) }
        }
        Step::StreamPart { bytes, end } => Event::StreamPart { bytes, end: *end },
        Step::Opening { bytes, end, readable } => {
            Event::Opening { bytes, end: *end, readable: *readable }
        }
        Step::HeldLongEnough => Event::HeldLongEnough,
        Step::BrokenOff { held } => Event::BrokenOff { held: *held },
        Step::Redirected => Event::Redirected,
        Step::Ended => Event::Ended { complete: true },
        _ => Event::AttemptStarts,
    }
}

const PATHS: [&str; 4] = [
    "/openai/deployments/gpt-4o/chat/completions?api-version=1",
    "/openai/deployments/counted/chat/completions",
    "/openai/responses",
    "/?",
];

const REGIONS: [&str; 3] = ["eastus", "westus", "uksouth"];

const CONFIG: &str = "
backends:
  eastus: { url: '{eastus}', api_key: '${EASTUS_KEY}' }
  westus: { url: '{westus}', bearer_token: '${WESTUS_KEY}', deployments: { gpt-4o: other } }
  uksouth: { url: '{uksouth}' }
models:
  gpt-4o:
    pool: [eastus, westus, { backend: uksouth, priority: 2 }]
    session_affinity: true
    headroom: true
  counted:
    pool: [eastus, westus]
    session_affinity: { mode: require }
    circuit_breaker: { failure_ratio: 50%, minimum_requests: 2 }
    retry: { budget: 0% }";
