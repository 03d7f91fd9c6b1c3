//! The table of a work: a line for each gateway, the cheapest first.

use std::fmt::Write;

use spillway_figures::rounded;

use crate::backend::CHUNKS;
use crate::gateways::BARE;
use crate::results::Measured;
use crate::round::Round;
use crate::statistics::Spread;

/// A work with its title.
pub(super) fn table(work: &Measured) -> String {
    let columns = columns(work);
    let mut text = format!("\n### {}\n\n| gateway |", work.title);
    for column in &columns {
        _ = write!(text, " {} |", column.title);
    }
    _ = writeln!(text, "\n|---|{}", "---:|".repeat(columns.len()));
    let mut lines: Vec<(f64, String)> = work
        .rounds
        .keys()
        .map(|name| match work.spread(name, cpu) {
            Some(its) => (its.median, line(work, name, &columns)),
            None => (f64::MAX, failed(work, name, columns.len())),
        })
        .collect();
    lines.sort_by(|one, other| one.0.total_cmp(&other.0));
    lines.iter().for_each(|(_, line)| text.push_str(line));
    text
}

struct Column {
    title: &'static str,
    /// Of a gateway in this work.
    value: fn(&Measured, &str) -> Option<String>,
}

fn columns(work: &Measured) -> Vec<Column> {
    let any = |of: fn(&Round) -> bool| work.rounds.values().flatten().any(of);
    let mut columns = vec![];
    let mut column = |title, value| columns.push(Column { title, value });
    if any(|round| round.chunk_p50.is_some()) {
        column("CPU µs a stream", |work, name| ranged(work.spread(name, cpu)?));
        column("a chunk", |work, name| {
            Some(rounded(work.spread(name, cpu)?.median / CHUNKS as f64))
        });
        column("over bare Envoy", over_bare);
        column("chunk p50 µs", |work, name| {
            ranged(work.spread(name, |round| round.chunk_p50.unwrap_or_default())?)
        });
        column("chunk p99 µs", |work, name| {
            ranged(work.spread(name, |round| round.chunk_p99.unwrap_or_default())?)
        });
        if any(|round| round.first_content_p50.is_some()) {
            column("first content p50 µs", |work, name| {
                ranged(Spread::of(work.known(name, |round| round.first_content_p50)?)?)
            });
        }
        if any(|round| round.chunk_late.is_some()) {
            column("late chunks %", |work, name| {
                let share = |round: &Round| round.chunk_late.map(|share| 100.0 * share);
                ranged(Spread::of(work.known(name, share)?)?)
            });
        }
    } else {
        column("CPU µs a request", |work, name| ranged(work.spread(name, cpu)?));
        column("over bare Envoy", over_bare);
        column("p50 µs", |work, name| ranged(work.spread(name, |round| round.p50)?));
        column("p99 µs", |work, name| ranged(work.spread(name, |round| round.p99)?));
    }
    if any(|round| round.announced.is_some()) {
        column("of 100 requests, at the throttled backend", |work, name| {
            let share = |round: &Round| 100.0 * of_the_first(round);
            Some(rounded(work.spread(name, share)?.median))
        });
        column("the most within the announced time", |work, name| {
            let most = |round: &Round| round.most_within.unwrap_or_default() as f64;
            Some(format!("{:.0}", work.spread(name, most)?.most))
        });
        column("of those, not on their way before", |work, name| {
            let most = |round: &Round| round.most_later.unwrap_or_default() as f64;
            Some(format!("{:.0}", work.spread(name, most)?.most))
        });
    }
    column("resident MB", |work, name| {
        Some(format!("{:.0}", work.spread(name, |round| round.resident as f64 / 1e6)?.median))
    });
    columns
}

fn line(work: &Measured, name: &str, columns: &[Column]) -> String {
    let mut text = format!("| {name} |");
    for column in columns {
        _ = write!(text, " {} |", (column.value)(work, name).unwrap_or_default());
    }
    text + "\n"
}

fn failed(work: &Measured, name: &str, columns: usize) -> String {
    let why = work.failure(name).unwrap_or_default().replace(['|', '\n'], " ");
    let why: String = why.chars().take(160).collect();
    format!("| {name} | fails requests: {why} {}\n", "| ".repeat(columns))
}

fn cpu(round: &Round) -> f64 {
    round.cpu
}

fn of_the_first(round: &Round) -> f64 {
    round.asked.first().copied().unwrap_or_default() as f64 / round.served.max(1) as f64
}

/// The median, with the least and the most.
fn ranged(it: Spread) -> Option<String> {
    Some(format!("{} ({}–{})", rounded(it.median), rounded(it.least), rounded(it.most)))
}

fn over_bare(work: &Measured, name: &str) -> Option<String> {
    let (its, bare) = (work.series(name, cpu)?, work.series(BARE, cpu)?);
    let ratio = Spread::of_pairs(&its, &bare, |its, bare| its / bare)?;
    Some(format!("{}×", rounded(ratio.median)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_stands_first_and_one_that_fails_has_no_number() {
        let round = |cpu, failed| Round {
            cpu,
            failed,
            failure: (failed > 0).then(|| "status 500 | oh".to_owned()),
            ..Round::default()
        };
        let rounds = [
            (BARE.to_owned(), vec![round(40.0, 0)]),
            ("a dear one".to_owned(), vec![round(100.0, 0)]),
            ("a failing one".to_owned(), vec![round(1.0, 2)]),
        ];
        let work = Measured { rounds: rounds.into(), ..Measured::default() };
        let text = table(&work);
        let names: Vec<_> = text.lines().skip(5).map(|line| line.split('|').nth(1)).collect();
        let wanted = [" bare Envoy ", " a dear one ", " a failing one "].map(Some);
        assert_eq!(names, wanted, "{text}");
        assert!(text.contains("| a dear one | 100 (100–100) | 2.50× |"), "{text}");
        assert!(text.contains("| a failing one | fails requests: status 500   oh |"), "{text}");
    }
}
