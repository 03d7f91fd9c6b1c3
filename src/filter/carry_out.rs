//! Carrying out what an exchange wants done.

use std::rc::Rc;

use super::Call;
use super::instance::Instance;
use super::requests::RequestHandle;
use crate::affinity;
use crate::breaker::store::{self, Record};
use crate::breaker::window;
use crate::cleaning::Change;
use crate::config::{ClientId, SecureCookie};
use crate::exchange::Effect;
use crate::exchange::effect::{LogField, RETRY};
use crate::exchange::flow::Retry;
use crate::exchange::redirect::FOLLOWED;
use crate::host::{Body, Map, StreamId};
use crate::observation::Observation;
use crate::time::Micros;

/// Whose effects are carried out.
pub(super) struct Carry<'a> {
    pub(super) handle: RequestHandle,
    pub(super) instance: &'a Rc<Instance>,
    /// The request's stream in the downstream filter.
    pub(super) downstream: StreamId,
    /// Whose request it is.
    pub(super) client: Option<ClientId>,
    /// The member that is asked next, should one be.
    pub(super) next: Option<usize>,
    /// When the event was, if the exchange has asked: each look at the clock is a host call.
    pub(super) moment: Option<Micros>,
}

impl Call<'_> {
    /// Carries out one effect.
    pub(super) fn carry_out(&mut self, effect: Effect, carry: &Carry<'_>) {
        let (host, instance) = (self.host, carry.instance);
        match effect {
            Effect::SendTo { backend, retries } => {
                host.set_state(REQUEST, &carry.handle.to_bytes());
                let cluster = instance.cluster(backend).as_bytes();
                host.set_state(CLUSTER, cluster);
                if instance.names_cluster_in_header() {
                    host.set_header(Map::Request, CLUSTER_HEADER, cluster);
                }
                host.set_header(Map::Request, MAX_RETRIES, retries.to_string().as_bytes());
                host.clear_route_cache();
            }
            Effect::FailOverTo(backend) => {
                host.set_state(CLUSTER, instance.cluster(backend).as_bytes());
            }
            Effect::SetRequestHeader(name, value) => host.set_header(Map::Request, name, &value),
            Effect::RemoveRequestHeader(name) => host.remove_header(Map::Request, &name),
            Effect::ReceiveBodyWithin(time) => {
                self.receives(carry.handle, true);
                self.await_body(carry.handle, time);
            }
            Effect::DropRequestTrailers => host.remove_headers(Map::RequestTrailers),
            Effect::ReplaceBody { place, with } => host.replace_body(Body::Request, place, &with),
            Effect::Record(record) => self.record(&record, carry),
            Effect::Count { tally, record } => {
                if window::count(host, record.circuit, tally, &record.rule, host.now()) {
                    self.record(&record, carry);
                }
            }
            Effect::LastWords(words) => self.say_last_words(carry.downstream, &words),
            Effect::ChangeAnswer(changes) => self.change(Map::Response, &changes),
            Effect::ChangeTrailers(changes) => self.change(Map::ResponseTrailers, &changes),
            Effect::SetAnswerHeader(name, value) => {
                host.set_header(Map::Response, name, value.as_bytes());
            }
            Effect::RemoveAnswerHeader(name) => host.remove_header(Map::Response, name),
            Effect::IssueCookie { affinity, value } => {
                let secure = match affinity.secure {
                    SecureCookie::Auto => host.client_uses_tls(),
                    SecureCookie::Always => true,
                    SecureCookie::Never => false,
                };
                let cookie = affinity::set_cookie(&affinity, &value, secure);
                host.add_header(Map::Response, "set-cookie", cookie.as_bytes());
            }
            Effect::Tell(observation) => {
                let now = carry.moment.map_or_else(|| host.now(), Micros::cut_off);
                self.count(instance, &observation, carry.next, now);
                instance.meters.tell(&observation, &instance.gateway, host);
            }
            Effect::Log(field, text) => host.set_state(field.property(), text.as_bytes()),
            Effect::LogAttempts(list) => host.set_state(ATTEMPT_LIST, &list),
        }
    }

    /// Has another backend asked instead of the answer whose head is here.
    pub(super) fn retry(&self, how: &Retry) {
        match how {
            Retry::Mark => self.host.set_header(Map::Response, RETRY, b"1"),
            Retry::Redirect { to } => {
                let status = FOLLOWED.to_string();
                self.host.set_header(Map::Response, ":status", status.as_bytes());
                self.host.set_header(Map::Response, "location", to);
            }
        }
    }

    /// Has the client's answer go on behind the downstream filter, with these words for the last-words
    /// filter.
    pub(super) fn say_last_words(&self, downstream: StreamId, words: &[u8]) {
        if self.host.enter(downstream) {
            self.host.set_state(LAST_WORDS, words);
            self.host.resume_response();
        }
    }

    /// Records something of a circuit, and tells what became of it.
    fn record(&mut self, record: &Record, carry: &Carry<'_>) {
        let Some(Some(transition)) = store::record(self.host, record) else { return };
        let (instance, client, now) = (carry.instance, carry.client, self.host.now());
        for (model, member) in instance.gateway.covered(record.circuit) {
            let observation = Observation::Circuit { model, member, transition, client };
            self.count(instance, &observation, None, now);
            instance.meters.tell(&observation, &instance.gateway, self.host);
        }
        let due = instance.meters.set_gauges(&instance.gateway, now, self.host);
        if let Some(due) = due {
            self.wanted(due, now);
        }
    }

    fn change(&self, map: Map, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Remove(name) => self.host.remove_header(map, name),
                Change::Set(name, value) => self.host.set_header(map, name, value),
                Change::Add(name, value) => self.host.add_header(map, name, value),
            }
        }
    }
}

/// What a request that comes back must still have: it is another stream for Envoy.
pub(super) const LASTING: [&str; 4] =
    [REQUEST, LogField::Model.property(), LogField::Client.property(), ATTEMPTS];

/// What the access log and spans make numbers, flags and other words of.
pub(super) const CALCULATED: [LogField; 7] = [
    LogField::Marks,
    LogField::Operation,
    LogField::ErrorType,
    LogField::PromptTokens,
    LogField::CompletionTokens,
    LogField::CachedTokens,
    LogField::ReasoningTokens,
];

/// The request's handle, from the downstream filter to the upstream filters.
pub(super) const REQUEST: &str = "spillway.exchange";

/// The attempts, for the access log.
pub(super) const ATTEMPTS: &str = LogField::Attempts.property();

/// The same as a list, for the access log.
pub(super) const ATTEMPT_LIST: &str = "spillway.attempt_list";

/// What tells the configuration from others, for the access log.
pub(super) const DIGEST: &str = "spillway.digest";

/// What is added to an answer that its backend has broken off; the last-words filter takes it from
/// there (its text has the name too).
const LAST_WORDS: &str = "spillway.last_words";

/// The backend that the route's cluster specifier chooses, on the first attempt and each retry.
const CLUSTER: &str = "spillway.cluster";

/// The request header in which a router finds the cluster that cannot read filter state. Whoever lets a
/// router read it has to keep clients from sending it.
pub const CLUSTER_HEADER: &str = "x-spillway-cluster";

/// Envoy's router reads it and removes it: attempts after the first.
const MAX_RETRIES: &str = "x-envoy-max-retries";
