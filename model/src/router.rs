//! A request's way: the downstream filter, and the router with its retries.
//!
//! Whoever plays says what backends do, and when: a [`Passage`] stops wherever that is to be known.

use std::collections::BTreeMap;

use spillway::config::Config;
use spillway::exchange::repetition::most_redirects;
use spillway::failover_mode::FailoverMode;

use crate::attempt::{End, Kept};
use crate::http::{Answer, Headers, Reaction, Request};
use crate::run::Run;
use crate::timeouts::Timeouts;
use crate::{Action, Callback, Clock, Cluster, Place, Runtime, Shared, Stream};

/// Envoy: workers that run filters, and clusters.
#[derive(Debug)]
pub struct Envoy<R> {
    /// What runs the filters of each worker.
    pub workers: Vec<R>,
    /// What the time is.
    pub clock: Clock,
    /// What all workers share.
    pub shared: Shared,
    pub(crate) failover: FailoverMode,
    pub(crate) clusters: Vec<Cluster>,
    /// The longest body that is held (`request_body_buffer_limit`).
    most: u64,
    timeouts: Timeouts,
}

/// One request under way.
#[derive(Debug)]
pub struct Passage {
    pub(crate) worker: usize,
    pub(crate) stream: Stream,
    run: Run,
    runs: usize,
    pub(crate) downstream: u32,
    pub(crate) last_words: u32,
    pub(crate) kept: Kept,
    /// Retries that are left.
    left: u64,
    /// The current attempt's stream in the upstream filter.
    pub(crate) attempt: Option<u32>,
    /// The upstream filter has resumed the answer when its trailers came.
    pub(crate) resumed: bool,
    /// Retries that the filter has allowed.
    pub retries: u64,
    /// Attempts that were made.
    pub attempts: u32,
}

/// Where a request stops.
#[derive(Debug)]
pub enum Step {
    /// The router is about to make an attempt ([`Envoy::attempt`]): the first at once, each further one
    /// after its back-off.
    Attempt,
    /// It is sent to a backend, which reacts ([`Envoy::reacts`]).
    Send(Sent),
    /// The client has its answer.
    Done(Answer),
}

/// What is sent to a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The cluster's name.
    pub cluster: String,
    /// The headers, the pseudo headers first.
    pub headers: Headers,
    /// The whole body.
    pub body: Vec<u8>,
    /// The trailers behind it.
    pub trailers: Option<Headers>,
}

/// What the router has for the client.
struct Routed {
    answer: Answer,
    /// The upstream filter's stream whose backend was lost in the middle of the answer.
    lost: Option<u32>,
    /// The request's next run, where the router follows the answer.
    again: Option<Run>,
}

impl Routed {
    const fn with(answer: Answer) -> Self {
        Self { answer, lost: None, again: None }
    }
}

impl Passage {
    /// What the filters have left in the stream's filter state.
    pub const fn state(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.stream.filter_state
    }
}

impl<R: Runtime> Envoy<R> {
    /// An Envoy with these workers, that fails over in this way.
    pub fn new(
        config: &Config,
        failover: FailoverMode,
        workers: Vec<R>,
        clock: Clock,
        shared: Shared,
        environment: &BTreeMap<String, String>,
    ) -> Self {
        let mut envoy = Self {
            workers,
            clock,
            shared,
            failover,
            clusters: Vec::new(),
            most: 0,
            timeouts: Timeouts::new(&config.timeouts),
        };
        envoy.configure(config, environment);
        envoy
    }

    /// Has the clusters and limits of another configuration from now on.
    pub fn configure(&mut self, config: &Config, environment: &BTreeMap<String, String>) {
        self.clusters = Cluster::all(config, environment);
        self.most = config.max_request_body;
        self.timeouts = Timeouts::new(&config.timeouts);
    }

