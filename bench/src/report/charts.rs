//! The charts of a run; one whose works are not in it is not drawn.

use crate::chart::{Line, Scale, bars, lines};
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
    let mut all: Vec<(String, f64)> =
        work.rounds.keys().filter_map(|name| Some((name.clone(), cpu(work, name)?))).collect();
    all.sort_by(|one, other| one.1.total_cmp(&other.1));
    (!all.is_empty()).then(|| bars(title, unit, &all))
}

fn by_body(results: &Results) -> Option<String> {
    let by_path = [EVERYTHING, "chat_64k", "chat_1m"];
    let by_body = ["responses_1k", "responses_64k", "responses_1m"];
    let all: Vec<Line> = [
        (SPILLWAY, "routed by its path", by_path, false),
        (BARE, "streaming the body", by_path, false),
        (SPILLWAY, "routed by its body", by_body, true),
        (BARE, "holding the body", by_body, true),
    ]
    .into_iter()
    .filter_map(|(gateway, what, keys, dashed)| {
        line(results, gateway, &format!("{gateway}, {what}"), &keys, dashed)
    })
    .collect();
    let values = all.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value));
    let scale = Scale::logarithmic(values);
    let sizes = ["1 KB", "64 KB", "1 MB"].map(str::to_owned);
    (!all.is_empty()).then(|| {
        lines("CPU of a request by the size of its body", "CPU µs a request", scale, &sizes, &all)
    })
}

fn by_pool(results: &Results) -> Option<String> {
    let keys = ["pool_2", "pool_20", "pool_200", "pool_1000"];
    let all: Vec<Line> = [(SPILLWAY, false), (BARE, false), (LUA, true), (NGINX, false)]
        .into_iter()
        .filter_map(|(gateway, dashed)| line(results, gateway, gateway, &keys, dashed))
        .collect();
    // Of a pool of two alone there is nothing to see.
    all.iter().any(|line| line.points.len() > 1).then(|| {
        let scale =
            Scale::linear(all.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value)));
        let sizes = ["2 members", "20", "200", "1,000"].map(str::to_owned);
        lines("CPU of a request by the size of the pool", "CPU µs a request", scale, &sizes, &all)
    })
}

fn line(results: &Results, gateway: &str, name: &str, keys: &[&str], dashed: bool) -> Option<Line> {
    let points: Vec<(usize, f64)> = keys
        .iter()
        .enumerate()
        .filter_map(|(place, key)| Some((place, cpu(results.work(key)?, gateway)?)))
        .collect();
    (!points.is_empty()).then(|| Line { name: name.to_owned(), dashed, points })
}

fn cpu(work: &Measured, gateway: &str) -> Option<f64> {
    Some(work.spread(gateway, |round| round.cpu)?.median)
}
