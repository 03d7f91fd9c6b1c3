//! From API Management's backends and pools to a configuration of Spillway's.
//!
//! Who comes from API Management has backends, pools and circuit breakers already. Copying them by
//! hand invites two mistakes: something is lost without a word, or a key ends up in a file. So
//! nothing that stands in the input is dropped without a remark ([`Report`]), and a key is never
//! repeated, not in the configuration, not in the report and not in a problem.
//!
//! [`input`] finds the backends in what Azure writes, [`template`] those in ARM templates, whose
//! [`expression`]s it works out. [`backend`], [`breaker`], [`credential`] and [`pool`] read one each,
//! [`models`] puts pools behind the names that clients ask for, [`yaml`] writes the file.
//!
//! What the fields mean in API Management is documented at
//! <https://learn.microsoft.com/azure/api-management/backends>; each reader names what it relies on.

mod address;
mod backend;
mod breaker;
mod credential;
mod duration;
mod expression;
mod fields;
mod input;
mod models;
mod names;
mod pool;
mod report;
mod template;
mod yaml;

#[cfg(test)]
mod tests;

use backend::Backend;
use fields::Fields;
use input::Resource;
use names::Names;
use pool::Pool;
pub use report::Report;

use spillway::config::{Problem, json};

/// What the person who imports decides.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The models that pools serve: API Management's pools know none.
    pub models: Vec<ModelOf>,
    /// Answer and count as API Management does where Spillway would do better.
    pub faithful: bool,
}

/// A model and who serves it: `gpt-4o=openai-pool`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelOf {
    /// The name that clients ask for.
    pub model: String,
    /// The name of a pool, or of a single backend, in API Management.
    pub serves: String,
}

/// A configuration, and what became of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The configuration, as YAML with comments.
    pub yaml: String,
    /// What was taken over, what differs and what has no counterpart.
    pub report: Report,
}

/// What all readers share.
#[derive(Debug, Default)]
struct Work {
    problems: Vec<Problem>,
    report: Report,
    backends: Names,
    variables: Names,
    faithful: bool,
}

/// The configuration for these backends of API Management, as JSON, or everything that is wrong.
pub fn apim(bytes: &[u8], options: &Options) -> Result<Imported, Vec<Problem>> {
    let file = json::read(text(bytes).map_err(|problem| vec![problem])?).map_err(not_json)?;
    let mut work = Work { faithful: options.faithful, ..Work::default() };
    let resources = input::backends(&file, &mut work.report, &mut work.problems);
    let (backends, pools) = read(&resources, &mut work);
    // Who is missing because of a problem would be missed again by whoever refers to it.
    let models = if work.problems.is_empty() {
        models::of(&backends, &pools, &options.models, &mut work)
    } else {
        Vec::new()
    };
    if !work.problems.is_empty() {
        return Err(work.problems);
    }
    let yaml = yaml::write(&backends, &models, options.faithful);
    models::absent(&mut work.report);
    Ok(Imported { yaml, report: work.report })
}

fn read(resources: &[Resource], work: &mut Work) -> (Vec<Backend>, Vec<Pool>) {
    let mut backends = Vec::new();
    let mut pools = Vec::new();
    let mut known: Vec<&str> = Vec::new();
    for resource in resources {
        if known.iter().any(|name| name.eq_ignore_ascii_case(&resource.name)) {
            let hint = "a name stands once in a service: remove one of the two";
            let message = "a backend of this name stands above already";
            work.problems.push(Problem::new(&resource.path, message, hint));
            continue;
        }
        known.push(&resource.name);
        let Some(map) = resource.properties.as_object() else {
            let hint = "give it the whole backend";
            let message = "the backend has no `properties`";
            work.problems.push(Problem::new(&resource.path, message, hint));
            continue;
        };
        let fields = Fields::of(&resource.properties_path, map);
        let kind = ["type", "typePropertiesType"].into_iter().filter_map(|name| fields.get(name));
        let kind = kind.last().and_then(|entry| entry.text(&mut work.problems));
        let is_pool = match kind {
            Some(kind) => kind.eq_ignore_ascii_case("pool"),
            None => map.get("pool").is_some_and(|pool| !pool.is_null()),
        };
        if is_pool {
            pools.push(pool::read(resource, &fields, work));
        } else {
            backends.extend(backend::read(resource, &fields, work));
        }
    }
    (backends, pools)
}

/// The text without the mark that Windows puts in front of it.
fn text(bytes: &[u8]) -> Result<&[u8], Problem> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        let hint = "save the file as UTF-8; in PowerShell: `… | Out-File -Encoding utf8`";
        return Err(Problem::new("", "the file is UTF-16", hint));
    }
    Ok(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
}

fn not_json(problem: Problem) -> Vec<Problem> {
    let hint = "Bicep becomes JSON with `az bicep build --file main.bicep --stdout`; Terraform and YAML are not read";
    vec![Problem { hint: hint.to_owned(), ..problem }]
}
