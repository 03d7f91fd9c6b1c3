//! The table: what was counted, and how it changed since the counts that are committed.
//!
//! `counts.json` holds those. It is written by `make accept-counts`, which whoever made something
//! cheaper, or dearer for a reason, runs and commits with the change. Another compiler, or another
//! standard library in C, counts otherwise: both stand in the file, and the report says so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spillway_figures::grouped;

/// What each benchmark counts, in the order of the table.
const WHAT: [(&str, &str); 17] = [
    ("answered", "A chat request of 1 KB, from its arrival to its end: the first backend answers"),
    (
        "failed_over",
        "The same; the first backend answers 429 with `Retry-After`, the second answers",
    ),
    (
        "asks_by_its_body",
        "A chat request for a stream, whose body names the model last, arrives and gets a backend",
    ),
    ("read_stream", "An answer of 500 chunks passes, each an event, with the usage at its end"),
    (
        "choose",
        "A member of a pool is chosen and has had its turn; half open: every second circuit is open",
    ),
    (
        "arrive_and_start",
        "A request arrives, gets a backend of such a pool, and its attempt starts",
    ),
    ("find_model", "`model` is found in a body that is read, at its beginning or at its end"),
    ("pass_unread", "It is found in one that passes unread, and moves to its end"),
    ("check_key", "A client's key is checked"),
    ("read_cookie", "An affinity cookie is read"),
    (
        "find_model_of_cookie",
        "A request with 16 KB of cookies that names no model finds the one that its cookie leads to",
    ),
    ("make_cookie", "An affinity cookie is made"),
    ("read_board", "The breaker store of circuits that are not closed is read from its bytes"),
    ("write_board", "It is written"),
    ("measure_it", "A request that is over is made into samples of metrics"),
    ("check", "A configuration file is read and checked"),
    ("make_ready", "A checked configuration is made ready for requests"),
];

/// What one benchmark counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Instructions.
    pub instructions: u64,
    /// Cycles, as Callgrind estimates them from a simple model of caches.
    pub cycles: u64,
}

/// All counts of one run, and what they were counted with.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Compiler, library and counter.
    pub with: String,
    /// By the benchmark's name and what it was given.
    pub counts: BTreeMap<String, BTreeMap<String, Count>>,
}

impl Counts {
    /// Reads what Gungraun left in a folder.
    ///
    /// # Errors
    /// What is missing there, or a benchmark that the table knows nothing of.
    pub fn read(folder: &Path, with: &str) -> Result<Self> {
        let mut counts = BTreeMap::<String, BTreeMap<String, Count>>::new();
        let entries = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
        for entry in entries {
            let file = entry?.path().join("summary.json");
            let text = fs::read(&file).with_context(|| format!("{}", file.display()))?;
            let summary: Value = serde_json::from_slice(&text)?;
            let name = |field| summary[field].as_str().context("a summary without a name");
            let count = |metric: &str| {
                let path = format!("/profiles/0/data/total/metrics/{metric}/values/new");
                summary.pointer(&path).and_then(Value::as_u64).with_context(|| path)
            };
            let (function, given) = (name("function_name")?, name("id")?);
            if !WHAT.iter().any(|(known, _)| *known == function) {
                bail!("what {function} counts is not said in bench/core/src/report.rs");
            }
            let count = Count { instructions: count("Ir")?, cycles: count("EstimatedCycles")? };
            counts.entry(function.to_owned()).or_default().insert(given.to_owned(), count);
        }
        if let Some((name, _)) = WHAT.iter().find(|(name, _)| !counts.contains_key(*name)) {
            bail!("{name} was not counted");
        }
        Ok(Self { with: with.to_owned(), counts })
    }

    /// The table in Markdown.
    pub fn table(&self) -> String {
        let mut text = String::from("| what | given | instructions | estimated cycles |\n");
        text.push_str("|---|---|--:|--:|\n");
        for (name, what) in WHAT {
            let mut what = what;
            for (given, Count { instructions, cycles }) in in_order(&self.counts[name]) {
                let (instructions, cycles) = (grouped(*instructions), grouped(*cycles));
                let given = given.replace('_', " ");
                let _ = writeln!(text, "| {what} | {given} | {instructions} | {cycles} |");
                what = "";
            }
        }
        text
    }

