//! Runs every command of docs/simulation.md as it stands there: its figures and pictures are what
//! the command makes now. `TRYCMD=overwrite` puts them there.

#![allow(clippy::unwrap_used, reason = "helpers of tests stand outside of test functions")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

#[test]
fn the_figures_in_the_docs_are_what_their_commands_make() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("docs")).unwrap();
    fs::copy(format!("../{EXAMPLE}"), folder.path().join(EXAMPLE)).unwrap();

    let page = fs::read_to_string(format!("../{PAGE}")).unwrap();
    let fresh = played(&page, folder.path());
    assert!(fresh.matches("$ spillway simulate").count() >= 4, "the page shows no commands");
    let drawn = fs::read_dir(folder.path().join("docs")).unwrap();
    let drawn = drawn.map(|entry| format!("docs/{}", entry.unwrap().file_name().display()));
    let drawn = drawn.filter(|name| name != EXAMPLE);
    let mut pictures: Vec<(String, String)> =
        drawn.map(|name| (fs::read_to_string(folder.path().join(&name)).unwrap(), name)).collect();
    assert_eq!(pictures.len(), fresh.matches("--svg").count());
    pictures.push((fresh, PAGE.to_owned()));
    for (fresh, name) in pictures {
        let here = format!("../{name}");
        if std::env::var("TRYCMD").is_ok_and(|mode| mode == "overwrite") {
            fs::write(&here, &fresh).unwrap();
        }
        let current = fs::read_to_string(&here).unwrap_or_default();
        assert!(
            current == fresh,
            "{name} is not current: run \
             `TRYCMD=overwrite cargo test -p spillway-command --test simulation`\n{fresh}"
        );
    }
}

/// The page with what its commands say now. They run at the same time: none reads what another writes.
fn played(page: &str, folder: &Path) -> String {
    let (start, blocks) = page.split_once("```console\n").unwrap();
    let fresh: Vec<String> = thread::scope(|scope| {
        let blocks = blocks.split("```console\n");
        let runs: Vec<_> = blocks.map(|block| scope.spawn(move || rerun(block, folder))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    format!("{start}{}", fresh.concat())
}

/// A block of the page, from its command to the next block, with what the command says now.
fn rerun(block: &str, folder: &Path) -> String {
    let (shown, text) = block.split_once("```\n").unwrap();
    // A command goes on in the next line where a line ends with `\`.
    let lines = shown.split_inclusive('\n');
    let mut more = true;
    let command = lines.take_while(|line| std::mem::replace(&mut more, line.ends_with("\\\n")));
    let command: String = command.collect();
    let said = said(&command.replace("\\\n", ""), folder);
    format!("```console\n{command}{said}```\n{text}")
}

fn said(command: &str, folder: &Path) -> String {
    let mut words = command.split_whitespace();
    assert_eq!([words.next(), words.next()], [Some("$"), Some("spillway")], "{command}");
    let output = Command::new(env!("CARGO_BIN_EXE_spillway"))
        .args(words)
        .current_dir(folder)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command}");
    assert!(output.status.success(), "{command}");
    String::from_utf8(output.stdout).unwrap()
}

const PAGE: &str = "docs/simulation.md";
const EXAMPLE: &str = "docs/example.yaml";
