//! The story as a person reads it.

use crate::breaker::{Cause, Standing};
use crate::config::Model;
use crate::explain::Question;
use crate::explain::story::{DecidedBy, Story};
use crate::gateway::Gateway;
use crate::target::Target;

/// All of it.
pub(super) fn text(gateway: &Gateway, question: &Question, story: &Story) -> String {
    let mut lines = vec![line("path", &path(gateway, question))];
    if let Some(client) = &story.client {
        lines.push(line("client", client));
    }
    if let Some((id, decided_by)) = story.model
        && let Some(model) = gateway.config.models.get(id)
    {
        let teller = Teller { gateway, model, story };
        lines.push(line("model", &format!("{}, {}", model.name, by(decided_by))));
        lines.extend(teller.affinity().map(|said| line("affinity", &said)));
        lines.push(String::new());
        lines.extend(teller.table());
        lines.push(String::new());
    }
    lines.extend(ending(gateway, story));
    lines.join("\n") + "\n"
}

fn line(what: &str, said: &str) -> String {
    format!("{what:<10}{said}")
}

/// The path as the client sends it, but for a key in its query.
fn path(gateway: &Gateway, question: &Question) -> String {
    let (path, prefix) = (&question.head.path, &gateway.config.path_prefix);
    match Target::read(path, prefix) {
        Some(target) => format!("{prefix}{}", String::from_utf8_lossy(target.path())),
        None => {
            let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
            String::from_utf8_lossy(path).into_owned()
        }
    }
}

const fn by(decided_by: DecidedBy) -> &'static str {
    match decided_by {
        DecidedBy::Path => "by the deployment in the path",
        DecidedBy::Body => "by `model` in the body",
        DecidedBy::Cookie => "by the affinity cookie, as the request names none",
        DecidedBy::Default => "by `default_model`, as the request names none",
    }
}

/// What the client gets, and why nobody else is asked.
fn ending(gateway: &Gateway, story: &Story) -> Vec<String> {
    let ending = &story.ending;
    let model = story.model.and_then(|(id, _)| gateway.config.models.get(id));
    let teller = model.map(|model| Teller { gateway, model, story });
    let last = teller.as_ref().and_then(|teller| {
        let attempt = story.attempts.last()?;
        Some((teller.name(attempt.member), teller.end()))
    });
    let said = match (&ending.reply, last) {
        (None, Some((name, end))) => format!("{}, as {name} answered: {end}", ending.status),
        (None, None) => ending.status.to_string(),
        (Some(reply), None) => {
            format!("{} {}, and no backend is asked", reply.status, reply.reason)
        }
        (Some(reply), Some((_, end))) => format!("{} {}: {end}", reply.status, reply.reason),
    };
    let mut lines = vec![line("answer", &said)];
    if let Some(reply) = &ending.reply {
        for (name, value) in &reply.headers {
            lines.push(line("", &format!("{name}: {value}")));
        }
        if !reply.body.is_empty() {
            lines.push(line("", &String::from_utf8_lossy(&reply.body)));
        }
    }
    if ending.cookie
        && let Some(affinity) = model.and_then(|model| model.affinity.as_ref())
    {
        lines.push(line("", &format!("set-cookie: {}=…", affinity.cookie)));
    }
    lines
}

/// Tells of one model's pool.
struct Teller<'a> {
    gateway: &'a Gateway,
    model: &'a Model,
    story: &'a Story,
}

impl Teller<'_> {
    fn name(&self, member: usize) -> &str {
        let member = self.model.pool.get(member);
        let backend = member.and_then(|member| self.gateway.backend(member));
        backend.map_or("?", |backend| backend.name.as_str())
    }

    fn affinity(&self) -> Option<String> {
        let affinity = self.model.affinity.as_ref()?;
        Some(match self.story.pinned {
            Some(member) if affinity.required => {
                format!("the cookie requires {}", self.name(member))
            }
            Some(member) => format!("the cookie prefers {}", self.name(member)),
            None => "no cookie of this pool: whoever answers keeps the client".to_owned(),
        })
    }

    /// A row for each member: those that are asked, in this order, then the others.
    fn table(&self) -> Vec<String> {
        let mut rows = vec![["", "backend", "deployment", "answers", "why"].map(str::to_owned)];
        let asked = |member: &usize| self.story.attempts.iter().any(|a| a.member == *member);
        for (at, attempt) in self.story.attempts.iter().enumerate() {
            rows.push(self.row(
                (at + 1).to_string(),
                attempt.member,
                attempt.status.to_string(),
                self.why(at, attempt.member),
            ));
        }
        let mut others: Vec<usize> =
            (0..self.model.pool.len()).filter(|member| !asked(member)).collect();
        others.sort_by_key(|member| self.model.pool.get(*member).map(|member| member.priority));
        for member in others {
            rows.push(self.row("-".to_owned(), member, "-".to_owned(), self.why_not(member)));
        }
        aligned(&rows)
    }

    fn row(&self, number: String, member: usize, answer: String, why: String) -> [String; 5] {
        let deployment = self.model.pool.get(member).map(|member| member.deployment.clone());
        [number, self.name(member).to_owned(), deployment.unwrap_or_default(), answer, why]
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
            Some(Standing::HalfOpen) if at == 0 => {
                why.push("half-open: this request tries it".to_owned());
            }
            Some(Standing::HalfOpen) => why.push("half-open: nobody else is left".to_owned()),
            Some(Standing::Returning(_)) => why.push("coming back".to_owned()),
            _ => {}
        }
        why.join("; ")
    }

    /// Why this member was not asked.
    fn why_not(&self, member: usize) -> String {
        let priority = self.model.pool.get(member).map_or(0, |member| member.priority);
        let why = match self.story.standings.get(member) {
            Some(Standing::Shut(until, cause)) => {
                let after = match cause {
                    Cause::Throttled => "a 429",
                    Cause::Failed => "failures",
                };
                format!("circuit open for {}, after {after}", until.since(self.story.now))
            }
            Some(Standing::Probed(_)) => "half-open, and another request tries it".to_owned(),
            _ if self.is_bound() => "the cookie requires another".to_owned(),
            _ if self.story.attempts.is_empty() => "not asked".to_owned(),
            _ if self.has_ended_by_itself() => "not needed".to_owned(),
            _ => self.end(),
        };
        format!("priority {priority}; {why}")
    }

    /// Why nobody else is asked after the last attempt.
    fn end(&self) -> String {
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
        let standing = self.story.standings.get(member);
        matches!(standing, Some(Standing::Closed | Standing::Returning(_)))
    }

    fn may_be_chosen(&self, member: usize) -> bool {
        self.flows(member) || self.story.standings.get(member) == Some(&Standing::HalfOpen)
    }
}

/// The rows with their columns below each other; the last is as wide as it likes.
fn aligned(rows: &[[String; 5]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..5).map(width).collect();
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
