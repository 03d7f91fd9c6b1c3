//! The runs as text: what was played, the figures side by side, and how they went over time.

use std::collections::BTreeSet;

use super::Run;
use crate::simulate::figures::{capacity, first_tier};
use crate::simulate::plan::{Outage, Plan, Span};
use crate::simulate::record::{Deeds, Interval, percentile};
use crate::simulate::{Metering, Record};
use spillway::time::Millis;

/// The whole report.
pub(super) fn text(runs: &[Run]) -> String {
    let Some(first) = runs.first() else { return String::new() };
    let mut text = played(&first.plan).join("\n");
    text.push_str("\n\n");
    text.push_str(&aligned(&rows(runs)));
    let columns = first.plan.intervals().div_ceil(COLUMNS).max(1) as u64;
    let each = Millis(first.plan.interval.0 * columns);
    text.push_str(&format!("\nover time, {each} a column\n"));
    for line in Line::ALL {
        text.push('\n');
        text.push_str(&line.drawn(runs));
    }
    text
}

/// A share as a person reads it. It is rounded down: what is not reached is not said to be.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", (share * 1000.0).floor() / 10.0)
}

/// The name of the model that is asked for.
pub(super) fn model(plan: &Plan) -> &str {
    plan.gateway.route(plan.model).map_or("", |route| route.model.name.as_str())
}

/// What was played, in words.
fn played(plan: &Plan) -> Vec<String> {
    let traffic = &plan.traffic;
    let model = model(plan);
    let tokens = match traffic.tokens {
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least} to {most}"),
    };
    let mut lines = vec![format!(
        "{model} for {}: {} calls a second of {tokens} tokens, seed {}",
        plan.length, traffic.rate, plan.seed
    )];
    lines.extend(
        traffic.surges.iter().map(|(span, rate)| format!("  {rate} from {}", during(span))),
    );
    let pool = plan.gateway.route(plan.model).map(|route| &route.model.pool);
    for (member, region) in pool.into_iter().flatten().zip(&plan.regions) {
        let name = plan.gateway.backend(member).map_or("", |backend| backend.name.as_str());
        let capacity = match region.capacity {
            Some((Metering::Provisioned, tokens)) => {
                format!("provisioned, {tokens} tokens a minute")
            }
            Some((Metering::Standard, tokens)) => format!("standard, {tokens} tokens a minute"),
            None => "no limit".to_owned(),
        };
        lines.push(format!("{name}, priority {}: {capacity}", member.priority));
        lines.extend(region.outages.iter().map(|(span, outage)| {
            let what = match outage {
                Outage::Fails => "answers 503",
                Outage::Refuses => "takes no connection",
                Outage::Hangs => "never answers",
            };
            format!("  {what} from {}", during(span))
        }));
    }
    lines
}

fn during(span: &Span) -> String {
    format!(
        "{} to {}",
        if span.from.0 == 0 { "0s".to_owned() } else { span.from.to_string() },
        span.to
    )
}

/// The figures: a row for each, a column for each run.
fn rows(runs: &[Run]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |name: &str, cell: &dyn Fn(&Run) -> String| {
        rows.push(std::iter::once(name.to_owned()).chain(runs.iter().map(cell)).collect());
    };
    let none = || "none".to_owned();
    row("gateways", &|run| run.plan.gateways.to_string());
    row("first tier under overload", &|run| run.figures.utilisation.map_or_else(none, percent));
    let outages = runs.iter().map(|run| run.figures.recoveries.len()).max().unwrap_or_default();
    for outage in 0..outages {
        row("  back after its outage in", &|run| match run.figures.recoveries.get(outage) {
            Some(Some(time)) if time.0 == 0 => "0s".to_owned(),
            Some(Some(time)) => time.to_string(),
            _ => "never".to_owned(),
        });
    }
    row("  swings", &|run| run.figures.swings.to_string());
    row("calls", &|run| run.record.calls.to_string());
    row("  answered", &|run| run.record.answered.to_string());
    let kinds: BTreeSet<&String> = runs.iter().flat_map(|run| run.record.errors.keys()).collect();
    row("  errors", &|run| run.record.errors.values().sum::<u64>().to_string());
    for kind in kinds {
        row(&format!("    {kind}"), &|run| {
            run.record.errors.get(kind).copied().unwrap_or_default().to_string()
        });
    }
    row("  time, p50", &|run| time(&run.record, 50));
    row("  time, p99", &|run| time(&run.record, 99));
    let requests = |record: &Record| record.attempts.values().sum::<u64>();
    row("requests at gateways", &|run| requests(&run.record).to_string());
    row("  attempts, p50", &|run| attempts(&run.record, 50));
    row("  attempts, p99", &|run| attempts(&run.record, 99));
    row("  failovers", &|run| run.record.failovers().to_string());
    let backends = |of: fn(Deeds) -> u64| move |run: &Run| of(run.record.backends()).to_string();
    row("requests at backends", &backends(|all| all.served + all.throttled + all.failed));
    row("  served", &backends(|all| all.served));
    row("  throttled", &backends(|all| all.throttled));
    row("  failed", &backends(|all| all.failed));
    rows
}

