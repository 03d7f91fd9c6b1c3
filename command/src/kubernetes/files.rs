//! Files that the configuration refers to: keys from the Secret, CA certificates from a ConfigMap.
//!
//! Each folder is one volume whose files have the names that the configuration says; the entry in
//! the Secret or in the ConfigMap has the file's name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Options;
use crate::otlp::Flags;
use spillway::config::{Config, Problem, Secret, path};

/// Folders that the image or the pod needs for itself.
const TAKEN: [&str; 6] = ["", "/etc", "/etc/spillway", "/etc/ssl/certs", "/tmp", "/usr/local/bin"];

/// Where a folder's files come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Keys,
    Authorities,
}

/// Every file: its place in the configuration, its source, its path.
fn files<'a>(config: &'a Config, otlp: &'a Flags) -> Vec<(String, Source, &'a str)> {
    let keys = config.secrets().into_iter().filter_map(|(place, secret)| match secret {
        Secret::File(file) => Some((place, Source::Keys, file.as_str())),
        Secret::Env(_) => None,
    });
    let authorities = config.backends.iter().filter_map(|backend| {
        let place = path::key(&path::key("backends", &backend.name), "ca_file");
        Some((place, Source::Authorities, backend.ca_file.as_deref()?))
    });
    let of_collector = otlp.otlp_ca.as_deref();
    let of_collector = of_collector.map(|ca| ("--otlp-ca".to_owned(), Source::Authorities, ca));
    keys.chain(authorities).chain(of_collector).collect()
}

fn parts(file: &str) -> (&str, &str) {
    file.rsplit_once('/').unwrap_or(("", file))
}

/// The folders, each with its source and its files' names.
fn folders<'a>(
    config: &'a Config,
    otlp: &'a Flags,
) -> BTreeMap<(&'a str, Source), BTreeSet<&'a str>> {
    let mut folders: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (_, source, file) in files(config, otlp) {
        let (folder, name) = parts(file);
        folders.entry((folder, source)).or_default().insert(name);
    }
    folders
}

/// Files in folders where no volume can be.
pub(super) fn problems(config: &Config, otlp: &Flags) -> Vec<Problem> {
    let all = folders(config, otlp);
    let wrong = |(place, source, file): (String, Source, &str)| {
        let (folder, _) = parts(file);
        let other = match source {
            Source::Keys => Source::Authorities,
            Source::Authorities => Source::Keys,
        };
        let message = if TAKEN.contains(&folder) {
            "this folder of the pod is taken"
        } else if all.contains_key(&(folder, other)) {
            "keys and CA certificates are in one folder, and come from two places"
        } else {
            return None;
        };
        Some(Problem::new(
            place,
            message,
            "give it a folder of its own, such as `/run/secrets/spillway`",
        ))
    };
    files(config, otlp).into_iter().filter_map(wrong).collect()
}

pub(super) fn volumes(config: &Config, options: &Options) -> Vec<Value> {
    let volume = |(index, ((_, source), names)): (usize, ((&str, Source), BTreeSet<&str>))| {
        let items: Vec<Value> =
            names.into_iter().map(|name| json!({ "key": name, "path": name })).collect();
        let name = format!("files-{index}");
        match source {
            Source::Keys => json!({ "name": name, "secret": {
                "secretName": options.secret, "items": items, "defaultMode": OWN_GROUP,
            }}),
            Source::Authorities => json!({ "name": name, "configMap": {
                "name": format!("{}-ca", options.name), "items": items,
            }}),
        }
    };
    folders(config, &options.otlp).into_iter().enumerate().map(volume).collect()
}

pub(super) fn mounts(config: &Config, options: &Options) -> Vec<Value> {
    let mount = |(index, (folder, _)): (usize, &(&str, Source))| json!({ "name": format!("files-{index}"), "mountPath": folder, "readOnly": true });
    folders(config, &options.otlp).keys().enumerate().map(mount).collect()
}

/// 0440: for the pod's user, by its group, and for nobody else.
const OWN_GROUP: u32 = 0o440;
