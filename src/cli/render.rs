//! `spillway render`: what Spillway would tell Envoy, for whoever runs Envoy themselves.

mod envoy;
mod istio;
mod kubernetes;

use std::io;

use serde_json::Value;

use super::{Exit, Output};
use crate::config::Problem;

/// Print the configuration of an Envoy that is run without `spillway up`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, clap::Subcommand)]
enum Target {
    Envoy(envoy::Envoy),
    Istio(istio::Istio),
    Kubernetes(kubernetes::Kubernetes),
}

/// Prints what was asked for.
pub fn run(args: &Args, output: &mut Output<'_>) -> io::Result<Exit> {
    match &args.target {
        Target::Envoy(envoy) => envoy.run(output),
        Target::Istio(istio) => istio.run(output),
        Target::Kubernetes(kubernetes) => kubernetes.run(output),
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
        let yaml = serde_saphyr::to_string(resource).map_err(io::Error::other)?;
        write!(output.data, "---\n{yaml}")?;
    }
    Ok(())
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
