//! The report as lines of text.
//!
//! Every state is a word and a shape, so nothing is lost where there is no colour; there is none.

use std::net::SocketAddr;

use super::numbers::{bars, clock, counted, part, percent, span, used};
use spillway::breaker::Unavailability;
use spillway::status::Report;
use spillway::status::report::{self, Failover, Member, Model, Refused};
use spillway_figures::grouped;

/// How it is to look.
pub(super) struct Look {
    /// Columns that there are; `None`: as many as are wanted.
    pub(super) width: Option<usize>,
    /// Whether quiet members of large pools are shown too.
    pub(super) all: bool,
    /// Whether headings may be bold.
    pub(super) bold: bool,
}

/// The lines.
pub(super) fn screen(report: &Report, at: SocketAddr, look: &Look) -> Vec<String> {
    let mut lines = vec![
        format!(
            "Spillway {} at {at}, {} UTC, configuration {} loaded {} ago",
            report.spillway,
            clock(report.now_ms),
            report.config.digest,
            span(report.now_ms.saturating_sub(report.config.loaded_ms)),
        ),
        format!("Counts of the last {}, {}", span(report.span_ms), workers(report)),
    ];
    lines.extend(report.config.refused.as_ref().map(|what| refused(what, report.now_ms)));
    lines.extend(body(report, look, &|_, member| state(member)));
    look.fit(&mut lines);
    lines
}

/// A member's state, as it is shown.
pub(super) type State = String;

/// The tables: each model's, with what is said of the state of each of its members, and the failovers'.
pub(super) fn body(
    report: &Report,
    look: &Look,
    state: &dyn Fn(&Model, &Member) -> State,
) -> Vec<String> {
    let mut lines = Vec::new();
    for model in &report.models {
        lines.push(String::new());
        lines.push(heading(&title(model), look));
        lines.extend(table(&rows(model, look, state)).into_iter().map(|line| format!("  {line}")));
    }
    lines.push(String::new());
    lines.push(heading("Recent failovers", look));
    if report.failovers.is_empty() {
        lines.push("  none".to_owned());
    }
    let failovers: Vec<Vec<String>> = report.failovers.iter().take(FAILOVERS).map(told).collect();
    lines.extend(table(&failovers).into_iter().map(|line| format!("  {line}")));
    lines
}

impl Look {
    /// Cuts what is wider than the terminal.
    pub(super) fn fit(&self, lines: &mut [String]) {
        if let Some(width) = self.width {
            lines.iter_mut().for_each(|line| shorten(line, width));
        }
    }
}

pub(super) fn refused(what: &Refused, now_ms: u64) -> String {
    let ago = span(now_ms.saturating_sub(what.at_ms));
    let problems = counted(what.problems as u64, "problem", "problems");
    let places = if what.places.is_empty() { "" } else { ": " };
    let places = format!("{places}{}", what.places.join(", "));
    format!("A newer configuration was refused {ago} ago, with {problems}{places}")
}

fn workers(report: &Report) -> String {
    let now = report.now_ms;
    let newest = report.workers.iter().map(|worker| worker.seen_ms).max();
    match (report.workers.len(), newest) {
        (count, Some(newest)) => {
            let count = counted(count as u64, "worker", "workers");
            format!("by {count}, the newest {} old", span(now.saturating_sub(newest)))
        }
        _ => "in which nothing was asked".to_owned(),
    }
}

fn title(model: &Model) -> String {
    let used = match model.tokens.total() {
        Some(total) => counted(total, "token", "tokens"),
        None => "tokens unknown".to_owned(),
    };
    format!(
        "{}: {}, {} answered, {}, {used}",
        model.name,
        counted(model.requests, "request", "requests"),
        grouped(model.answered),
        counted(model.failovers, "failover", "failovers"),
    )
}

