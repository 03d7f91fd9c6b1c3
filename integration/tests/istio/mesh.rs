//! A mesh around one proxy: `spillway render istio` writes the resources, they are laid over the
//! proxy's configuration, and discovery and Istio's agent are played where the module is fetched.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use spillway_command::envoy::version;
use spillway_integration::{access_log_in, find};

use super::{merge, proxy};

/// Where the module is said to be where it is fetched.
const IMAGE: &str = "oci://registry.example.com/spillway:0.1";

/// The Istio that brings the Envoy at hand.
pub(super) fn istio() -> String {
    match version::ask(&find::envoy()).expect("a version").minor {
        40 => "master".to_owned(),
        minor => format!("1.{}", minor - 8),
    }
}

/// What the command prints for this configuration.
pub(super) fn render(config: &str, folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let file = folder.join("rendered-from.json");
    fs::write(&file, config).expect("a file");
    let rendered = Command::new(find::command())
        .args(["render", "istio", "--istio-version", &istio()])
        .args(arguments)
        .arg("--access-log")
        .arg(access_log_in(folder))
        .arg(&file)
        .output()
        .expect("the command runs");
    let said = String::from_utf8_lossy(&rendered.stderr);
    assert!(rendered.status.success(), "{said}");
    let text = String::from_utf8(rendered.stdout).expect("text");
    serde_saphyr::from_multiple(&text).expect("YAML")
}

/// An ingress gateway for the stories' host, with the module in a file.
pub(super) fn ingress(config: &str, folder: &Path) -> Value {
    let filter = find::filter();
    let wasm = filter.to_str().expect("a path");
    gateway(config, folder, &["--host", "*", "--gateway", "ingress", "--wasm", wasm])
}

/// The same, with the module in a registry.
pub(super) fn ingress_that_fetches(config: &str, folder: &Path) -> Value {
    gateway(config, folder, &["--host", "*", "--gateway", "ingress", "--wasm", IMAGE])
}

/// A sidecar whose application calls the stories' host.
pub(super) fn sidecar(config: &str, folder: &Path) -> Value {
    let filter = find::filter();
    let wasm = filter.to_str().expect("a path");
    let host = "gateway.ai.svc.cluster.local";
    let resources = render(
        config,
        folder,
        &[
            "--attach",
            "sidecar",
            "--selector",
            "app=chat",
            "--namespace",
            "ai",
            "--host",
            host,
            "--wasm",
            wasm,
        ],
    );
    let [service, filter] = resources.as_slice() else { panic!("{resources:#?}") };
    let mut bootstrap = proxy::sidecar(service, &folder.join("mesh.log"));
    let fetched = merge::apply(filter, "SIDECAR_OUTBOUND", &mut bootstrap);
    assert!(fetched.is_empty());
    bootstrap
}

fn gateway(config: &str, folder: &Path, arguments: &[&str]) -> Value {
    let resources = render(config, folder, arguments);
    let [service, filter] = resources.as_slice() else { panic!("{resources:#?}") };
    let mut bootstrap = proxy::ingress(service, 80, &folder.join("mesh.log"));
    let fetched = merge::apply(filter, "GATEWAY", &mut bootstrap);
    for (name, extension) in &fetched {
        let file = folder.join(format!("{name}.json"));
        let answer = json!({ "resources": [discovered(extension)] });
        fs::write(&file, answer.to_string()).expect("a file");
    }
    discover(&mut bootstrap, folder);
    bootstrap
}

/// What Istio's agent makes of a module's address before Envoy sees it: a file.
fn discovered(extension: &Value) -> Value {
    let mut resource = extension.clone();
    let code = &mut resource["typed_config"]["config"]["vm_config"]["code"];
    assert_eq!(code["remote"]["http_uri"]["uri"], IMAGE);
    *code = json!({ "local": { "filename": find::filter() } });
    let kind = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
    resource["@type"] = json!(kind);
    resource
}

/// istiod is not here: what is asked of it comes from files.
fn discover(value: &mut Value, folder: &Path) {
    match value {
        Value::Object(fields) if fields.contains_key("config_discovery") => {
            let name = fields["name"].as_str().expect("a name").to_owned();
            let source = &mut fields["config_discovery"]["config_source"];
            let source = source.as_object_mut().expect("a source");
            source.remove("ads").expect("asked of istiod");
            let path = folder.join(format!("{name}.json"));
            source.insert("path_config_source".into(), json!({ "path": path }));
        }
        Value::Object(fields) => fields.values_mut().for_each(|value| discover(value, folder)),
        Value::Array(items) => items.iter_mut().for_each(|value| discover(value, folder)),
        _ => {}
    }
}
