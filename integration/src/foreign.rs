//! An Envoy of somebody else's: it runs a bootstrap that is not `up`'s.
//!
//! Such an Envoy gets the next configuration as istiod would bring it: clusters first, then the
//! listeners, here from files. A listener has its turn in its name, so that each turn has a listener
//! and a port of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::admin;
use crate::process::{Addresses, Process};

/// A folder for what is written for this turn.
pub(crate) fn folder(directory: &Path, turn: usize) -> PathBuf {
    let folder = directory.join(format!("turn-{turn}"));
    fs::create_dir(&folder).expect("a folder");
    folder
}

/// Writes clusters and listeners where Envoy finds them, and returns the rest of the bootstrap.
pub(crate) fn lay_out(directory: &Path, mut bootstrap: Value, turn: usize) -> Value {
    let own = &mut bootstrap["static_resources"];
    let (clusters, mut listeners) = (own["clusters"].take(), own["listeners"].take());
    for listener in listeners.as_array_mut().expect("listeners") {
        listener["name"] = json!(named(listener["name"].as_str().expect("a name"), turn));
    }
    let own = own.as_object_mut().expect("static resources");
    own.retain(|_, value| !value.is_null());
    let source = |file| {
        json!({
            "resource_api_version": "V3",
            "path_config_source": { "path": directory.join(file) },
        })
    };
    bootstrap["dynamic_resources"] =
        json!({ "cds_config": source(CLUSTERS), "lds_config": source(LISTENERS) });
    put(&directory.join(CLUSTERS), clusters, "envoy.config.cluster.v3.Cluster", turn);
    put(&directory.join(LISTENERS), listeners, "envoy.config.listener.v3.Listener", turn);
    bootstrap
}

/// Where clients connect in this turn, once its clusters and its listener are there.
pub(crate) async fn taken(admin: SocketAddr, turn: usize) -> Option<SocketAddr> {
    let versions = admin::ask(admin, "/stats?type=TextReadouts&filter=[cl]ds.version_text").await?;
    let wanted = format!(": \"{}\"", version(turn));
    let warming = admin::ask(admin, "/stats?filter=warming").await?;
    let ready = versions.lines().count() == 2
        && versions.lines().all(|line| line.ends_with(&wanted))
        && warming.lines().all(|line| line.ends_with(": 0"));
    if !ready {
        return None;
    }
    listener(admin, |name| name.ends_with(&named("", turn))).await
}

/// Where clients connect first and where the admin interface is, once Envoy takes requests.
pub(crate) async fn addresses(directory: &Path) -> Option<Addresses> {
    let admin = Process::admin(directory)?;
    admin::ask(admin, "/ready").await?;
    Some((listener(admin, |_| true).await?, admin, None))
}

/// The first listener with such a name.
async fn listener(admin: SocketAddr, is_meant: impl Fn(&str) -> bool) -> Option<SocketAddr> {
    let listeners = admin::ask(admin, "/listeners?format=json").await?;
    let listeners: Value = serde_json::from_str(&listeners).ok()?;
    let mut all = listeners["listener_statuses"].as_array()?.iter();
    let found = all.find(|listener| listener["name"].as_str().is_some_and(&is_meant))?;
    let address = &found["local_address"]["socket_address"];
    format!("{}:{}", address["address"].as_str()?, address["port_value"]).parse().ok()
}

/// Moved into its place, so that Envoy never reads half a file.
fn put(place: &Path, mut resources: Value, kind: &str, turn: usize) {
    for resource in resources.as_array_mut().expect("a list") {
        resource["@type"] = json!(format!("type.googleapis.com/{kind}"));
    }
    let answer = json!({ "version_info": version(turn), "resources": resources });
    let beside = place.with_extension("new");
    fs::write(&beside, answer.to_string()).expect("a file");
    fs::rename(beside, place).expect("a move");
}

fn named(listener: &str, turn: usize) -> String {
    format!("{listener}~{turn}")
}

/// None is the start of another.
fn version(turn: usize) -> String {
    format!("turn {turn}")
}

const CLUSTERS: &str = "clusters.json";
const LISTENERS: &str = "listeners.json";