fn time(record: &Record, percent: u64) -> String {
    percentile(&record.times, percent).map_or_else(|| "none".to_owned(), seconds)
}

fn seconds(Millis(millis): Millis) -> String {
    format!("{}.{:02}s", millis / 1000, millis % 1000 / 10)
}

fn attempts(record: &Record, percent: u64) -> String {
    percentile(&record.attempts, percent).map_or_else(|| "none".to_owned(), |n| n.to_string())
}

/// Names to the left, numbers to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = width(column).unwrap_or_default();
            match column {
                0 => text.push_str(&format!("{cell:width$}")),
                _ => text.push_str(&format!("  {cell:>width$}", width = width.max(LEAST_WIDTH))),
            }
        }
        text.push('\n');
    }
    text
}

/// Something that goes on over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    FirstTier,
    Throttled,
    Errors,
}

impl Line {
    pub(super) const ALL: [Self; 3] = [Self::FirstTier, Self::Throttled, Self::Errors];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::FirstTier => "first tier, % of its capacity",
            Self::Throttled => "throttled at backends, requests a second",
            Self::Errors => "errors at clients, calls a second",
        }
    }

    /// Its value in every interval.
    pub(super) fn values(self, run: &Run) -> Vec<f64> {
        let seconds = run.plan.interval.0 as f64 / 1000.0;
        let throttled = |interval: &Interval| {
            interval.regions.iter().map(|region| region.throttled).sum::<u64>()
        };
        let value = |interval: &Interval| match self {
            Self::FirstTier => {
                let served = first_tier(&run.plan, interval) as f64;
                100.0 * served / capacity(&run.plan).unwrap_or(f64::INFINITY)
            }
            Self::Throttled => throttled(interval) as f64 / seconds,
            Self::Errors => interval.errors as f64 / seconds,
        };
        run.record.intervals.iter().map(value).collect()
    }

    /// The line as characters, a row for each run, all of the same scale.
    fn drawn(self, runs: &[Run]) -> String {
        let all: Vec<Vec<f64>> = runs.iter().map(|run| condensed(&self.values(run))).collect();
        let most = all.iter().flatten().copied().fold(0.0, f64::max);
        let most = if self == Self::FirstTier { 100.0 } else { most };
        if most == 0.0 {
            return format!("{}: none\n", self.title());
        }
        let mut text = format!("{}: █ is {}\n", self.title(), plain(most));
        for (run, values) in runs.iter().zip(all) {
            let bars: String = values.iter().map(|value| bar(*value, most)).collect();
            let line = format!("{:>6}  {bars}", run.plan.gateways);
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// As few values as have room in a line, each the mean of as many.
fn condensed(values: &[f64]) -> Vec<f64> {
    let each = values.len().div_ceil(COLUMNS).max(1);
    values.chunks(each).map(|some| some.iter().sum::<f64>() / some.len() as f64).collect()
}

/// At most one decimal.
fn plain(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// Nothing is a space; whatever is more shows.
fn bar(value: f64, most: f64) -> char {
    let last = BARS.len() - 1;
    let height = if value > 0.0 { (value / most * last as f64).round().max(1.0) } else { 0.0 };
    BARS.get((height as usize).min(last)).copied().unwrap_or(' ')
}

const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const COLUMNS: usize = 72;
const LEAST_WIDTH: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_said_to_be_more_than_it_is() {
        assert_eq!([0.9499, 0.95, 1.0].map(percent), ["94.9%", "95.0%", "100.0%"]);
    }

    #[test]
    fn what_is_more_than_nothing_shows() {
        let bars = [0.0, 0.1, 50.0, 100.0, 120.0].map(|value| bar(value, 100.0));
        assert_eq!(bars, [' ', '▁', '▄', '█', '█']);
        assert_eq!(bar(0.0, 0.0), ' ');
    }

    #[test]
    fn long_runs_are_condensed() {
        assert_eq!(condensed(&[1.0; 73]).len(), 37);
        assert_eq!(condensed(&[]), Vec::<f64>::new());
    }
}
