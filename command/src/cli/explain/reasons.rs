//! The reasons: what the exchange has done, in words.
//!
//! The exchange says what it does and not why. Each reason here is read off what it decides over:
//! priorities, weights, circuits and cookie as they were when the request arrived, and the judgement
//! of each answer.

use crate::explain::story::Story;
use spillway::breaker::{Admission, Unavailability};
use spillway::config::Model;
use spillway::gateway::Gateway;

/// What is told of a member.
pub(super) struct Told {
    /// Which of the members that were asked, from 1.
    pub order: Option<usize>,
    /// Its position in the pool.
    pub member: usize,
    /// What it answered.
    pub answer: Option<u16>,
    /// Why it was asked then, or was not.
    pub why: String,
}

/// Tells of one model's pool.
pub(super) struct Reasons<'a> {
    pub gateway: &'a Gateway,
    pub model: &'a Model,
    pub story: &'a Story,
}

impl Reasons<'_> {
    pub(super) fn name(&self, member: usize) -> &str {
        let member = self.model.pool.get(member);
        let backend = member.and_then(|member| self.gateway.backend(member));
        backend.map_or("?", |backend| backend.name.as_str())
    }

    pub(super) fn affinity(&self) -> Option<String> {
        let affinity = self.model.affinity.as_ref()?;
        Some(match self.story.pinned {
            Some(member) if affinity.required => {
                format!("the cookie requires {}", self.name(member))
            }
            Some(member) => format!("the cookie prefers {}", self.name(member)),
            None => "no cookie of this pool: whoever answers keeps the client".to_owned(),
        })
    }

    /// The members that are asked, in this order, then the others.
    pub(super) fn members(&self) -> Vec<Told> {
        let attempts = self.story.attempts.iter().enumerate();
        let asked = attempts.map(|(at, attempt)| Told {
            order: Some(at + 1),
            member: attempt.member,
            answer: Some(attempt.status),
            why: self.why(at, attempt.member),
        });
        let is_asked = |member: usize| self.story.attempts.iter().any(|a| a.member == member);
        let mut others: Vec<usize> =
            (0..self.model.pool.len()).filter(|member| !is_asked(*member)).collect();
        others.sort_by_key(|member| self.model.pool.get(*member).map(|member| member.priority));
        let others = others.into_iter().map(|member| Told {
            order: None,
            member,
            answer: None,
            why: self.why_not(member),
        });
        asked.chain(others).collect()
    }

    pub(super) fn deployment(&self, member: usize) -> &str {
        self.model.pool.get(member).map_or("?", |member| member.deployment.as_str())
    }

    /// Why this member is asked at this point.
    fn why(&self, at: usize, chosen: usize) -> String {
        let Some(member) = self.model.pool.get(chosen) else { return String::new() };
        let mut why = Vec::new();
        if at == 0 && self.story.pinned == Some(chosen) {
            why.push("the cookie leads here".to_owned());
        }
        let before = self.story.attempts.get(..at).unwrap_or_default();
        let rivals = self.model.pool.iter().enumerate().filter(|(other, rival)| {
            let tried = before.iter().any(|attempt| attempt.member == *other);
            rival.priority == member.priority && !tried && self.flows(*other)
        });
        let rivals: Vec<(usize, u32)> =
            rivals.map(|(other, rival)| (other, rival.weight)).collect();
        let total: u32 = rivals.iter().map(|(_, weight)| weight).sum();
        let shares = rivals.len() > 1 && rivals.iter().any(|(other, _)| *other == chosen);
        why.push(if shares && why.is_empty() {
            let headroom = if self.model.headroom { ", and by headroom" } else { "" };
            format!(
                "priority {}, its turn: {} of {total} by weight{headroom}",
                member.priority, member.weight
            )
        } else {
            format!("priority {}", member.priority)
        });
        match self.story.standings.get(chosen) {
            Some(Admission::HalfOpen) if at == 0 => {
                why.push("half-open: this request tries it".to_owned());
            }
            Some(Admission::HalfOpen) => why.push("half-open: nobody else is left".to_owned()),
            Some(Admission::Returning(_)) => why.push("coming back".to_owned()),
            Some(Admission::Shut(until, _)) => why.push(format!(
                "circuit open for {}, after failures: tried at once, as no other is available",
                until.since(self.story.now)
            )),
            _ => {}
        }
        why.join("; ")
    }

    /// Why this member was not asked.
    fn why_not(&self, member: usize) -> String {
        let priority = self.model.pool.get(member).map_or(0, |member| member.priority);
        let why = match self.story.standings.get(member) {
            Some(Admission::Shut(until, cause)) => {
                let after = match cause {
                    Unavailability::Throttled => "a 429",
                    Unavailability::Failed => "failures",
                };
                format!("circuit open for {}, after {after}", until.since(self.story.now))
            }
            Some(Admission::Probed(_)) => "half-open, and another request tries it".to_owned(),
            _ if self.is_bound() => "the cookie requires another".to_owned(),
            _ if self.story.attempts.is_empty() => "not asked".to_owned(),
            _ if self.has_ended_by_itself() => "not needed".to_owned(),
            _ => self.end(),
        };
        format!("priority {priority}; {why}")
    }

    /// Why nobody else is asked after the last attempt.
    pub(super) fn end(&self) -> String {
        let (model, story) = (self.model, self.story);
        let Some(last) = story.attempts.last() else { return String::new() };
        if last.status < 400 {
            return "it is good".to_owned();
        }
        if !last.elsewhere {
            return format!("{} is not tried again", last.status);
        }
        if self.is_bound() {
            return "the cookie requires this backend".to_owned();
        }
        let made = story.attempts.len();
        let choosable = (0..model.pool.len()).filter(|member| self.may_be_chosen(*member)).count();
        match model.retry.attempts {
            Some(attempts) if attempts as usize == made && made < choosable => {
                format!("`retry.attempts` is {attempts}")
            }
            _ if made >= story.allowed => "nobody is left".to_owned(),
            _ => format!("the retry budget of {}% is spent", model.retry.budget),
        }
    }

    fn has_ended_by_itself(&self) -> bool {
        self.story.attempts.last().is_some_and(|last| !last.elsewhere)
    }

    fn is_bound(&self) -> bool {
        self.story.pinned.is_some() && self.model.affinity.as_ref().is_some_and(|a| a.required)
    }

    fn flows(&self, member: usize) -> bool {
        let admission = self.story.standings.get(member);
        matches!(admission, Some(Admission::Closed | Admission::Returning(_)))
    }

    fn may_be_chosen(&self, member: usize) -> bool {
        self.flows(member) || self.story.standings.get(member) == Some(&Admission::HalfOpen)
    }
}
