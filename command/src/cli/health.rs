//! `spillway health`: does the gateway take requests?
//!
//! Envoy's image has neither curl nor wget, and a container's health check must be made of what is
//! in the container.

use std::io;
use std::net::SocketAddr;

use super::{Exit, Output};
use crate::envoy::admin::Admin;

/// Say whether a running gateway takes requests
///
/// For health checks, where there is no curl. Exits with 0 where Envoy has loaded everything and
/// takes requests, and with 1 where it has not yet, is ending, or cannot be reached.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where Envoy's admin interface listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9901")]
    admin: SocketAddr,
}

/// Asks, and says what was answered.
pub fn run(args: &Args, output: &mut Output<'_>) -> io::Result<Exit> {
    let admin = Admin::at(args.admin);
    if admin.is_live() {
        writeln!(output.data, "ready")?;
        return Ok(Exit::Ok);
    }
    writeln!(output.talk, "not ready: asked {}", admin.address())?;
    Ok(Exit::Problems)
}
