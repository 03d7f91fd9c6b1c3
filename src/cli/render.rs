//! `spillway render`: what Spillway would tell Envoy, for whoever runs Envoy themselves.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use super::file::{self, Loaded};
use super::status::{self, Wish};
use super::{Exit, Output};
use crate::envoy::version::Version;
use crate::envoy::{AccessLog, Options, bootstrap, secret_files, transport};
use crate::failover::Failover;

/// Print the configuration of an Envoy that is run without `spillway up`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, clap::Subcommand)]
enum Target {
    /// A bootstrap for `envoy -c`, as YAML
    Envoy(Envoy),
}

#[derive(Debug, clap::Args)]
struct Envoy {
    /// The configuration, YAML or JSON
    file: PathBuf,
    /// Where clients connect
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:10000")]
    listen: SocketAddr,
    /// Where Envoy's admin interface listens; it can stop the gateway, so keep it private
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9901")]
    admin: SocketAddr,
    /// Where the status page listens, or `off`; it has no key, so keep it private
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:10001", value_parser = status::wish)]
    status: Wish,
    /// Where Envoy will find the filter
    #[arg(long, value_name = "PATH", default_value = "/etc/spillway/spillway.wasm")]
    filter: String,
    /// Where the line for each request goes: a file, `-` for standard output, or `off`
    #[arg(long, value_name = "PATH", default_value = "-")]
    access_log: AccessLog,
    /// Where spans of requests and attempts go: an OpenTelemetry collector, OTLP over HTTP
    #[arg(long, value_name = "ADDRESS")]
    otlp: Option<SocketAddr>,
    /// Where Envoy will find the files that lead to keys in files
    #[arg(long, value_name = "DIRECTORY", default_value = "/etc/spillway/secrets")]
    state_dir: String,
    /// The CA bundle that Envoy will find [default: this machine's]
    #[arg(long, value_name = "PATH")]
    ca_bundle: Option<String>,
    /// The Envoy that will run it, such as 1.36 or 1.38.2 [default: 1.39 or newer]
    #[arg(long, value_name = "VERSION", value_parser = Version::named)]
    envoy_version: Option<Version>,
}

/// Prints what was asked for.
pub fn run(args: &Args, output: &mut Output<'_>) -> io::Result<Exit> {
    let Target::Envoy(envoy) = &args.target;
    match file::load(&envoy.file) {
        Ok(loaded) => envoy.print(&loaded, output),
        Err(failure) => failure.report(&envoy.file, output),
    }
}

impl Envoy {
    fn print(&self, loaded: &Loaded, output: &mut Output<'_>) -> io::Result<Exit> {
        let ca = self.ca_bundle.clone();
        let options = Options {
            listen: self.listen,
            admin: self.admin,
            status: self.status.address(),
            filter: self.filter.clone(),
            access_log: self.access_log.clone(),
            state_dir: self.state_dir.clone(),
            ca_bundle: ca.unwrap_or_else(|| transport::system_ca().to_owned()),
            envoy: self.envoy_version.map(Version::abilities).unwrap_or_default(),
            otlp: self.otlp,
        };
        let rendered = bootstrap(&loaded.config, &loaded.value, &options);
        let yaml = serde_saphyr::to_string(&rendered).map_err(io::Error::other)?;

        if let Some(note) = status::note(options.status) {
            writeln!(output.talk, "note: {note}")?;
        }
        let data = &mut output.data;
        let needs = match options.envoy.failover {
            Failover::Retry => "needs Envoy 1.39 or newer",
            Failover::Redirect => "needs Envoy 1.37 or newer; docs/older-envoys.md",
            Failover::RedirectUnheld => "needs Envoy 1.36.3 or newer; docs/older-envoys.md",
        };
        writeln!(data, "# Rendered by `spillway render envoy`; {needs}.")?;
        for file in secret_files(&loaded.config, &options) {
            writeln!(data, "# Beside it, {} must hold:\n#   {}", file.path, file.content)?;
        }
        write!(data, "{yaml}")?;
        Ok(Exit::Ok)
    }
}