    /// The same for a terminal, with the change against counts from before.
    pub fn against(&self, before: &Self) -> String {
        let mut text = format!("{:33}{:>14}{:>14}  change\n", "", "instructions", "cycles, est.");
        for (name, _) in WHAT {
            for (given, count) in in_order(&self.counts[name]) {
                let what = format!("{name} {given}");
                let old = before.counts.get(name).and_then(|of_name| of_name.get(given));
                let (instructions, cycles) = (grouped(count.instructions), grouped(count.cycles));
                let change = change(old, count);
                let _ = writeln!(text, "{what:33}{instructions:>14}{cycles:>14}  {change}");
            }
        }
        text
    }

    /// How many times the instructions of choosing among two are those of choosing among 1,000.
    pub fn ratios(&self) -> String {
        let mut text = String::new();
        for (name, what) in
            [("choose", "choosing alone"), ("arrive_and_start", "arrival and start")]
        {
            for state in ["healthy", "half_open"] {
                let of =
                    |members: u32| self.counts[name][&format!("{state}_{members}")].instructions;
                let times = of(1000) as f64 / of(2) as f64;
                let _ = writeln!(text, "- {what}, {}: {times:.1} times", state.replace('_', " "));
            }
        }
        text
    }
}

/// By the number in it, as a reader expects it: 2, 20, 200, 1000.
fn in_order(counts: &BTreeMap<String, Count>) -> Vec<(&String, &Count)> {
    let key = |given: &str| {
        let number: Option<u64> = given.split('_').find_map(|word| word.parse().ok());
        let unit = if given.ends_with("mb") { 1000 } else { 1 };
        let state = given.starts_with("half_open");
        (state, number.map(|number| number * unit), given.to_owned())
    };
    let mut all: Vec<_> = counts.iter().collect();
    all.sort_by_key(|(given, _)| key(given));
    all
}

fn change(old: Option<&Count>, new: &Count) -> String {
    let Some(old) = old else { return "new".to_owned() };
    let percent = (new.instructions as f64 / old.instructions as f64 - 1.0) * 100.0;
    if percent.abs() < 0.05 { "same".to_owned() } else { format!("{percent:+.1} %") }
}

/// The page that is committed beside the counts.
pub fn page(counts: &Counts) -> String {
    format!(
        "# What the core costs, in instructions\n\n\
         Written by `make accept-counts`; `make bench-core` counts again and says what has changed\n\
         since, and so does the last stage of `make test`. It is a report and no gate: nothing fails\n\
         by a number.\n\n\
         Each line was counted once, alone, by Callgrind, in a processor that Valgrind simulates: the\n\
         same program counts the same on any machine. These are instructions of this machine's kind.\n\
         In Envoy the same code is WebAssembly that V8 compiles, and host calls come on top: for times,\n\
         see [the benchmarks](benchmarks.md).\n\n\
         The lines about requests and answers count what the filters do, on a host in memory whose copies\n\
         of headers and bodies are in them. The others count the core alone.\n\n\
         Counted with {}.\n\n{}\n\
         ## Choosing among 1,000 members, against choosing among two\n\n{}\n\
         [bench/core/benches/core.rs](../bench/core/benches/core.rs) says what is counted.\n",
        counts.with,
        counts.table(),
        counts.ratios(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(instructions: u64) -> Counts {
        let one = |given: &str| (given.to_owned(), Count { instructions, cycles: 2 });
        let given = || ["healthy_1000", "healthy_2", "half_open_2", "half_open_1000"].map(one);
        let all = WHAT.map(|(name, _)| (name.to_owned(), given().into()));
        Counts { with: "rustc".to_owned(), counts: all.into() }
    }

    #[test]
    fn changes_are_told_in_percent_and_numbers_come_in_order() {
        let table = counts(1_101_000).against(&counts(1_000_000));
        let row = |at: usize| table.lines().nth(at).map(|row| row.split_whitespace().collect());
        let wanted = |given| Some(vec!["answered", given, "1,101,000", "2", "+10.1", "%"]);
        assert_eq!(row(1), wanted("healthy_2"));
        assert_eq!(row(2), wanted("healthy_1000"));
        assert!(counts(7).against(&counts(7)).contains("  same\n"));
    }
}
