//! One request on its way through one gateway: what Envoy's router does with it.
//!
//! The filter decides, the router does: it sends the request where the filter says, drops an answer
//! that the filter has marked, tries again where no answer came, and gives up when its retries are
//! spent. This here is the router, in as many lines as the simulation needs of it.

use spillway::announced::Announcement;
use spillway::exchange::event::Answer;
use spillway::exchange::head::Head;
use spillway::exchange::{Effect, Event, Exchange};
use spillway::pool::headroom::Remaining;
use spillway::reply::Reply;
use spillway::time::Timestamp;

use super::host::Host;

/// A request that is on its way.
#[derive(Debug)]
pub(super) struct Passage {
    exchange: Exchange,
    worker: usize,
    /// The backend that the next attempt goes to.
    cluster: Option<String>,
    /// Attempts that the router may still make.
    retries: usize,
    /// Attempts that were made.
    pub(super) attempts: u32,
}

/// What the router does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Send the request to this backend.
    Send(String),
    /// Make another attempt.
    Again,
    /// Give the client this.
    Give(Ending),
}

/// What a client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) status: u16,
    /// Why the gateway answered by itself, in one word.
    pub(super) reason: Option<&'static str>,
    pub(super) announcement: Announcement,
}

impl Passage {
    pub(super) fn new(exchange: Exchange, worker: usize) -> Self {
        Self { exchange, worker, cluster: None, retries: 0, attempts: 0 }
    }

    /// The request arrives.
    pub(super) fn arrives(
        &mut self,
        (head, body): (Head, &[u8]),
        host: &mut Host,
        now: Timestamp,
    ) -> Next {
        let mut told = self.on(Event::Arrived(head), host, now);
        if told.awaits_body {
            told = self.on(Event::Body(body), host, now);
        }
        match told.reply {
            Some(reply) => self.leaves(Ending::of(&reply), host, now),
            None => Next::Again,
        }
    }

    /// The router makes an attempt.
    pub(super) fn starts(&mut self, host: &mut Host, now: Timestamp) -> Next {
        // The filter names the backend after this one while this one's attempt starts.
        let cluster = self.cluster.clone();
        let told = self.on(Event::AttemptStarts, host, now);
        match (told.reply, cluster) {
            (Some(reply), _) => self.leaves(Ending::of(&reply), host, now),
            (None, Some(cluster)) => {
                self.attempts += 1;
                Next::Send(cluster)
            }
            (None, None) => self.leaves(Ending::status(503), host, now),
        }
    }

    /// The backend has answered.
    pub(super) fn answered(
        &mut self,
        status: u16,
        announcement: Announcement,
        remaining: impl FnOnce() -> Remaining,
        host: &mut Host,
        now: Timestamp,
    ) -> Next {
        let ending = Ending { status, reason: None, announcement: announcement.clone() };
        let answer = Answer { status, announcement, has_body: true, ..Answer::default() };
        let mut told = self.on(Event::Answered(answer), host, now);
        if told.holds_opening {
            // What a region answers well, is JSON.
            let opening = Event::Opening { bytes: b"{}", end: true, readable: true };
            told.marked |= self.on(opening, host, now).marked;
        }
        if told.asks_remaining {
            self.on(Event::Remains(remaining()), host, now);
        }
        if told.marked && self.may_try_again() {
            return Next::Again;
        }
        self.leaves(ending, host, now)
    }

    /// No answer came, and Envoy would say so with this status.
    pub(super) fn unanswered(&mut self, status: u16, host: &mut Host, now: Timestamp) -> Next {
        if self.may_try_again() {
            return Next::Again;
        }
        self.leaves(Ending::status(status), host, now)
    }

    const fn may_try_again(&mut self) -> bool {
        let may = self.retries > 0;
        self.retries = self.retries.saturating_sub(1);
        may
    }

    fn leaves(&mut self, ending: Ending, host: &mut Host, now: Timestamp) -> Next {
        let told = self.on(Event::Leaving { status: ending.status, region: None }, host, now);
        self.on(Event::Ended { complete: true }, host, now);
        Next::Give(told.reply.as_ref().map_or(ending, Ending::of))
    }

    fn on(&mut self, event: Event<'_>, host: &mut Host, now: Timestamp) -> Told {
        let mut told = Told::default();
        for effect in host.on(self.worker, &mut self.exchange, event, now) {
            match effect {
                Effect::SendTo { backend, retries } => {
                    (self.cluster, self.retries) = (Some(backend), retries);
                }
                Effect::FailOverTo(backend) => self.cluster = Some(backend),
                Effect::Reply(reply) | Effect::ReplaceAnswer(reply) => told.reply = Some(reply),
                Effect::MarkRetry => told.marked = true,
                Effect::AskRemaining => told.asks_remaining = true,
                Effect::HoldOpening => told.holds_opening = true,
                Effect::AwaitBody => told.awaits_body = true,
                // Headers, cookies and notes: they lead nowhere else.
                _ => {}
            }
        }
        told
    }
}

/// What the filter wants of the router.
#[derive(Debug, Default)]
struct Told {
    reply: Option<Reply>,
    marked: bool,
    asks_remaining: bool,
    holds_opening: bool,
    awaits_body: bool,
}

impl Ending {
    const fn status(status: u16) -> Self {
        let announcement = Announcement {
            retry_after_ms: None,
            retry_after: None,
            reset_requests: None,
            reset_tokens: None,
        };
        Self { status, reason: None, announcement }
    }

    fn of(reply: &Reply) -> Self {
        let header = |name| {
            let mut headers = reply.headers.iter();
            headers.find(|(header, _)| *header == name).map(|(_, value)| value.clone().into_bytes())
        };
        let announcement = Announcement {
            retry_after_ms: header("retry-after-ms"),
            retry_after: header("retry-after"),
            ..Announcement::default()
        };
        Self { status: reply.status, reason: Some(reply.reason), announcement }
    }
}