    /// The cluster of this name.
    pub fn cluster(&self, name: &str) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.name == name)
    }

    /// A client's request arrives at a worker.
    pub fn begin(&mut self, worker: usize, request: &Request) -> (Passage, Step) {
        let mut passage = Passage {
            worker,
            stream: Stream::default(),
            run: Run::first(request),
            runs: 0,
            downstream: 0,
            last_words: 0,
            kept: Kept::default(),
            left: 0,
            attempt: None,
            resumed: false,
            retries: 0,
            attempts: 0,
        };
        let step = self.run(&mut passage);
        (passage, step)
    }

    /// The router makes an attempt.
    pub fn attempt(&mut self, passage: &mut Passage) -> Step {
        let name = passage.stream.cluster().expect("a cluster is named");
        let cluster = self.clusters.iter().find(|cluster| cluster.name == name).cloned();
        let cluster = cluster.unwrap_or_else(|| panic!("no cluster is called {name}"));
        let context = self.workers[passage.worker].open(Place::Upstream);
        let body = self.send_upstream(context, &cluster, passage);
        if let Some(reply) = passage.stream.reply.take() {
            self.workers[passage.worker].close(context, &mut passage.stream);
            return self.routed(passage, Routed::with(reply.with_pseudo_header()));
        }
        passage.attempt = Some(context);
        passage.attempts += 1;
        let Kept { headers, trailers, .. } = &passage.kept;
        let (headers, trailers) = (headers.clone(), trailers.clone());
        Step::Send(Sent { cluster: name, headers, body, trailers })
    }

    /// The backend reacts to what it was sent.
    pub fn reacts(&mut self, passage: &mut Passage, reaction: Reaction) -> Step {
        let context = passage.attempt.take().expect("an attempt is under way");
        let end = self.come_back(context, reaction, passage);
        if !matches!(end, End::Broken(_)) {
            self.workers[passage.worker].close(context, &mut passage.stream);
        }
        passage.stream.response = None;
        match end {
            End::Retriable(_) | End::Silence(_) if passage.left > 0 && !self.is_over(passage) => {
                passage.left -= 1;
                Step::Attempt
            }
            End::Answer(answer) | End::Retriable(answer) => {
                let again = self.follow(&answer, &passage.kept.headers, &passage.run);
                self.routed(passage, Routed { again, ..Routed::with(answer) })
            }
            End::Broken(answer) => {
                self.routed(passage, Routed { lost: Some(context), ..Routed::with(answer) })
            }
            End::Silence(status) => self.routed(passage, Routed::with(local_reply(status))),
        }
    }

    fn run(&mut self, passage: &mut Passage) -> Step {
        passage.runs += 1;
        assert!(
            passage.runs <= 1 + most_redirects(self.clusters.len()),
            "a request comes back more often than the route lets it"
        );
        let worker = &mut self.workers[passage.worker];
        passage.last_words = worker.open(Place::LastWords);
        passage.downstream = worker.open(Place::Downstream);
        self.run_downstream(passage);
        match passage.stream.reply.take() {
            Some(reply) => self.routed(passage, Routed::with(reply.with_pseudo_header())),
            None => {
                self.route(passage);
                Step::Attempt
            }
        }
    }

    fn routed(&mut self, passage: &mut Passage, routed: Routed) -> Step {
        let Routed { mut answer, lost, again } = routed;
        if again.is_none() {
            answer = self.leave(answer, lost, passage);
        }
        let worker = &mut self.workers[passage.worker];
        worker.on(passage.downstream, Callback::Log, &mut passage.stream);
        worker.close(passage.downstream, &mut passage.stream);
        worker.close(passage.last_words, &mut passage.stream);
        let Some(again) = again else { return Step::Done(answer) };
        passage.run = again;
        passage.stream = std::mem::take(&mut passage.stream).redirected();
        self.run(passage)
    }

    /// The listener's filters. The request goes on, or there is a reply.
    fn run_downstream(&mut self, passage: &mut Passage) {
        let Passage { stream, run, downstream, .. } = passage;
        let (downstream, worker) = (*downstream, &mut self.workers[passage.worker]);
        stream.request = Some(run.headers.clone());
        let end = run.parts.is_empty() && !run.has_trailers();
        let callback = Callback::RequestHeaders { end };
        let mut held = worker.on(downstream, callback, stream) == Action::Pause;
        let (mut there, mut changed) = (Vec::new(), None);
        for (number, part) in run.parts.iter().enumerate() {
            if stream.reply.is_some() {
                return;
            }
            there = if held { [there, part.clone()].concat() } else { part.clone() };
            if held && there.len() as u64 > self.most {
                stream.reply = Some(too_long());
                return;
            }
            stream.request_body = Some(there.clone());
            let end = number + 1 == run.parts.len() && !run.has_trailers();
            let callback = Callback::RequestBody { size: there.len(), end };
            let was_held = held;
            held = worker.on(downstream, callback, stream) == Action::Pause;
            let left = stream.request_body.take().unwrap_or_default();
            if left != there {
                let goes_on = !held || stream.reply.is_some();
                assert!(was_held && end && goes_on, "only a body that was held is changed");
                changed = Some(left);
            }
        }
        if run.has_trailers() && stream.reply.is_none() {
            stream.request_body = Some(there.clone());
            stream.request_trailers = run.trailers.take();
            let was_held = held;
            held = worker.on(downstream, Callback::RequestTrailers, stream) == Action::Pause;
            run.trailers = stream.request_trailers.take();
            let left = stream.request_body.take().unwrap_or_default();
            if left != there {
                assert!(was_held, "only a body that was held is changed");
                changed = Some(left);
            }
        }
        // What was held goes on as a whole.
        if let Some(body) = changed {
            run.parts = vec![body];
        }
        assert!(!held || stream.reply.is_some(), "the request is held for ever");
    }

    /// The request reaches the router.
    fn route(&self, passage: &mut Passage) {
        let Passage { stream, run, .. } = passage;
        // The first choice of a cluster was made before any filter ran, in an empty state.
        assert!(stream.route_cleared, "the route was not chosen again");
        let mut headers = stream.request.take().unwrap_or_default();
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
        let retries: u64 = number(headers.text(MAX_RETRIES)).expect("the retries are limited");
        let timeouts = self.timeouts.begin(&mut headers, self.clock.get());
        for name in [&[MAX_RETRIES][..], &REMOVED].concat() {
            headers.remove(name);
        }
        if self.failover.redirects() {
            assert_eq!(retries, 0, "a retry would stay at the same backend");
        } else {
            headers.remove(FORWARDED_PROTO);
        }
        passage.kept = Kept {
            headers,
            parts: run.parts.iter().filter(|part| !part.is_empty()).cloned().collect(),
            trailers: run.trailers.clone(),
            timeouts: Some(timeouts),
        };
        (passage.left, passage.retries) = (retries, retries);
    }

    /// Whether the deadline of the request has passed.
    fn is_over(&self, passage: &Passage) -> bool {
        let deadline = passage.kept.timeouts.and_then(|timeouts| timeouts.deadline);
        deadline.is_some_and(|deadline| self.clock.get() >= deadline)
    }
}

/// Envoy's own answer to a body that is longer than it may hold.
fn too_long() -> Answer {
    Answer::json(413, r#"{"error":{"message":"Envoy's","code":"request_too_large"}}"#)
}

/// Envoy's own answer where no backend gave one; its text is configured elsewhere.
fn local_reply(status: u16) -> Answer {
    let body = r#"{"error":{"message":"Envoy's","type":"server_error","code":"local_reply"}}"#;
    Answer::json(status, body).with_pseudo_header()
}

/// The header of an answer that asks for another attempt.
pub(super) const RETRY: &str = "x-spillway-retry";
const MAX_RETRIES: &str = "x-envoy-max-retries";

/// What the route removes from requests (`request_headers_to_remove`).
const REMOVED: [&str; 3] = ["x-envoy-original-url", "x-forwarded-for", RETRY];

/// Also removed, unless the request may come back: it would find no route.
const FORWARDED_PROTO: &str = "x-forwarded-proto";
