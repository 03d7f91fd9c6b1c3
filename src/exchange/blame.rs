//! Whose fault it was: what one request has said of the members, until that is known.
//!
//! A failure is recorded at once as an accusation, so that the next request goes elsewhere if it can. It
//! is confirmed when another member says something else to the same request. What every member that could
//! be asked said is the request's own fault, and taken back ([`crate::breaker::vote`]). The same holds where
//! the retry budget keeps a request from the others: what they would have said is not known. A share of
//! failures is in no hurry: it is counted when it is known. So is a 429 of a backend that has room: nothing
//! is out.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use super::{Context, Eagerness, Effect, Exchange};
use crate::breaker::RequestMark;
use crate::breaker::store::{Change, Record};
use crate::config::ClientId;
use crate::observation::AttemptResult;
use crate::outcome::Verdict;
use crate::time::{Millis, Timestamp};

/// What one request has said of the members.
#[derive(Debug, Default)]
pub(super) struct Blame {
    /// What the first of them came to that failed.
    first: Option<AttemptResult>,
    /// What it has said of members, and may take back: each as the record that confirms it, or of a
    /// probe as it was recorded.
    accused: Vec<Record>,
    /// Failures that are to be counted, should they be the members'.
    counts: Vec<Effect>,
    /// It is the members' fault: they differ, or no connection could be made.
    is_certain: bool,
}

impl Blame {
    /// Takes note of what an attempt came to. `reached`: there was a connection.
    pub(super) fn see(&mut self, verdict: Verdict, result: AttemptResult, reached: bool) {
        let alike = self.first.is_none_or(|first| first == result);
        self.is_certain |= !alike || !reached || !verdict.is_vote();
        self.first.get_or_insert(result);
    }

    /// Takes note that it is the member's, whatever the others would have said.
    pub(super) const fn becomes_certain(&mut self) {
        self.is_certain = true;
    }

    /// Has a failure recorded: at once where it is known to be the member's, else as an accusation.
    pub(super) fn vote(&mut self, record: Record, cx: &mut Context<'_>) {
        match record.change {
            Change::Failed(failure, draw) if !self.is_certain => {
                cx.record(Record { change: Change::Accused, ..record.clone() });
                self.accuse(Record { change: Change::Confirmed(failure, draw), ..record });
            }
            _ => cx.record(record),
        }
    }

    /// Takes note of an accusation.
    pub(super) fn accuse(&mut self, record: Record) {
        self.accused.push(record);
    }

    pub(super) fn count(&mut self, count: Effect) {
        self.counts.push(count);
    }
}

impl Exchange {
    /// Does what follows once it is known whose fault it was. `over`: no other member will be asked.
    pub(super) fn settle_blame(&mut self, over: bool, cx: &mut Context<'_>) -> Option<()> {
        let sending = self.sending.as_ref()?;
        let (id, blame) = (sending.model, &sending.blame);
        if blame.accused.is_empty() && blame.counts.is_empty() || !(over || blame.is_certain) {
            return None;
        }
        let gateway = self.gateway.clone();
        let route = gateway.route(id)?;
        // Who came back meanwhile was never to be asked.
        let excluded = self.out_of_scope(self.retry_scope(self.last_has_failed(), cx), cx);
        let untried = |member| {
            !self.attempts.has(member)
                && sending.candidates.has(member)
                && !excluded.contains(&member)
        };
        // It has asked as many as it may, and more than one: the others were never to be asked either.
        // Neither were they for what must not be done twice, nor where the client has left meanwhile.
        let asked_all = !self.may_go_on() && self.attempts.asked() > 1
            || !self.repeats()
            || self.attempts.unanswered().is_some();
        let is_certain = blame.is_certain
            || !asked_all && cx.select(id, &route, Eagerness::AsLastResort, untried).is_some();
        let sending = self.sending.as_mut()?;
        let accused = std::mem::take(&mut sending.blame.accused);
        let counts = std::mem::take(&mut sending.blame.counts);
        if is_certain {
            let confirms = |record: &Record| matches!(record.change, Change::Confirmed(..));
            accused.into_iter().filter(confirms).for_each(|record| cx.record(record));
            counts.into_iter().for_each(|count| match count {
                Effect::Record(record) => cx.record(record),
                count => cx.push(count),
            });
            return Some(());
        }
        for record in accused {
            let Some(why) = record.change.why() else { continue };
            cx.record(Record { change: Change::Withdrawn(why), at: cx.moment(), ..record });
        }
        Some(())
    }

    /// The mark of this request, of which this is the body where it was read. Of a body that passes unread
    /// only its length tells requests apart. Many have the same length, so these are the same for some
    /// seconds only: as long as an SDK tries again.
    pub(super) fn mark(&self, model: &str, now: Timestamp) -> RequestMark {
        let mut hash = FixedState::default().build_hasher();
        hash.write_usize(self.telemetry.client.map_or(usize::MAX, ClientId::position));
        hash.write(model.as_bytes());
        if let Some(info) = &self.info {
            hash.write(&info.path);
            hash.write_usize(info.content_length.unwrap_or(usize::MAX));
            hash.write_u64(info.body_mark);
            if info.has_body && info.body_mark == 0 {
                hash.write_u64(now.0 / TRIED_AGAIN_WITHIN.0);
            }
        }
        RequestMark(hash.finish().max(1))
    }
}

/// A hash of a body: of its length, and of its beginning and its end, where requests differ.
pub(super) fn body_mark(body: &[u8]) -> u64 {
    let mut hash = FixedState::default().build_hasher();
    hash.write_usize(body.len());
    hash.write(body.get(..BEGINNING).unwrap_or(body));
    hash.write(body.get(body.len().saturating_sub(END)..).unwrap_or_default());
    hash.finish()
}

/// An SDK's tries follow each other within a few seconds.
const TRIED_AGAIN_WITHIN: Millis = Millis::from_secs(5);

/// Where options stand that the SDKs write first.
const BEGINNING: usize = 128;

/// Where the last message ends, with the options that follow it.
const END: usize = 512;
