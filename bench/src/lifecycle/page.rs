//! The same for a reader.

use std::fmt::Write;

use super::Lifecycle;
use super::memory::FIRST;
use crate::statistics::Spread;

/// The section of `docs/benchmarks.md`.
pub(crate) fn section(measured: Option<&Lifecycle>) -> String {
    let Some(measured) = measured else {
        return "\n## Memory, start and reload\n\nNot in this run.\n".to_owned();
    };
    let mut text = MEMORY.to_owned();
    for point in &measured.memory.points {
        _ = writeln!(text, "| {} | {:.1} |", point.requests, point.resident as f64 / 1e6);
    }
    if let Some(growth) = measured.memory.growth() {
        _ = writeln!(
            text,
            "\nFrom {FIRST} requests to the last: **{:+.1} %** (bar: +5 %).",
            growth * 100.0
        );
    }
    text.push_str(START);
    for starts in &measured.starts {
        let of = |value: fn(&super::start::Start) -> f64| {
            shown(starts.rounds.iter().map(value).collect())
        };
        _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            starts.gateway,
            starts.backends,
            of(|start| start.ready),
            of(|start| start.cpu),
            of(|start| start.resident as f64 / 1e6)
        );
    }
    text.push_str(RELOAD);
    for reloads in &measured.reloads {
        let of = |value: fn(&super::reload::Change) -> f64| {
            shown(reloads.rounds.iter().map(value).collect())
        };
        _ = writeln!(
            text,
            "| {} | {} | {} | {} | 0 of {} |",
            reloads.backends,
            of(|change| change.answered),
            of(|change| change.told),
            of(|change| change.cpu),
            reloads.load
        );
    }
    text
}

/// The median, in brackets the least and the most.
fn shown(values: Vec<f64>) -> String {
    let Some(Spread { median, least, most }) = Spread::of(values) else { return String::new() };
    format!("{median:.0} ({least:.0}–{most:.0})")
}

const MEMORY: &str = "
## Memory

Resident memory of Spillway's Envoy, one worker on one processor, after so many chat requests of 1 KB
with everything on, by 32 clients in a closed loop.

| requests | resident MB |
|---:|---:|
";

const START: &str = "
## Start

From the process's start to the first answer through it, on all processors, with 2 workers; CPU and
memory are of all its processes. Spillway is `spillway up` with client keys, affinity and an access
log. Bare Envoy has as many clusters, and no access log.

| gateway | backends | ready after ms | CPU ms | resident MB |
|---|---:|---:|---:|---:|
";

const RELOAD: &str = "
## Reload

`spillway up` follows its file. From the file's replacement to the first answer that only the new one can
bring about (a model's new name, a backend's new place), and until `up` says that all is taken. One
backend and one model change, under 50 requests a second, whose CPU time is counted in.

| backends | answered after ms | told after ms | CPU ms | requests failed |
|---:|---:|---:|---:|---:|
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{memory, reload, start};

    #[test]
    fn the_page_says_what_was_measured() {
        let start = |ready| start::Start { ready, cpu: 700.0, resident: 90_000_000 };
        let measured = Lifecycle {
            memory: memory::Memory {
                points: vec![
                    memory::Point { requests: FIRST, resident: 100_000_000 },
                    memory::Point { requests: 20_000, resident: 103_000_000 },
                ],
            },
            starts: vec![start::Starts {
                gateway: "Spillway".into(),
                backends: 500,
                rounds: vec![start(900.0), start(1100.0), start(1000.0)],
            }],
            reloads: vec![reload::Reloads {
                backends: 5,
                rounds: vec![reload::Change { answered: 301.0, told: 400.0, cpu: 90.0 }],
                load: 250,
            }],
        };
        let text = section(Some(&measured));
        for line in [
            "| 10000 | 100.0 |",
            "From 10000 requests to the last: **+3.0 %**",
            "| Spillway | 500 | 1000 (900–1100) | 700 (700–700) | 90 (90–90) |",
            "| 5 | 301 (301–301) | 400 (400–400) | 90 (90–90) | 0 of 250 |",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(section(None).contains("Not in this run"));
    }
}
