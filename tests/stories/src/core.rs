//! The pure core in the seats: events in, effects carried out on the model of Envoy.
//!
//! This is to the model what `spillway`'s own `filter` is to Envoy, and does the same in the same
//! order; the second stage, with the built filter, shows that the two agree.

mod answer;
mod effects;
mod meters;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use spillway::breaker::board::{self, Board, Changed, Record};
use spillway::breaker::window::{self, Tally};
use spillway::config::check;
use spillway::exchange::head::Head;
use spillway::exchange::{Effect, Event, Exchange, Passing, Shared as Outside, World};
use spillway::failover::Failover;
use spillway::gateway::Gateway;
use spillway::pool::Local;
use spillway::pool::headroom::Remaining;
use spillway::time::Timestamp;

use crate::envoy::{Action, Callback, Clock, Envoy, Seat, Seats, Shared, Stream};
use crate::story::{Story, environment};
use answer::Answers;
use effects::{carry_out, reply_as_answer, request, status};

/// A stage of the pure core with this story's configuration, that fails over in this way.
pub fn stage(story: &Story, failover: Failover) -> Envoy<Core> {
    let seating =
        move |config: &_, clock: &_, shared: &_| Core::new(config, failover, clock, shared);
    Envoy::new(story, failover, Box::new(seating))
}

/// The pure core on one worker.
pub struct Core {
    gateway: Rc<Gateway>,
    pools: Vec<Local>,
    clock: Clock,
    shared: Shared,
    last: u32,
    contexts: BTreeMap<u32, Context>,
    exchanges: BTreeMap<u32, Exchange>,
    /// The request that is about to come back.
    redirected: Option<u32>,
    /// The stream that is held back, and for how long.
    held: Option<(u32, Duration)>,
}

struct Context {
    seat: Seat,
    exchange: u32,
    awaits: Awaits,
    answer: Answers,
    /// The request asks for another protocol.
    switches: bool,
    /// The client's answer has passed to its end.
    complete: bool,
}

/// What a stream is held for.
#[derive(Clone, Copy, PartialEq)]
enum Awaits {
    Nothing,
    Beginning(usize),
    Body,
    End,
}

impl Core {
    /// A worker with this configuration.
    pub fn new(config: &Value, failover: Failover, clock: &Clock, shared: &Shared) -> Self {
        let config = check(config).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let environment = environment();
        let gateway = Gateway::new(config, |name| environment.get(name).cloned());
        let gateway = gateway.unwrap_or_else(|problems| panic!("{problems:#?}"));
        let gateway = gateway.with_failover(failover);
        let core = Self {
            pools: gateway.pools(),
            gateway: Rc::new(gateway),
            clock: clock.clone(),
            shared: shared.clone(),
            last: 0,
            contexts: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            redirected: None,
            held: None,
        };
        core.set_gauges();
        core
    }

    fn now(&self) -> Timestamp {
        let since = self.clock.get().duration_since(UNIX_EPOCH).expect("after 1970");
        Timestamp(u64::try_from(since.as_millis()).expect("not that late"))
    }

    fn tell(&mut self, context: u32, event: Event<'_>, stream: &mut Stream) -> Action {
        let id = self.contexts[&context].exchange;
        let (now, shared) = (self.now(), self.shared.clone());
        let outside = Outside {
            clock: &|| now.into(),
            board: &|| {
                Board::decode(&shared.borrow().get(board::KEY).cloned().unwrap_or_default().0)
            },
            record: &|record: &Record| put(&shared, record).is_some(),
            draw: &|| shared.borrow().draw,
        };
        let mut world = World::new(&mut self.pools, &outside);
        let exchange = self.exchanges.get_mut(&id).expect("open");
        let effects = exchange.on(event, &mut world);
        self.carry_out(context, effects, stream)
    }

    fn pass(&mut self, context: u32, passing: Passing, stream: &mut Stream) -> Action {
        let exchange = self.exchanges.get_mut(&self.contexts[&context].exchange).expect("open");
        let effects = exchange.pass(passing);
        self.carry_out(context, effects, stream)
    }

