//! `spillway render`: what Spillway would tell Envoy, for whoever runs Envoy themselves.

mod compose;
mod envoy;
mod istio;
mod kubernetes;

use std::io;
use std::path::Path;

use serde_json::Value;

use super::{Exit, Output, file};
use spillway::config::Problem;

/// Print the configuration of an Envoy that is run without `spillway up`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, clap::Subcommand)]
enum Target {
    Envoy(Box<envoy::Envoy>),
    Istio(istio::Istio),
    Kubernetes(kubernetes::Kubernetes),
    Compose(compose::Compose),
}

impl Target {
    /// The configuration to render.
    fn file(&self) -> &Path {
        match self {
            Self::Envoy(envoy) => &envoy.file,
            Self::Istio(istio) => &istio.file,
            Self::Kubernetes(kubernetes) => &kubernetes.file,
            Self::Compose(compose) => &compose.file,
        }
    }
}

/// Prints what was asked for.
pub fn run(args: &Args, output: &mut Output<'_>) -> io::Result<Exit> {
    let path = args.target.file();
    let loaded = match file::load(path) {
        Ok(loaded) => loaded,
        Err(failure) => return failure.report(path, output),
    };
    match &args.target {
        Target::Envoy(envoy) => envoy.print(&loaded, output),
        Target::Istio(istio) => istio.run(loaded, output),
        Target::Kubernetes(kubernetes) => kubernetes.run(loaded, output),
        Target::Compose(compose) => compose.print(&loaded, output),
    }
}

/// Says what is wrong with what was asked for, all of it.
fn refuse(problems: &[Problem], output: &mut Output<'_>) -> io::Result<Exit> {
    for problem in problems {
        writeln!(output.talk, "error: {problem}")?;
    }
    Ok(Exit::Failed)
}

/// Prints resources as one stream of YAML.
fn print(resources: &[Value], output: &mut Output<'_>) -> io::Result<()> {
    for resource in resources {
        write!(output.data, "---\n{}", yaml(resource)?)?;
    }
    Ok(())
}

fn yaml(value: &Value) -> io::Result<String> {
    serde_saphyr::to_string(value).map_err(io::Error::other)
}

/// Reads `key=value,key=value`.
fn labels(text: &str) -> Result<Vec<(String, String)>, String> {
    let label = |part: &str| {
        let (key, value) = part.split_once('=')?;
        let (key, value) = (key.trim(), value.trim());
        (!key.is_empty()).then(|| (key.to_owned(), value.to_owned()))
    };
    let labels: Option<Vec<_>> = text.split(',').map(label).collect();
    labels.ok_or_else(|| "labels look like app=chat or app=chat,tier=web".to_owned())
}

/// What is wrong with this argument, if it is no name in Kubernetes.
fn no_name(argument: &str, name: &str) -> Option<Problem> {
    (!is_label(name)).then(|| {
        no_such_name(argument, name, "lower-case letters, digits and `-`, at most 63 of them")
    })
}

/// The same of one that may have dots in it, as those of most resources.
fn no_dotted_name(argument: &str, name: &str) -> Option<Problem> {
    let is_name = name.len() <= 253 && name.split('.').all(is_label);
    let hint = "lower-case letters, digits, `-` and `.`, at most 253 of them";
    (!is_name).then(|| no_such_name(argument, name, hint))
}

fn no_such_name(argument: &str, name: &str, hint: &str) -> Problem {
    let name = spillway::config::quoted(name);
    Problem::new("", format!("--{argument}: {name} is no name in Kubernetes"), hint)
}

fn is_label(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let ends = !name.starts_with('-') && !name.ends_with('-');
    (1..=63).contains(&name.len()) && name.bytes().all(is_inner) && ends
}
