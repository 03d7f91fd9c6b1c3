//! `spillway render compose`: a compose file for a gateway of one's own.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::yaml;
use crate::cli::file::Loaded;
use crate::cli::{Exit, Output};
use crate::compose::{Options, compose, notes};
use crate::otlp::Flags;

/// A compose file that runs the gateway in a container
#[derive(Debug, clap::Args)]
pub(super) struct Compose {
    /// The configuration, YAML or JSON, by its path from where the compose file will be
    #[arg(value_parser = not_stdin)]
    pub(super) file: PathBuf,
    /// The gateway's image; deploy/Dockerfile makes it
    #[arg(long, value_name = "IMAGE", default_value = concat!("spillway:", env!("CARGO_PKG_VERSION")))]
    image: String,
    /// Where clients connect, on the machine that runs it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:10000")]
    publish: SocketAddr,
    #[command(flatten)]
    otlp: Flags,
}

impl Compose {
    pub(super) fn print(&self, loaded: &Loaded, output: &mut Output<'_>) -> io::Result<Exit> {
        if let Err(problems) = self.otlp.read(&|_| None) {
            return super::refuse(&problems, output);
        }
        let (file, image, publish, otlp) = (&self.file, &self.image, self.publish, &self.otlp);
        let options = Options { file, image, publish, otlp };
        let rendered = compose(&loaded.config, &options);
        for note in notes(&loaded.config) {
            writeln!(output.talk, "note: {note}")?;
        }
        writeln!(
            output.data,
            "# Rendered by `spillway render compose`; docs/rendered/compose.md says why."
        )?;
        write!(output.data, "{}", yaml(&rendered)?)?;
        Ok(Exit::Ok)
    }
}

fn not_stdin(text: &str) -> Result<PathBuf, &'static str> {
    if text == "-" {
        Err("a container is given a file, and stdin is none")
    } else {
        Ok(text.into())
    }
}
