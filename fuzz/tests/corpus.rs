//! Replays the corpus of every target: bytes that a fuzzer, or a person, found worth keeping.

#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a target fails by panicking; nothing here runs in the filter"
)]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use spillway_fuzz::TARGETS;

#[test]
fn what_was_kept_still_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, run) in TARGETS {
        let files = fs::read_dir(corpus.join(name)).expect("a folder for each target");
        let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let bytes = fs::read(&file).expect("readable");
            assert!(catch_unwind(|| run(&bytes)).is_ok(), "{} fails", file.display());
        }
    }
}
