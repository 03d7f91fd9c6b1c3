//! What the proxies' pods mount: the filter's file, keys in files, and what says where these are.
//!
//! Each folder of keys is a volume from the Secret, whose entries have the names of the files: a folder,
//! as the kubelet replaces no single file. What Envoy takes for the discovery service of a key
//! ([`super::key`]) holds no secret, so it stands in an annotation of the pod, which Kubernetes makes a
//! file of: nothing more has to be applied, and nothing can be left behind.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{NAME, Options};
use crate::envoy::secret::discovery;
use spillway::config::{Backend, Config, Problem, Secret, path};

/// A volume, and where the proxy finds it.
pub(super) struct Mount {
    pub(super) name: String,
    pub(super) folder: String,
    /// The volume without its name.
    pub(super) source: Value,
}

/// Where the files are that say where keys are.
const SOURCES: &str = "/etc/spillway-keys";

/// Folders that a proxy of Istio's has something in: mounts of the injector's and of Kubernetes', and
/// what its image runs.
const TAKEN: [&str; 11] = [
    "/bin",
    "/etc/certs",
    "/etc/istio",
    "/lib",
    "/run/secrets/credential-uds",
    "/run/secrets/istio",
    "/run/secrets/kubernetes.io",
    "/run/secrets/tokens",
    "/run/secrets/workload-spiffe-credentials",
    "/usr",
    "/var/lib/istio",
];

/// The name of a backend's secret.
pub(super) fn secret(backend: &Backend) -> String {
    format!("{}-key", backend.name)
}

/// The file that says where a backend's key is.
pub(super) fn source(backend: &Backend) -> String {
    format!("{SOURCES}/{}.json", backend.name)
}

/// All that the pods mount.
pub(super) fn all(config: &Config, options: &Options) -> Vec<Mount> {
    let mut all: Vec<Mount> = module(options).into_iter().collect();
    all.extend(sources(config));
    let folders = folders(config).into_iter().enumerate();
    all.extend(folders.map(|(index, (folder, names))| {
        let item = |name: &str| json!({ "key": name, "path": name });
        let items: Vec<Value> = names.into_iter().map(item).collect();
        Mount {
            name: format!("{NAME}-keys-{index}"),
            folder: folder.to_owned(),
            source: json!({ "secret": { "secretName": options.secret, "items": items } }),
        }
    }));
    all
}

/// What the pods' annotations say of keys in files.
pub(super) fn annotations(config: &Config) -> Map<String, Value> {
    let one = |(backend, key): (&Backend, &str)| {
        (annotation(backend), json!(discovery(&secret(backend), key).to_string()))
    };
    in_files(config).map(one).collect()
}

/// Keys in folders where no volume can be.
pub(super) fn problems(config: &Config, options: &Options) -> Vec<Problem> {
    let folders = folders(config);
    let mounted: Vec<&str> = options
        .module
        .file()
        .map(|file| parts(file).0)
        .into_iter()
        .chain(TAKEN)
        .chain([SOURCES])
        .collect();
    let authorities = config.backends.iter().filter_map(|backend| backend.ca_file.as_deref());
    let hidden: Vec<&str> = authorities.chain([options.ca_bundle.as_str()]).collect();
    let wrong = |(place, secret): (String, &Secret)| {
        let Secret::File(file) = secret else { return None };
        let folder = parts(file).0;
        let inside = folders.keys().any(|other| *other != folder && overlap(other, folder));
        let message = if mounted.iter().any(|mounted| overlap(mounted, folder)) {
            "this folder of the proxy is taken, or another one inside of it"
        } else if hidden.iter().any(|file| real(file).starts_with(&real(folder))) {
            "CA certificates are in this folder, and a volume of keys would hide them"
        } else if inside {
            "one folder of keys is inside of another, and each is a volume of its own"
        } else {
            return None;
        };
        Some(Problem::new(
            path::key(&place, "file"),
            message,
            "give keys a folder of their own, such as `/run/secrets/spillway`",
        ))
    };
    config.secrets().into_iter().filter_map(wrong).collect()
}

/// The filter's file, where it is one.
fn module(options: &Options) -> Option<Mount> {
    let (folder, file) = options.module.file()?.rsplit_once('/')?;
    let name = format!("{NAME}-wasm");
    let items = json!([{ "key": "spillway.wasm", "path": file }]);
    Some(Mount {
        folder: if folder.is_empty() { "/" } else { folder }.to_owned(),
        source: json!({ "configMap": { "name": name, "items": items } }),
        name,
    })
}

fn sources(config: &Config) -> Option<Mount> {
    let item = |(backend, _): (&Backend, &str)| {
        json!({
            "path": parts(&source(backend)).1,
            "fieldRef": { "fieldPath": format!("metadata.annotations['{}']", annotation(backend)) },
        })
    };
    let items: Vec<Value> = in_files(config).map(item).collect();
    (!items.is_empty()).then(|| Mount {
        name: format!("{NAME}-key-sources"),
        folder: SOURCES.to_owned(),
        source: json!({ "downwardAPI": { "items": items } }),
    })
}

fn annotation(backend: &Backend) -> String {
    format!("keys.{NAME}/{}", backend.name)
}

/// The backends whose key is in a file.
fn in_files(config: &Config) -> impl Iterator<Item = (&Backend, &str)> {
    config.backends.iter().filter_map(|backend| match &backend.credential.as_ref()?.secret {
        Secret::File(file) => Some((backend, file.as_str())),
        Secret::Env(_) => None,
    })
}

/// The folders of keys, and their files' names.
fn folders(config: &Config) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut folders: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (_, file) in in_files(config) {
        let (folder, name) = parts(file);
        folders.entry(folder).or_default().insert(name);
    }
    folders
}

fn parts(file: &str) -> (&str, &str) {
    file.rsplit_once('/').unwrap_or(("", file))
}

/// Whether one folder is the other, or inside of it.
fn overlap(one: &str, other: &str) -> bool {
    let (one, other) = (real(one), real(other));
    one.starts_with(&other) || other.starts_with(&one)
}

/// With a slash at its end. `/var/run` is a link to `/run`.
fn real(path: &str) -> String {
    let path = path.strip_prefix("/var").filter(|rest| rest.starts_with("/run/")).unwrap_or(path);
    format!("{path}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_overlap_where_a_mount_would_hide_one_or_fail_inside_of_it() {
        for (one, other) in [
            ("/run/secrets", "/run/secrets/istio"),
            ("/var/run/secrets/istio", "/run/secrets/istio"),
            ("/etc/istio/proxy", "/etc/istio"),
            ("", "/etc/istio"),
        ] {
            assert!(overlap(one, other) && overlap(other, one), "{one} {other}");
        }
        assert!(!overlap("/run/secrets/spillway", "/run/secrets/istio"));
        assert!(!overlap("/etc/spillway-keys", "/etc/spillway"));
    }
}
