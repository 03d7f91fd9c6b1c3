//! What a run has measured, for a reader: `docs/benchmarks.md`.

use std::fmt::Write;

use crate::backend::CHUNKS;
use crate::gateways::{BARE, SPILLWAY};
use crate::lifecycle;
use crate::results::{Measured, Results};
use crate::round::Round;
use crate::work;

/// The whole page.
pub(crate) fn page(results: &Results) -> String {
    let mut text = HEAD.to_owned();
    let machine = &results.machine;
    _ = writeln!(
        text,
        "Measured on {} processors ({}), Linux {}. One processor is the gateway's, backends and \
         clients have the rest. Medians of the rounds, in brackets the least and the most.\n",
        machine.processors, machine.processor, machine.kernel
    );
    let versions = results.versions.iter().map(|(name, version)| format!("{name} {version}"));
    _ = writeln!(text, "Versions: {}.", versions.collect::<Vec<_>>().join(", "));
    for (name, why) in &results.left_out {
        _ = writeln!(text, "Left out: {name}, as {why}.");
    }
    if let Some(ratio) = results.cpu_ratio_to_bare_envoy {
        _ = writeln!(
            text,
            "\nWith client keys, circuits, affinity, tokens, metrics and a written access log, \
             {SPILLWAY} takes **{ratio:.2} times** the CPU of {BARE} for a chat request."
        );
    }
    for work in &results.works {
        text.push_str(&table(work));
    }
    text.push_str(&lifecycle::section(results.lifecycle.as_ref()));
    text.push_str(TAIL);
    for work in work::ALL {
        if results.works.iter().all(|measured| measured.key != work.key) {
            _ = writeln!(text, "- {}: not in this run.", work.title);
        }
    }
    text
}

fn table(work: &Measured) -> String {
    let streamed = work.rounds.values().flatten().any(|round| round.chunk_p50.is_some());
    let (unit, last) = if streamed {
        ("CPU µs a stream | CPU µs a chunk", "chunk p50 µs | chunk p99 µs")
    } else {
        ("CPU µs a request", "p50 µs | p99 µs")
    };
    let mut text = format!(
        "\n## {}\n\n| gateway | {unit} | over {BARE} | {last} | resident MB |\n",
        work.title
    );
    let columns = if streamed { 7 } else { 6 };
    _ = writeln!(text, "|---{}", "|---:".repeat(columns - 1) + "|");
    let mut lines: Vec<(f64, String)> = Vec::new();
    for name in work.rounds.keys() {
        match line(work, name, streamed) {
            Some(line) => lines.push(line),
            None => lines.push((
                f64::MAX,
                format!("| {name} | fails requests{} |", " | ".repeat(columns - 2)),
            )),
        }
    }
    lines.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (_, line) in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn line(work: &Measured, name: &str, streamed: bool) -> Option<(f64, String)> {
    let cpu = |round: &Round| round.cpu;
    let median = work.median(name, cpu)?;
    let (least, most) = work.spread(name, cpu)?;
    let ratio =
        work.median(BARE, cpu).map_or(String::new(), |bare| format!("{:.2}×", median / bare));
    let mut text = format!("| {name} | {median:.0} ({least:.0}–{most:.0}) |");
    if streamed {
        _ = write!(text, " {:.1} |", median / CHUNKS as f64);
    }
    _ = write!(text, " {ratio} |");
    let times: [fn(&Round) -> f64; 2] = if streamed {
        [|round| round.chunk_p50.unwrap_or_default(), |round| round.chunk_p99.unwrap_or_default()]
    } else {
        [|round| round.p50, |round| round.p99]
    };
    for time in times {
        _ = write!(text, " {:.0} |", work.median(name, time)?);
    }
    let resident = work.median(name, |round| round.resident as f64)? / 1e6;
    _ = write!(text, " {resident:.0} |");
    Some((median, text))
}

const HEAD: &str = "# Benchmarks

<!-- Written by `make bench`, from bench/results/latest.json. -->

`make bench` measures what Spillway costs, beside bare Envoy, which is the limit of what a filter in it
can reach, and the gateways that one would pick instead. All do the same work in the same run, in
turns, before the same backends, which answer at once. Every answer is checked: a gateway that fails
requests gets no number.

CPU time comes first: user and system time of the gateway's processes, over the requests that it has
answered. It is what a gateway costs, and it is far steadier than wall time.

";

const TAIL: &str = "
## How to read it

- Closed loop (CPU): 16 clients, each sending its next request when it has its answer. Open loop
  (latency): requests at a constant rate, each timed from when it was due, not from when a connection
  was free for it, so that a gateway that stalls is late for all that were due meanwhile.
- A chunk's time is from the backend's sending it to the client's having it, on one clock. Bare Envoy's
  is what the way itself takes.
- Bare Envoy has weighted clusters, a retry policy and the same access log; it reads no key, no model and
  no answer. Its clients are not told apart.

## What is not measured

- Long bodies, failover, affinity with a cookie, large pools, several workers; HAProxy.
";
