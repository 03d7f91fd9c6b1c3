//! What the command prints, as values.

use std::process::Command;

use serde_json::Value;

/// An ingress gateway with the module in a file.
pub(super) const INGRESS: [&str; 4] = ["--host", "ai.example.com", "--gateway", "ingress"];

/// An ingress gateway that fetches the module.
pub(super) const INGRESS_THAT_FETCHES: [&str; 6] = [
    "--host",
    "ai.example.com",
    "--gateway",
    "ingress",
    "--wasm",
    "oci://registry.example.com/spillway:0.1",
];

/// A gateway of the Gateway API.
pub(super) const GATEWAY_API: [&str; 6] =
    ["--attach", "gateway-api", "--host", "ai.example.com", "--gateway", "public"];

/// Sidecars.
pub(super) const SIDECAR: [&str; 4] = ["--attach", "sidecar", "--selector", "app=chat"];

pub(super) fn istio(version: &str, arguments: &[&str]) -> Vec<Value> {
    run(&[&["istio", "--istio-version", version, "tests/manifests/spillway.yaml"], arguments]
        .concat())
}

/// With a way in from a Gateway.
pub(super) fn kubernetes() -> Vec<Value> {
    let image = ["--image", "registry.example.com/spillway:0.1"];
    let entry = ["--gateway", "edge/public", "--host", "ai.example.com"];
    run(&[&["kubernetes", "tests/manifests/files.yaml"], &image[..], &entry].concat())
}

fn run(arguments: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    let output = command.arg("render").args(arguments).output().expect("the command runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_saphyr::from_multiple(&String::from_utf8(output.stdout).expect("text")).expect("YAML")
}
