//! The runs as a picture: a panel for each of the report's lines, a curve for each run.

use super::Run;
use super::report::{Line, model};
use crate::cli::file::count;
use spillway::time::Millis;
use spillway_figures::{Lines, Panel, Pen, Scale, Series};

/// The whole picture.
pub(super) fn svg(runs: &[Run]) -> String {
    let Some(first) = runs.first() else { return String::new() };
    let names: Vec<String> = runs.iter().map(|run| count(run.plan.gateways, "gateway")).collect();
    let words = format!(
        "{}, over {}, with {}",
        Line::ALL.map(Line::title).join("; "),
        first.plan.length,
        names.join(", ")
    );
    let series = |(number, name)| Series { name, pen: Pen::of(number) };
    Lines {
        title: format!("{}, over time", model(&first.plan)),
        words,
        series: names.into_iter().enumerate().map(series).collect(),
        axis: times(first.plan.length),
        panels: Line::ALL.map(|line| panel(line, runs)).into(),
    }
    .svg()
}

fn panel(line: Line, runs: &[Run]) -> Panel {
    let lines: Vec<Vec<(f64, f64)>> = runs.iter().map(|run| curve(line, run)).collect();
    let values = lines.iter().flatten().map(|(_, value)| *value);
    // Less than one a second, or one in a hundred, is not drawn large.
    let scale = Scale::linear(values.chain([1.0]), 5);
    Panel { unit: line.title().to_owned(), scale, lines }
}

fn curve(line: Line, run: &Run) -> Vec<(f64, f64)> {
    let width = run.plan.interval.0 as f64 / run.plan.length.0.max(1) as f64;
    // A point is in the middle of its interval. The last interval may be longer than the run.
    let place = |at: usize| (width * (at as f64 + 0.5)).min(1.0);
    line.values(run).into_iter().enumerate().map(|(at, value)| (place(at), value)).collect()
}

/// The times below the panels.
fn times(length: Millis) -> Vec<(f64, String)> {
    let seconds = length.0 as f64 / 1000.0;
    let steps = [1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0, 86400.0];
    let step = steps.into_iter().find(|step| seconds / step <= MOST_TIMES).unwrap_or(seconds);
    let mut times = Vec::new();
    let mut at = 0.0;
    while at <= seconds {
        let shown = Millis((at * 1000.0) as u64);
        let shown = if shown.0 == 0 { "0".to_owned() } else { shown.to_string() };
        times.push((at / seconds.max(1.0), shown));
        at += step;
    }
    times
}

const MOST_TIMES: f64 = 12.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_length_has_too_many_times() {
        for minutes in [1, 7, 10, 61, 60 * 24 * 365] {
            let times = times(Millis(minutes * 60_000));
            assert!((2..=13).contains(&times.len()), "{minutes} minutes: {times:?}");
            assert_eq!(
                times.first().map(|(place, text)| (*place, text.as_str())),
                Some((0.0, "0"))
            );
        }
    }
}
