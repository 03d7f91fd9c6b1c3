//! `spillway render envoy`: the bootstrap, or the pieces of it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::yaml;
use crate::cli::file::Loaded;
use crate::cli::status::{self, StatusAddress};
use crate::cli::{Exit, Output};
use crate::envoy::pieces::{Piece, pieces};
use crate::envoy::version::Version;
use crate::envoy::{AccessLog, Options, bootstrap, secret_files, transport};
use crate::otlp::Flags;
use spillway::failover_mode::FailoverMode;

/// A bootstrap for `envoy -c`, as YAML; or the pieces of it for an Envoy in place
#[derive(Debug, clap::Args)]
pub(super) struct Envoy {
    /// The configuration, YAML or JSON
    pub(super) file: PathBuf,
    /// Where clients connect
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:10000")]
    listen: SocketAddr,
    /// Where Envoy's admin interface listens; it can stop the gateway, so keep it private
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9901")]
    admin: SocketAddr,
    /// Where Prometheus finds Envoy's metrics, and nothing else of the admin interface
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Where the status page listens, or `off`; it has no key, so keep it private
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:10001", value_parser = status::parse_address)]
    status: StatusAddress,
    /// Where Envoy will find the filter
    #[arg(long, value_name = "PATH", default_value = "/etc/spillway/spillway.wasm")]
    filter: String,
    /// Where the line for each request goes: a file, `-` for standard output, or `off`
    #[arg(long, value_name = "PATH", default_value = "-")]
    access_log: AccessLog,
    #[command(flatten)]
    otlp: Flags,
    /// Where Envoy will find the files that lead to keys in files
    #[arg(long, value_name = "DIRECTORY", default_value = "/etc/spillway/secrets")]
    state_dir: String,
    /// The CA bundle that Envoy will find [default: this machine's]
    #[arg(long, value_name = "PATH")]
    ca_bundle: Option<String>,
    /// The Envoy that will run it, such as 1.36 or 1.38.2 [default: 1.39 or newer]
    #[arg(long, value_name = "VERSION", value_parser = Version::named)]
    envoy_version: Option<Version>,
    /// Print the pieces to paste into an Envoy in place, each with where it goes
    #[arg(long)]
    pieces: bool,
    /// Print this piece alone
    #[arg(long, value_name = "PIECE", value_enum, conflicts_with = "pieces")]
    piece: Option<Piece>,
}

impl Envoy {
    pub(super) fn print(&self, loaded: &Loaded, output: &mut Output<'_>) -> io::Result<Exit> {
        if self.metrics.is_some() && self.admin.port() == 0 {
            writeln!(output.talk, "error: with `--metrics`, `--admin` needs a port that is known")?;
            return Ok(Exit::Failed);
        }
        // Not by this shell's variables: what is rendered is for another place.
        let spans = match self.otlp.read(&|_| None) {
            Ok(spans) => spans,
            Err(problems) => return super::refuse(&problems, output),
        };
        let ca = self.ca_bundle.clone();
        let options = Options {
            listen: self.listen,
            admin: self.admin,
            metrics: self.metrics,
            status: self.status.address(),
            filter: self.filter.clone(),
            access_log: self.access_log.clone(),
            state_dir: self.state_dir.clone(),
            ca_bundle: ca.unwrap_or_else(|| transport::system_ca().to_owned()),
            envoy: self.envoy_version.map(Version::abilities).unwrap_or_default(),
            otlp: spans.exporter,
        };
        if let Some(note) = status::note(options.status) {
            writeln!(output.talk, "note: {note}")?;
        }
        if self.pieces || self.piece.is_some() {
            return self.print_pieces(loaded, &options, output);
        }
        let rendered = bootstrap(&loaded.config, &loaded.value, &options);
        writeln!(output.data, "# Rendered by `spillway render envoy`; {}.", needs(&options))?;
        tell_of_files(loaded, &options, output)?;
        write!(output.data, "{}", yaml(&rendered)?)?;
        Ok(Exit::Ok)
    }

    fn print_pieces(
        &self,
        loaded: &Loaded,
        options: &Options,
        output: &mut Output<'_>,
    ) -> io::Result<Exit> {
        let wanted = |piece: Piece| self.piece.is_none_or(|only| only == piece);
        let mut pieces = pieces(&loaded.config, &loaded.value, options);
        pieces.retain(|(piece, _)| wanted(*piece));
        if self.pieces {
            writeln!(output.data, "# Pieces for an Envoy in place; {}.", needs(options))?;
            writeln!(
                output.data,
                "# Where each goes, step by step: docs/attach/envoy-in-place.md"
            )?;
        }
        for (piece, value) in pieces {
            if self.pieces {
                writeln!(output.data, "---")?;
            }
            for (i, line) in piece.place().iter().enumerate() {
                let name = if i == 0 { format!("{}: ", piece.name()) } else { "  ".to_owned() };
                writeln!(output.data, "# {name}{line}")?;
            }
            if piece == Piece::Clusters {
                tell_of_files(loaded, options, output)?;
            }
            write!(output.data, "{}", yaml(&value)?)?;
        }
        Ok(Exit::Ok)
    }
}

/// Which Envoy it is for.
fn needs(options: &Options) -> &'static str {
    match options.envoy.failover {
        FailoverMode::Retry => "needs Envoy 1.39 or newer",
        FailoverMode::Redirect => "needs Envoy 1.37 or newer; docs/older-envoys.md",
        FailoverMode::RedirectUnheld => "needs Envoy 1.36.3 or newer; docs/older-envoys.md",
    }
}

/// The files that keys in files need.
fn tell_of_files(loaded: &Loaded, options: &Options, output: &mut Output<'_>) -> io::Result<()> {
    for file in secret_files(&loaded.config, options) {
        writeln!(output.data, "# Beside it, {} must hold:\n#   {}", file.path, file.content)?;
    }
    Ok(())
}