fn rows(model: &Model, look: &Look, state: &dyn Fn(&Model, &Member) -> State) -> Vec<Vec<String>> {
    let head = ["tier", "backend", "state", "next", "share", "answered", "429", "failed"];
    let head = head.into_iter().chain(["prompt", "completion", "headroom", "by time"]);
    let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).collect()];
    let answered: u64 = model.members().map(|member| member.answered).sum();
    let most = model.members().flat_map(|member| member.timeline.iter().copied()).max();
    for tier in &model.tiers {
        let large = tier.members.len() > LARGE && !look.all;
        let (shown, quiet): (Vec<&Member>, Vec<&Member>) =
            tier.members.iter().partition(|member| !large || stands_out(member));
        for member in shown {
            rows.push(vec![
                tier.priority.to_string(),
                member.backend.clone(),
                state(model, member),
                percent(member.next_share),
                part(member.answered, answered),
                grouped(member.answered),
                grouped(member.throttled),
                grouped(member.failed.saturating_add(member.refused)),
                used(member.tokens.prompt, member.answered),
                used(member.tokens.completion, member.answered),
                member.headroom.map_or_else(|| "–".to_owned(), percent),
                bars(&member.timeline, most.unwrap_or_default()),
            ]);
        }
        if !quiet.is_empty() {
            let sum: u64 = quiet.iter().map(|member| member.answered).sum();
            let share: f64 = quiet.iter().map(|member| member.next_share).sum();
            rows.push(vec![
                tier.priority.to_string(),
                format!("and {} more", quiet.len()),
                "● closed".to_owned(),
                percent(share),
                part(sum, answered),
                grouped(sum),
            ]);
        }
    }
    rows
}

/// What one looks for in a large pool.
fn stands_out(member: &Member) -> bool {
    member.state != report::State::Closed || member.throttled + member.failed + member.refused > 0
}

/// A member's state at one gateway.
pub(super) fn state(member: &Member) -> State {
    let why = match member.cause {
        Some(Unavailability::Throttled) => "throttled",
        Some(Unavailability::Failed) => "failed",
        None => "",
    };
    let more = match (member.state, member.remaining_ms, member.returning) {
        (report::State::Open, Some(left), _) => format!(" {why}, {} left", span(left)),
        (report::State::Returning, _, Some(part)) => format!(" {}", percent(part)),
        _ => String::new(),
    };
    let shape = match member.state {
        report::State::Closed => '●',
        report::State::Returning => '◐',
        report::State::HalfOpen | report::State::Probing => '○',
        report::State::Open => '■',
    };
    format!("{shape} {}{more}", member.state.word())
}

fn told(failover: &Failover) -> Vec<String> {
    let status = failover.status.map(|status| format!(" {status}")).unwrap_or_default();
    vec![
        clock(failover.at_ms),
        failover.model.clone(),
        format!("{} → {}", failover.from, failover.to.as_deref().unwrap_or("?")),
        format!("{}{status}", failover.cause.replace('_', " ")),
    ]
}

/// Cells in columns: text to the left, numbers to the right.
fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            let is_number = (3..columns.saturating_sub(1)).contains(&at) && columns > 4;
            if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn heading(text: &str, look: &Look) -> String {
    if look.bold { format!("{BOLD}{text}{PLAIN}") } else { text.to_owned() }
}

/// Cuts what the terminal would wrap; the marks for bold take no room.
fn shorten(line: &mut String, width: usize) {
    let marks = if line.starts_with(BOLD) { BOLD.len() + PLAIN.len() } else { 0 };
    if line.chars().count() > width + marks {
        let kept = width.saturating_sub(1) + if marks > 0 { BOLD.len() } else { 0 };
        let cut: String = line.chars().take(kept).collect();
        *line = if marks > 0 { format!("{cut}…{PLAIN}") } else { format!("{cut}…") };
    }
}

const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// From so many members of a tier on, the quiet ones are only counted.
const LARGE: usize = 12;

/// As many as one takes in at a glance.
const FAILOVERS: usize = 10;

#[cfg(test)]
pub(super) mod tests;
