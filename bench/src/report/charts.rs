//! The charts of a run; one whose works are not in it is not drawn.

use spillway_figures::{Bar, Colour, Dash, Lines, Panel, Pen, Scale, Series, bars, rounded};

use crate::gateways::{BARE, LUA, NGINX, SPILLWAY};
use crate::results::{Measured, Results};
use crate::work::EVERYTHING;

/// File names and what is in them.
pub(super) fn charts(results: &Results) -> Vec<(&'static str, String)> {
    let all = [
        (
            "cpu-of-a-request.svg",
            by_gateway(
                results.work(EVERYTHING),
                "CPU of a chat request of 1 KB with all that production has on",
                "CPU µs a request",
            ),
        ),
        (
            "cpu-of-a-stream.svg",
            by_gateway(
                results.work("stream_500"),
                "CPU of a stream of 500 chunks with its tokens",
                "CPU µs a stream",
            ),
        ),
        ("cpu-by-body.svg", by_body(results)),
        ("cpu-by-pool.svg", by_pool(results)),
    ];
    all.into_iter().filter_map(|(name, svg)| Some((name, svg?))).collect()
}

fn by_gateway(work: Option<&Measured>, title: &str, unit: &str) -> Option<String> {
    let work = work?;
    let bar = |name: &String| {
        Some(Bar { name: name.clone(), value: cpu(work, name)?, colour: colour(name) })
    };
    let mut all: Vec<Bar> = work.rounds.keys().filter_map(bar).collect();
    all.sort_by(|one, other| one.value.total_cmp(&other.value));
    // They differ by factors of a hundred.
    let scale = Scale::logarithmic(all.iter().map(|bar| bar.value));
    (!all.is_empty()).then(|| bars(title, unit, scale, &all))
}

fn by_body(results: &Results) -> Option<String> {
    let by_path = [EVERYTHING, "chat_64k", "chat_1m"];
    let by_body = ["responses_1k", "responses_64k", "responses_1m"];
    let all: Vec<Line> = [
        (SPILLWAY, "routed by its path", by_path, Dash::Solid),
        (BARE, "streaming the body", by_path, Dash::Solid),
        (SPILLWAY, "routed by its body", by_body, Dash::Dashed),
        (BARE, "holding the body", by_body, Dash::Dashed),
    ]
    .into_iter()
    .filter_map(|(gateway, what, keys, dash)| {
        line(results, gateway, &format!("{gateway}, {what}"), &keys, dash)
    })
    .collect();
    let scale = Scale::logarithmic(values(&all));
    let sizes = ["1 KB", "64 KB", "1 MB"];
    (!all.is_empty()).then(|| chart("CPU of a request by the size of its body", scale, &sizes, all))
}

fn by_pool(results: &Results) -> Option<String> {
    let keys = ["pool_2", "pool_20", "pool_200", "pool_1000"];
    let all: Vec<Line> =
        [(SPILLWAY, Dash::Solid), (BARE, Dash::Solid), (LUA, Dash::Dashed), (NGINX, Dash::Solid)]
            .into_iter()
            .filter_map(|(gateway, dash)| line(results, gateway, gateway, &keys, dash))
            .collect();
    let scale = Scale::linear(values(&all), 10);
    let sizes = ["2 members", "20", "200", "1,000"];
    // Of a pool of two alone there is nothing to see.
    all.iter()
        .any(|line| line.points.len() > 1)
        .then(|| chart("CPU of a request by the size of the pool", scale, &sizes, all))
}

/// A gateway's line, or one of its two.
struct Line {
    series: Series,
    /// Which of the sizes, and its value there.
    points: Vec<(usize, f64)>,
}

fn line(results: &Results, gateway: &str, name: &str, keys: &[&str], dash: Dash) -> Option<Line> {
    let points: Vec<(usize, f64)> = keys
        .iter()
        .enumerate()
        .filter_map(|(place, key)| Some((place, cpu(results.work(key)?, gateway)?)))
        .collect();
    let pen = Pen { colour: colour(gateway), dash };
    (!points.is_empty()).then(|| Line { series: Series { name: name.to_owned(), pen }, points })
}

/// The lines over these sizes.
fn chart(title: &str, scale: Scale, sizes: &[&str], all: Vec<Line>) -> String {
    let unit = "CPU µs a request";
    let words: Vec<String> = all
        .iter()
        .map(|line| {
            let values: Vec<_> = line.points.iter().map(|(_, value)| rounded(*value)).collect();
            format!("{} {}", line.series.name, values.join(", "))
        })
        .collect();
    // Every size gets the same width, and its point is in the middle.
    let place = |number: usize| (number as f64 + 0.5) / sizes.len() as f64;
    let axis = sizes.iter().enumerate().map(|(number, size)| (place(number), (*size).to_owned()));
    let across = |line: &Line| line.points.iter().map(|(at, value)| (place(*at), *value)).collect();
    let lines = all.iter().map(across).collect();
    Lines {
        title: title.to_owned(),
        words: format!("{title}, {unit}, for {}: {}", sizes.join(", "), words.join("; ")),
        axis: axis.collect(),
        panels: vec![Panel { unit: unit.to_owned(), scale, lines }],
        series: all.into_iter().map(|line| line.series).collect(),
    }
    .svg()
}

fn values(all: &[Line]) -> impl Iterator<Item = f64> {
    all.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value))
}

/// The two gateways that matter have a colour each.
fn colour(gateway: &str) -> Colour {
    if gateway.starts_with(SPILLWAY) {
        Colour::Blue
    } else if gateway.starts_with(BARE) {
        Colour::Grey
    } else {
        Colour::Amber
    }
}

fn cpu(work: &Measured, gateway: &str) -> Option<f64> {
    Some(work.spread(gateway, |round| round.cpu)?.median)
}
