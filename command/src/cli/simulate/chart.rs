//! The runs as a picture: a panel for each of the report's lines, a curve for each run.
//!
//! It looks like the demo's charts. It stands by itself, as a file in the docs does, so its style
//! is in it, for light and dark pages. The curves differ in their dashes too: colour is not needed
//! to tell them apart.

use std::fmt::Write;

use super::Run;
use super::report::{Line, plain};
use spillway::time::Millis;

/// The whole picture.
pub(super) fn svg(runs: &[Run]) -> String {
    let Some(first) = runs.first() else { return String::new() };
    let height = LEGEND + PANEL * Line::ALL.len() as f64 + BOTTOM;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>{}, over time</title>\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n",
        Line::ALL.map(Line::title).join("; ")
    );
    for (number, run) in runs.iter().enumerate() {
        let x = LEFT + 140.0 * number as f64;
        let name = crate::cli::file::count(run.plan.gateways, "gateway");
        _ = writeln!(
            text,
            "<path class=\"run run-{}\" d=\"M{x} 14h24\"/><text class=\"name\" x=\"{}\" y=\"18\">\
             {name}</text>",
            number % RUNS,
            x + 30.0
        );
    }
    for (number, line) in Line::ALL.into_iter().enumerate() {
        text.push_str(&panel(line, runs, LEGEND + PANEL * number as f64));
    }
    text.push_str(&times(first.plan.length, height - BOTTOM + 14.0));
    text.push_str("</svg>\n");
    text
}

fn panel(line: Line, runs: &[Run], top: f64) -> String {
    let all: Vec<Vec<f64>> = runs.iter().map(|run| line.values(run)).collect();
    let most = all.iter().flatten().copied().fold(1.0, f64::max);
    let step = round_step(most / MOST_TICKS);
    let scale = (most / step).ceil() * step;
    let (ceiling, floor) = (top + TITLE, top + PANEL - GAP);
    let y = |value: f64| floor - (floor - ceiling) * value / scale;
    let mut text = format!(
        "<text class=\"name\" x=\"{LEFT}\" y=\"{:.1}\">{}</text>\n",
        top + TITLE - 8.0,
        line.title()
    );
    for number in 0..=(scale / step).round() as u32 {
        let tick = f64::from(number) * step;
        _ = writeln!(
            text,
            "<path class=\"grid\" d=\"M{LEFT} {:.1}H{}\"/><text class=\"tick\" x=\"{}\" \
             y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            y(tick),
            WIDTH - RIGHT,
            LEFT - 5.0,
            y(tick) + 3.5,
            plain(tick)
        );
    }
    for (number, (run, values)) in runs.iter().zip(all).enumerate() {
        let width =
            (WIDTH - LEFT - RIGHT) * run.plan.interval.0 as f64 / run.plan.length.0.max(1) as f64;
        let mut path = String::new();
        for (at, value) in values.into_iter().enumerate() {
            // A value stands in the middle of its interval.
            let x = LEFT + width * (at as f64 + 0.5);
            let pen = if at == 0 { 'M' } else { 'L' };
            _ = write!(path, "{pen}{:.1} {:.1}", x.min(WIDTH - RIGHT), y(value));
        }
        _ = writeln!(text, "<path class=\"run run-{}\" d=\"{path}\"/>", number % RUNS);
    }
    text
}

/// The times below the panels.
fn times(length: Millis, y: f64) -> String {
    let seconds = length.0 as f64 / 1000.0;
    let steps = [1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0, 86400.0];
    let step = steps.into_iter().find(|step| seconds / step <= MOST_TIMES).unwrap_or(seconds);
    let mut text = String::new();
    let mut at = 0.0;
    while at <= seconds {
        let shown = Millis((at * 1000.0) as u64);
        let shown = if shown.0 == 0 { "0".to_owned() } else { shown.to_string() };
        let x = LEFT + (WIDTH - LEFT - RIGHT) * at / seconds.max(1.0);
        _ = writeln!(
            text,
            "<text class=\"tick\" x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{shown}</text>"
        );
        at += step;
    }
    text
}

/// The least of 1, 2, 5, 10, 20, 50 and so on that is not less.
fn round_step(least: f64) -> f64 {
    let mut power = 0.1;
    loop {
        for digit in [1.0, 2.0, 5.0] {
            if digit * power >= least {
                return digit * power;
            }
        }
        power *= 10.0;
    }
}

const STYLE: &str = ":root{color-scheme:light dark;--ink:#1d2430;--soft:#5a6472;--line:#d8dde4;\
--paper:#fff}@media(prefers-color-scheme:dark){:root{--ink:#e7ebf0;--soft:#a3adba;--line:#3a424d;\
--paper:#14181d}}text{font:12px system-ui,sans-serif;fill:var(--soft)}.name{fill:var(--ink);\
font-weight:600}.paper{fill:var(--paper)}.grid{stroke:var(--line)}.run{fill:none;stroke-width:1.8;\
stroke-linejoin:round}.run-0{stroke:#4c7fd1}.run-1{stroke:#e8a33d;stroke-dasharray:7 3}\
.run-2{stroke:#2a9d76;stroke-dasharray:2 3}.run-3{stroke:#b678b8;stroke-dasharray:10 3 2 3}";

/// How many runs are drawn differently.
const RUNS: usize = 4;

const WIDTH: f64 = 720.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 20.0;
const LEGEND: f64 = 26.0;
const PANEL: f64 = 150.0;
const TITLE: f64 = 30.0;
const GAP: f64 = 8.0;
const BOTTOM: f64 = 24.0;
const MOST_TICKS: f64 = 5.0;
const MOST_TIMES: f64 = 12.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_have_round_numbers() {
        let steps = [0.01, 0.3, 1.0, 3.0, 24.0, 70.0].map(round_step);
        assert_eq!(steps, [0.1, 0.5, 1.0, 5.0, 50.0, 100.0]);
    }

    #[test]
    fn no_length_has_too_many_times() {
        for minutes in [1, 7, 10, 61, 60 * 24 * 365] {
            let drawn = times(Millis(minutes * 60_000), 0.0);
            assert!((2..=13).contains(&drawn.lines().count()), "{minutes} minutes: {drawn}");
        }
    }
}
