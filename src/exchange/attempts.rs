//! The attempts of one request, in their order: who was asked, what they said, how long they took.

use super::attempt_list::AttemptList;
use crate::time::{Millis, Timestamp};

/// The attempts so far.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    attempts: Vec<Attempt>,
}

#[derive(Debug)]
struct Attempt {
    member: usize,
    started: Timestamp,
    end: Option<End>,
    /// It counts for nothing, and the same backend is asked again.
    repeated: bool,
}

#[derive(Debug, Clone, Copy)]
struct End {
    /// `None`: no answer came.
    status: Option<u16>,
    took: Millis,
    /// Envoy was asked to drop the answer and try again.
    dropped: bool,
    /// What became of an answer that began well.
    broke: Option<Break>,
}

/// How an answer that began well ended badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// Its events held an error, or its first was none.
    Error,
    /// It ended too early.
    TooEarly,
    /// The gateway was stopped.
    Shutdown,
}

impl Break {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::TooEarly => "broken",
            Self::Shutdown => "cut",
        }
    }
}

impl Attempts {
    pub(super) fn begin(&mut self, member: usize, now: Timestamp) {
        self.attempts.push(Attempt { member, started: now, end: None, repeated: false });
    }

    pub(super) fn answered(&mut self, status: u16, now: Timestamp) {
        self.end(Some(status), now);
    }

    pub(super) fn failed(&mut self, now: Timestamp) {
        self.end(None, now);
    }

    /// Marks the last answer as one that the client should not see.
    pub(super) fn drop_answer(&mut self) {
        if let Some(end) = self.last_end() {
            end.dropped = true;
        }
    }

    /// Says what became of the last answer. False: it had ended before, by its status or so. A
    /// switch of protocols (101) has no end that could be missed.
    pub(super) fn ended_badly(&mut self, how: Break) -> bool {
        let Some(end) = self.last_end() else { return false };
        let first =
            end.broke.is_none() && end.status.is_none_or(|status| matches!(status, 200..400));
        end.broke.get_or_insert(how);
        first
    }

    /// The last answer got lost before anybody saw it.
    pub(super) fn lose_answer(&mut self) {
        if let Some(end) = self.last_end() {
            end.status = None;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.attempts.len()
    }

    /// The backends that were asked: an attempt that was repeated at the same one does not count.
    pub(super) fn asked(&self) -> usize {
        self.attempts.iter().filter(|attempt| !attempt.repeated).count()
    }

    /// The last attempt is made once more, at the same backend.
    pub(super) fn repeat(&mut self) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.repeated = true;
        }
    }

    /// How often the last attempt's member was asked again so.
    pub(super) fn repeated(&self) -> usize {
        let last = self.last();
        let same = |attempt: &&Attempt| attempt.repeated && Some(attempt.member) == last;
        self.attempts.iter().filter(same).count()
    }

    /// When the last attempt started.
    pub(super) fn started(&self) -> Option<Timestamp> {
        self.attempts.last().map(|attempt| attempt.started)
    }

    pub(super) fn has(&self, member: usize) -> bool {
        self.attempts.iter().any(|attempt| attempt.member == member)
    }

    pub(super) fn last(&self) -> Option<usize> {
        self.attempts.last().map(|attempt| attempt.member)
    }

    /// The member of the last attempt, if no answer of it has been seen.
    pub(super) fn unanswered(&self) -> Option<usize> {
        self.attempts.last().filter(|attempt| attempt.end.is_none()).map(|attempt| attempt.member)
    }

    /// Whether the last attempt's answer was a backend's and should have been dropped.
    pub(super) fn last_was_dropped(&self) -> bool {
        self.attempts.last().and_then(|attempt| attempt.end).is_some_and(|end| end.dropped)
    }

    /// What the last attempt's backend answered.
    pub(super) fn status(&self) -> Option<u16> {
        self.attempts.last()?.end?.status
    }

    /// From the last attempt's start to its answer's head, or until its failure was seen.
    pub(super) fn took(&self) -> Option<Millis> {
        Some(self.attempts.last()?.end?.took)
    }

    /// Whether a backend's answer ended the last attempt.
    pub(super) fn has_answer(&self) -> bool {
        self.status().is_some()
    }

    /// The attempts as the list that the access log shows.
    pub(super) fn list<'a>(&self, name: impl Fn(usize) -> Option<&'a str>) -> Vec<u8> {
        let mut list = AttemptList::default();
        for attempt in &self.attempts {
            let name = name(attempt.member).unwrap_or("?");
            let (status, end) = match attempt.end {
                // What was an error by its status ends as one, however it breaks off.
                Some(End {
                    status: status @ (None | Some(200..400)), broke: Some(how), ..
                }) => (status, how.word()),
                Some(End { status: Some(status), .. }) => (Some(status), ""),
                Some(End { status: None, .. }) => (None, "failed"),
                None => (None, "unfinished"),
            };
            list.add(name, status, attempt.end.map(|end| end.took), end);
        }
        list.into_bytes()
    }

    pub(super) fn text<'a>(&self, name: impl Fn(usize) -> Option<&'a str>) -> String {
        let one = |attempt: &Attempt| {
            let name = name(attempt.member).unwrap_or("?");
            match attempt.end {
                Some(End { status: Some(status), took, broke, .. }) => {
                    let (space, end) = broke.map_or(("", ""), |how| (" ", how.word()));
                    format!("{name} {status}{space}{end} {}ms", took.0)
                }
                Some(End { status: None, took, .. }) => format!("{name} failed {}ms", took.0),
                None => format!("{name} unfinished"),
            }
        };
        self.attempts.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    fn end(&mut self, status: Option<u16>, now: Timestamp) {
        if let Some(attempt) = self.attempts.last_mut() {
            let took = now.since(attempt.started);
            attempt.end.get_or_insert(End { status, took, dropped: false, broke: None });
        }
    }

    fn last_end(&mut self) -> Option<&mut End> {
        self.attempts.last_mut()?.end.as_mut()
    }
}