    fn carry_out(
        &mut self,
        context: u32,
        effects: impl IntoIterator<Item = Effect>,
        stream: &mut Stream,
    ) -> Action {
        let mut action = Action::Continue;
        for effect in effects {
            match effect {
                // The model's clients take no time to send a body.
                Effect::ReceiveBodyWithin(_) => {}
                Effect::AwaitEnd => {
                    self.await_now(context, Awaits::End);
                    action = Action::Pause;
                }
                Effect::AwaitBeginning(length) => {
                    self.await_now(context, Awaits::Beginning(length));
                    action = Action::Pause;
                }
                Effect::AskEnd(place) => {
                    let body = stream.request_body.as_ref().expect("a body passes");
                    let bytes = &body[place.clone()].to_vec();
                    action = self.tell(context, Event::BodyEnds { place, bytes }, stream);
                }
                Effect::AwaitBody | Effect::HoldAnswer => {
                    self.await_now(context, Awaits::Body);
                    action = Action::Pause;
                }
                Effect::HoldOpening => {
                    self.set_answer(context, Answers::Opens);
                    action = Action::Pause;
                }
                Effect::HoldStream(time) => {
                    self.set_answer(context, Answers::Streams { held: true, read: 0 });
                    self.held = Some((context, Duration::from_millis(time.0)));
                    action = Action::Pause;
                }
                Effect::HoldOn | Effect::AwaitPart => action = Action::Pause,
                Effect::ReadOn => self.set_answer(context, Answers::Reads),
                Effect::Reply(reply) => {
                    stream.filter_state.insert("spillway.attempts".into(), reply.reason.into());
                    stream.reply = Some(reply_as_answer(&reply));
                    action = Action::Pause;
                }
                Effect::SendTo { backend, retries } => {
                    let id = self.contexts[&context].exchange;
                    stream.filter_state.insert(TICKET.into(), id.to_be_bytes().into());
                    stream.filter_state.insert(CLUSTER.into(), backend.into());
                    request(stream).set("x-envoy-max-retries", retries.to_string());
                    stream.route_cleared = true;
                }
                Effect::Record(record) => self.record(&record),
                Effect::Tell(observation) => self.observed(&observation),
                Effect::Count { tally, record } => self.count(tally, &record),
                Effect::AskRemaining => drop(self.remains(context, stream)),
                Effect::ReplaceAnswer(reply) => stream.reply = Some(reply_as_answer(&reply)),
                other => carry_out(other, stream),
            }
        }
        action
    }

    fn await_now(&mut self, context: u32, what: Awaits) -> Awaits {
        let awaits = &mut self.contexts.get_mut(&context).expect("open").awaits;
        std::mem::replace(awaits, what)
    }

    fn count(&self, tally: Tally, record: &Record) {
        let key = window::key(record.circuit);
        let (bytes, cas) = self.shared.borrow().get(&key).cloned().unwrap_or_default();
        let (counted, too_many) = window::with(&bytes, tally, &record.rule, self.now());
        self.shared.borrow_mut().set(&key, &counted, cas);
        if too_many {
            self.record(record);
        }
    }

    fn remains(&mut self, context: u32, stream: &mut Stream) -> Action {
        let header = |name| stream.answer.as_ref()?.get(name).map(<[u8]>::to_vec);
        let remaining = Remaining {
            tokens: header("x-ratelimit-remaining-tokens"),
            requests: header("x-ratelimit-remaining-requests"),
            token_limit: header("x-ratelimit-limit-tokens"),
            request_limit: header("x-ratelimit-limit-requests"),
        };
        self.tell(context, Event::Remains(remaining), stream)
    }

    fn arrived(&mut self, context: u32, end: bool, stream: &mut Stream) -> Action {
        let redirects = self.gateway.failover.redirects();
        if redirects {
            stream.lasting.extend(LASTING.map(str::to_owned));
            if let Some(exchange) = self.redirected.take() {
                assert_eq!(ticket(stream), Some(exchange), "another request comes back");
                let context = self.contexts.get_mut(&context).expect("open");
                self.exchanges.remove(&context.exchange);
                context.exchange = exchange;
            } else {
                assert_eq!(ticket(stream), None, "a new request has a ticket");
            }
        }
        if ticket(stream).is_some() {
            return self.tell(context, Event::Redirected, stream);
        }
        let head = Head::new(request(stream).0.clone(), !end);
        self.tell(context, Event::Arrived(head), stream)
    }

    fn comes_back(&self, context: u32) -> bool {
        self.exchanges[&self.contexts[&context].exchange].comes_back()
    }

    fn attempt_starts(&mut self, context: u32, stream: &mut Stream) -> Action {
        let ticket = ticket(stream).expect("the gateway seat left a ticket");
        let context_of = self.contexts.get_mut(&context).expect("open");
        context_of.exchange = ticket;
        context_of.switches = request(stream).get("upgrade").is_some();
        self.tell(context, Event::AttemptStarts, stream)
    }

    fn leaving(&mut self, context: u32, stream: &mut Stream) -> Action {
        let wanted = self.gateway.config.answer_headers.region;
        let region = stream.answer.as_ref().and_then(|a| a.get("x-ms-region")).map(<[u8]>::to_vec);
        let status = status(stream);
        self.tell(context, Event::Leaving { status, region: region.filter(|_| wanted) }, stream)
    }

    fn body(&mut self, context: u32, size: usize, end: bool, stream: &mut Stream) -> Action {
        let Context { seat, awaits, .. } = self.contexts[&context];
        match (seat, awaits) {
            (Seat::Backend, _) => self.pass(context, Passing::ToBackend(size), stream),
            (_, Awaits::Nothing) => self.pass(context, Passing::FromClient(size), stream),
            (_, Awaits::Beginning(length)) if size >= length => {
                self.await_now(context, Awaits::Nothing);
                let body = stream.request_body.as_ref().expect("a body passes");
                let bytes = &body[..length].to_vec();
                let action = self.tell(context, Event::BodyBegins { bytes, there: size }, stream);
                let known = self.contexts[&context].awaits == Awaits::Nothing;
                if known || !end { action } else { self.ended(context, stream) }
            }
            _ if end => self.ended(context, stream),
            _ => Action::Pause,
        }
    }

