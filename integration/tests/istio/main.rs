//! Spillway in a mesh: what `spillway render istio` prints, laid over a proxy's configuration as
//! istiod lays it, on the real Envoy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../scenarios/backend.rs"]
mod backend;
mod merge;
mod mesh;
mod proxy;
#[path = "../scenarios/stage.rs"]
mod stage;

use std::path::Path;

use serde_json::Value;
use spillway::envoy::version;
use spillway_integration::find;
use spillway_scenarios::{Means, story};

fn tell(bootstrap: fn(&str, &Path) -> Value) {
    let version = version::ask(&find::envoy()).unwrap();
    let means = Means { failover: version.abilities().failover, ..story::on_a_real_envoy() };
    story::tell_all(&means, |story| {
        Box::new(stage::OnEnvoy::set(story, |setup| setup.in_bootstrap(bootstrap)))
    });
}

#[test]
fn an_ingress_gateway_plays_the_stories() {
    tell(mesh::ingress);
}

#[test]
fn an_ingress_gateway_that_fetches_the_module_plays_the_stories() {
    tell(mesh::ingress_that_fetches);
}

#[test]
fn a_sidecar_plays_the_stories() {
    tell(mesh::sidecar);
}
