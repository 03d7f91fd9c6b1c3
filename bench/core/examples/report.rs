//! Tells what was counted: `report FOLDER WITH`, where Gungraun left its summaries, and what they
//! were counted with. With `--accept`, they become the ones that others are compared with.
//!
//! An example and no program of the package: `cargo bench` builds a package's programs too, and the
//! core once more for them.

use std::path::Path;

use anyhow::{Context as _, Result};
use spillway_bench_core::report::{Counts, page};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: report FOLDER WITH [--accept]";
    let (folder, with) = arguments.next().zip(arguments.next()).context(usage)?;
    let counts = Counts::read(Path::new(&folder), &with)?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = here.join("counts.json");
    if arguments.next().is_some_and(|argument| argument == "--accept") {
        std::fs::write(&committed, serde_json::to_string_pretty(&counts)? + "\n")?;
        std::fs::write(here.join("../../docs/micro-benchmarks.md"), page(&counts))?;
        println!("wrote bench/core/counts.json and docs/micro-benchmarks.md");
        return Ok(());
    }
    let before: Counts = serde_json::from_slice(&std::fs::read(&committed)?)?;
    println!("{}", counts.against(&before));
    println!("Choosing among 1,000 members, against choosing among two:\n{}", counts.ratios());
    if before.with != counts.with {
        println!(
            "Counted with {}, and compared with {}: that alone changes counts.",
            counts.with, before.with
        );
    }
    Ok(())
}
