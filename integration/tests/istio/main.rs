//! Spillway in a mesh: what `spillway render istio` prints, laid over a proxy's configuration as
//! istiod lays it, on the real Envoy.
//!
//! The Envoy does without what Istio's own build lacks ([`extensions`]). Told are the stories of failover (behaviours 5 to 8 of API Management's labs), and where only the
//! module's way into the proxy differs, those of one behaviour; with `STORIES=all`, all that such a
//! proxy can play.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod alone;
#[path = "../scenarios/backend.rs"]
mod backend;
mod descriptors;
mod extensions;
mod keys;
mod merge;
mod mesh;
mod neighbours;
mod others;
mod pages;
mod parsed;
mod pod;
mod proxy;
mod size;
#[path = "../scenarios/stage.rs"]
mod stage;

use std::ops::RangeInclusive;
use std::path::Path;

use serde_json::Value;
use spillway_command::envoy::version;
use spillway_integration::find;
use spillway_stories::{Means, story};

/// Stories that are not true in a mesh, and why.
const NOT_HERE: [(&str, &str); 2] = [
    (
        "names are exact and case-sensitive, and escapes are read as what they mean",
        "Istio normalises paths before any filter sees them",
    ),
    (
        "the gateway may live below a prefix",
        "what is not below it belongs to others, who answer it",
    ),
];

/// Stories that are not true in a sidecar.
const NOT_IN_A_SIDECAR: [&str; 1] =
    ["what fails over shows no trace of it, to the client or to a backend"];

#[test]
fn an_ingress_gateway_plays_the_stories() {
    tell(mesh::ingress, 5..=8, &[]);
}

#[test]
fn an_ingress_gateway_that_fetches_the_module_plays_the_stories() {
    tell(mesh::ingress_that_fetches, 6..=6, &[]);
}

#[test]
fn a_gateway_of_the_gateway_api_plays_the_stories() {
    tell(mesh::gateway_api, 6..=6, &[]);
}

/// An application asks for the Service by its name; the one story asks for another host.
#[test]
fn a_sidecar_plays_the_stories() {
    tell(mesh::sidecar, 5..=8, &NOT_IN_A_SIDECAR);
}

fn tell(bootstrap: fn(&str, &Path) -> Value, told: RangeInclusive<u8>, except: &[&str]) {
    let version = version::ask(&find::envoy()).unwrap();
    // Three proxies are told stories at once.
    let (failover, at_once) = (version.abilities().failover, 2);
    let means = Means { failover, at_once, ..story::on_a_real_envoy() };
    let lacking = extensions::lacking();
    let all = std::env::var("STORIES").is_ok_and(|which| which == "all");
    let is_for_us = |story: &story::Story| {
        let is_told = story.behaviours.iter().any(|number| told.contains(number));
        let left_out = NOT_HERE.map(|(name, _)| name).contains(&story.name);
        (all || is_told) && !left_out && !except.contains(&story.name)
    };
    story::tell_some(&means, is_for_us, |story| {
        Box::new(stage::OnEnvoy::set(story, |setup| {
            setup.in_bootstrap(bootstrap).without(lacking.clone())
        }))
    });
}