    /// The client's request is complete.
    fn ended(&mut self, context: u32, stream: &mut Stream) -> Action {
        match self.await_now(context, Awaits::Nothing) {
            Awaits::Nothing | Awaits::End => Action::Continue,
            Awaits::Body | Awaits::Beginning(_) => {
                let body = stream.request_body.clone().unwrap_or_default();
                self.tell(context, Event::Body(&body), stream)
            }
        }
    }
}

impl Seats for Core {
    fn open(&mut self, seat: Seat) -> u32 {
        self.last += 1;
        let context = Context {
            seat,
            exchange: self.last,
            awaits: Awaits::Nothing,
            answer: Answers::Awaited,
            switches: false,
            complete: false,
        };
        self.contexts.insert(self.last, context);
        if seat == Seat::Gateway {
            self.exchanges.insert(self.last, Exchange::new(self.gateway.clone()));
        }
        self.last
    }

    fn on(&mut self, context: u32, callback: Callback, stream: &mut Stream) -> Action {
        let complete = &mut self.contexts.get_mut(&context).expect("open").complete;
        *complete |= callback.ends_answer();
        match (self.contexts[&context].seat, callback) {
            (Seat::Gateway, Callback::RequestHeaders { end }) => self.arrived(context, end, stream),
            (Seat::Backend, Callback::RequestHeaders { .. }) => {
                self.attempt_starts(context, stream)
            }
            (Seat::Writer, Callback::AnswerBody { size: 0, end: false }) => {
                let words = stream.filter_state.remove(LAST_WORDS);
                words.map(|words| stream.append_to_answer(0, &words));
                Action::Continue
            }
            (_, Callback::RequestBody { size, end }) => self.body(context, size, end, stream),
            (Seat::Gateway, Callback::RequestTrailers) => {
                self.pass(context, Passing::Trailers, stream);
                self.ended(context, stream)
            }
            (Seat::Gateway, Callback::AnswerHeaders { .. }) => self.leaving(context, stream),
            (Seat::Backend, Callback::AnswerHeaders { end }) => self.answered(context, end, stream),
            (Seat::Backend, Callback::AnswerBody { end, .. }) => {
                self.answer_body(context, end, stream)
            }
            (Seat::Backend, Callback::AnswerTrailers) => self.trailers(context, stream),
            (Seat::Gateway, Callback::Log) if !self.comes_back(context) => {
                let complete = self.contexts[&context].complete;
                self.tell(context, Event::Ended { complete }, stream)
            }
            _ => Action::Continue,
        }
    }

    fn time_has_passed(&mut self) {
        self.set_gauges();
    }

    fn timer(&self) -> Option<Duration> {
        self.held.map(|(_, time)| time)
    }

    fn tick(&mut self, stream: &mut Stream) {
        let Some((context, _)) = self.held.take() else { return };
        self.set_answer(context, Answers::Streams { held: false, read: 0 });
        self.tell(context, Event::HeldLongEnough, stream);
        stream.answer_resumed = true;
    }

    fn close(&mut self, context: u32, stream: &mut Stream) {
        let Some(Context { seat, exchange, answer, awaits, .. }) = self.contexts.get(&context)
        else {
            return;
        };
        let (seat, exchange, awaits) = (*seat, *exchange, *awaits);
        if seat == Seat::Backend && *answer == Answers::Awaited {
            let connected = stream.connected;
            self.pass(context, Passing::Unanswered { connected }, stream);
            self.contexts.remove(&context);
            return;
        }
        if seat == Seat::Backend && !matches!(answer, Answers::Awaited | Answers::Ended) {
            let held = matches!(answer, Answers::Opens | Answers::Streams { held: true, .. });
            self.tell(context, Event::BrokenOff { held: held || awaits == Awaits::Body }, stream);
        }
        self.contexts.remove(&context);
        if seat != Seat::Gateway {
            return;
        }
        if self.exchanges.get(&exchange).is_some_and(Exchange::comes_back) {
            self.redirected = Some(exchange);
        } else {
            self.exchanges.remove(&exchange);
        }
    }
}

/// Puts a record on the board; tells what that changed.
fn put(shared: &Shared, record: &Record) -> Option<Changed> {
    let (bytes, cas) = shared.borrow().get(board::KEY).cloned().unwrap_or_default();
    let changed = board::with(&bytes, record);
    changed.inspect(|changed| _ = shared.borrow_mut().set(board::KEY, &changed.bytes, cas))
}

fn ticket(stream: &Stream) -> Option<u32> {
    let id = stream.filter_state.get(TICKET)?.as_slice().try_into().ok()?;
    Some(u32::from_be_bytes(id))
}

const CLUSTER: &str = "spillway.cluster";
const TICKET: &str = "spillway.exchange";
const LAST_WORDS: &str = "spillway.last_words";
const LASTING: [&str; 4] = [TICKET, "spillway.model", "spillway.client", "spillway.attempts"];
