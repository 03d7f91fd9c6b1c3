//! docs/attach/envoy-in-place.md, walked through: its files, its commands and what they print.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use spillway_integration::page::{Step, prints, steps};
use spillway_integration::{Call, Client, Journal, Plain, eventually, find, key_of, region};
use spillway_simulator::{Fault, Region, RetryAfter};

// The page's commands are waited for while the regions answer them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_about_an_envoy_in_place_is_true() {
    let regions = [region("eastus").await, region("westus").await];
    let reader = Reader::at(&regions);
    let mut envoys: Vec<Plain> = Vec::new();
    let mut last = String::new();
    for step in steps("attach/envoy-in-place.md") {
        match step {
            Step::File { name, text } => {
                fs::write(reader.folder.path().join(&name), reader.own(&text)).unwrap();
                if name == "envoy.yaml" {
                    // It runs, and will be taken over from.
                    let id = ["--use-dynamic-base-id", "--base-id-path", "base-id"];
                    envoys.push(reader.start(&name, &id).await);
                }
            }
            Step::Run { command, prints } => {
                if command == "spillway check envoy.yaml" {
                    reader.paste();
                }
                reader.run(&command, &prints).await;
                last = command;
            }
            Step::Start { command } => {
                let arguments = command.strip_prefix("envoy -c envoy.yaml ").unwrap();
                let id = fs::read_to_string(reader.folder.path().join("base-id")).unwrap();
                let mut all: Vec<&str> = arguments.split(' ').collect();
                all.extend(["--base-id", id.trim()]);
                envoys.push(reader.start("envoy.yaml", &all).await);
            }
        }
    }
    assert_eq!(envoys.len(), 2, "the old one and the new one");

    let [eastus, westus] = &regions;
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(60)));
    reader.run(&last, "HTTP/1.1 200 OK\n...\nx-spillway-backend: westus\n...attempts: 2").await;
    assert_eq!((eastus.count(), westus.count()), (2, 1));

    let client = Client::at(envoys[1].at);
    let chat = |call: Call| call.header("api-key", "key-of-the-app");
    // By the body, and one that is longer than Envoy holds by itself.
    let long = serde_json::json!({
        "model": "gpt-4o",
        "messages": [{ "role": "user", "content": "x".repeat(3 << 20) }],
    });
    for call in [Call::v1_chat("gpt-4o"), Call::post("/openai/v1/chat/completions", &long)] {
        assert_eq!(client.send(&chat(call)).await.ok().backend(), "westus", "while eastus rests");
    }
    assert_eq!(client.send(&Call::chat("gpt-4o")).await.status, 401, "without a key");
    assert_eq!(client.send(&Call::get("/about")).await.text(), "our site\n");
}

/// A reader of the page: a folder, and what differs from what the page says.
struct Reader {
    folder: tempfile::TempDir,
    /// What stands on the page, and what stands for it here.
    other: Vec<(&'static str, String)>,
}

impl Reader {
    fn at([eastus, westus]: &[Region; 2]) -> Self {
        let folder = tempfile::Builder::new().prefix("spillway-test-").tempdir().unwrap();
        // The port must be known before, because the second process takes it over.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let other = vec![
            ("https://contoso-eastus.openai.azure.com", eastus.url()),
            ("https://contoso-westus.openai.azure.com", westus.url()),
            ("port_value: 9901", "port_value: 0".to_owned()),
            ("port_value: 8080", format!("port_value: {free}")),
            ("127.0.0.1:8080", format!("127.0.0.1:{free}")),
            ("/etc/spillway", folder.path().join("etc").display().to_string()),
            ("dist/spillway.wasm", find::filter().display().to_string()),
        ];
        Self { folder, other }
    }

    fn own(&self, text: &str) -> String {
        self.other.iter().fold(text.to_owned(), |text, (page, own)| text.replace(page, own))
    }

    fn environment() -> Vec<(String, String)> {
        let tools = [find::command(), find::envoy()].map(|tool| tool.parent().unwrap().to_owned());
        let path = env::var_os("PATH").unwrap();
        let path = env::join_paths(tools.into_iter().chain(env::split_paths(&path))).unwrap();
        let keys = [
            ("AOAI_EASTUS_KEY", key_of("eastus")),
            ("AOAI_WESTUS_KEY", key_of("westus")),
            ("CHAT_APP_KEY", "key-of-the-app".to_owned()),
            ("PATH", path.into_string().unwrap()),
        ];
        keys.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    async fn start(&self, bootstrap: &str, arguments: &[&str]) -> Plain {
        Plain::start(self.folder.path(), bootstrap, arguments, &Self::environment()).await
    }

    fn shell(&self, command: &str) -> (bool, String) {
        let output = Command::new("sh")
            .args(["-c", &self.own(command)])
            .current_dir(self.folder.path())
            .envs(Self::environment())
            .output()
            .unwrap();
        let text = [output.stderr, output.stdout].concat();
        let text = String::from_utf8(text).unwrap().replace('\r', "");
        (output.status.success(), text)
    }

    /// Runs a command until it prints what the page says: for a moment after a hot restart, the old
    /// Envoy may still answer.
    async fn run(&self, command: &str, expected: &str) {
        let mut printed = (false, String::new());
        let mut left = 100;
        eventually(command, async || {
            printed = self.shell(command);
            left -= 1;
            let right = printed.0 && prints(&self.own(expected), &printed.1);
            let hopeless = !command.starts_with("curl") || left == 0;
            assert!(right || !hopeless, "`{command}`, expected:\n{expected}\nbut:\n{}", printed.1);
            right.then_some(())
        })
        .await;
    }

    /// Every mark in envoy.yaml becomes the piece of its name, indented as the mark is.
    fn paste(&self) {
        let file: &Path = &self.folder.path().join("envoy.yaml");
        let mut pasted = String::new();
        for line in fs::read_to_string(file).unwrap().lines() {
            let Some((indent, name)) = line.split_once("# spillway: ") else {
                pasted.push_str(&format!("{line}\n"));
                continue;
            };
            let command = format!("spillway render envoy --piece {name} spillway.yaml");
            let (done, piece) = self.shell(&command);
            assert!(done, "{piece}");
            for line in self.own(&piece).lines() {
                pasted.push_str(&format!("{indent}{line}\n"));
            }
        }
        fs::write(file, pasted).unwrap();
    }
}
