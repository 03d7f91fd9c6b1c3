//! A large company's file: what is rendered stays under what an API server stores, and a proxy takes it.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use spillway_integration::{Call, Gateway, region};

use super::{extensions, mesh};

const BACKENDS: usize = 200;

/// etcd's limit for a request, which is more than an object: 1.5 MiB. (`--max-request-bytes`)
const MOST: usize = 3 << 19;

/// What `kubectl apply` may keep of an object in an annotation, and beyond which it has to be
/// `--server-side`: 256 KiB for all annotations.
const MOST_ANNOTATED: usize = 256 << 10;

#[tokio::test]
async fn two_hundred_backends_are_stored_and_taken() {
    let eastus = region("eastus").await;
    let key = ("KEY".to_owned(), "key-of-eastus".to_owned());
    let gateway = Gateway::of(config(&eastus.url(), BACKENDS), vec![key]);
    let gateway = gateway.in_bootstrap(mesh::ingress).without(extensions::lacking());
    let gateway = gateway.start().await;
    assert_eq!(gateway.send(&Call::chat("gpt-4o")).await.ok().status, 200);

    let folder = gateway.config().parent().expect("a folder").to_owned();
    assert!(size(BACKENDS, &folder) < MOST * 2 / 3, "{}", size(BACKENDS, &folder));
    assert!(size(50, &folder) < MOST_ANNOTATED, "the page says so: {}", size(50, &folder));
}

/// Of the `EnvoyFilter`, as it is stored.
fn size(backends: usize, folder: &Path) -> usize {
    let config = config("https://contoso-somewhere.openai.azure.com", backends);
    let arguments = ["--host", "ai.example.com", "--gateway", "ingress"];
    let rendered: Vec<Value> = mesh::render(&config, folder, &arguments);
    rendered.last().expect("the EnvoyFilter").to_string().len()
}

fn config(url: &str, backends: usize) -> String {
    let names = (0..backends).map(|number| format!("region-{number:03}"));
    let mut text = "backends:\n".to_owned();
    for name in names.clone() {
        let _ = writeln!(text, "  {name}: {{ url: \"{url}\", api_key: \"${{KEY}}\" }}");
    }
    let pool: Vec<String> = names.collect();
    let _ = writeln!(text, "models: {{ gpt-4o: {{ pool: [{}] }} }}", pool.join(", "));
    text
}
