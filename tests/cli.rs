//! Runs the transcripts in `tests/cmd`: they are the command's tests and its documentation.

use std::fs;

#[test]
fn transcripts() {
    trycmd::TestCases::new().case("tests/cmd/*/*.md").case("tests/cmd/*/*.toml");
}

#[test]
fn transcripts_show_the_files_they_use() {
    for entry in fs::read_dir("tests/cmd/check").unwrap() {
        let folder = entry.unwrap().path();
        if folder.extension().is_none_or(|extension| extension != "in") {
            continue;
        }
        let transcript = fs::read_to_string(folder.with_extension("md")).unwrap();
        for file in fs::read_dir(&folder).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            assert!(transcript.contains(&text), "{}", folder.display());
        }
    }
}

#[test]
fn the_example_is_right() {
    let path = std::path::Path::new("examples/spillway.yaml");
    let loaded = spillway::cli::file::load(path).unwrap();
    assert_eq!((loaded.config.backends.len(), loaded.config.models.len()), (3, 2));
}

#[test]
fn the_references_are_current() {
    for (name, text) in spillway::cli::docs::references() {
        let current = fs::read_to_string(format!("docs/{name}")).unwrap_or_default();
        assert!(current == text, "docs/{name} is not current: run `cargo run -- docs`");
    }
}
