//! The gateways that are compared, one file for each: how it is found, configured and started.

mod bare;
mod envoy;
mod litellm;
mod lua;
mod nginx;
mod portkey;
mod spillway;
mod tensorzero;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};

use crate::process::Process;
use crate::work::On;

/// The limit, by its name in tables.
pub(crate) const BARE: &str = bare::BARE.name;

/// What this is about.
pub(crate) const SPILLWAY: &str = spillway::SPILLWAY.name;

/// The others, by their names.
pub(crate) const LUA: &str = lua::LUA.name;
pub(crate) const NGINX: &str = nginx::NGINX.name;
pub(crate) const TENSORZERO: &str = tensorzero::TENSORZERO.name;
pub(crate) const PORTKEY: &str = portkey::PORTKEY.name;
pub(crate) const LITELLM: &str = litellm::LITELLM.name;

/// What a gateway stands before, and what it is to do.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Its backends, those of a tier together, the first tier first.
    pub(crate) tiers: Vec<Vec<SocketAddr>>,
    /// Worker threads.
    pub(crate) workers: usize,
    /// The processors that it may use, as `taskset` wants them.
    pub(crate) processors: String,
    /// What it does besides choosing a backend.
    pub(crate) on: On,
    /// Whether only the body says what model it is for.
    pub(crate) model_in_body: bool,
    /// Where its files go.
    pub(crate) folder: PathBuf,
}

/// Where the parts stand that the project builds or installs.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// The project's own tools.
    pub(crate) tools: PathBuf,
    /// The command and the filter.
    pub(crate) dist: PathBuf,
}

/// A gateway that could be measured.
#[derive(Clone, Copy)]
pub(crate) struct Gateway {
    /// Its name in tables.
    pub(crate) name: &'static str,
    /// By how much less it is asked than the others, so that a round of it does not take minutes.
    pub(crate) slower: u32,
    /// Its version, or why it cannot be measured here.
    pub(crate) version: fn(&Parts) -> anyhow::Result<String>,
    /// Starts it.
    pub(crate) start: fn(&Parts, &Setup) -> anyhow::Result<Running>,
}

/// A gateway that runs.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its process.
    pub(crate) process: Process,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What its clients must send.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Where its clients send chat requests, if not to the deployment's path.
    pub(crate) chat: Option<String>,
    /// Where they send Responses requests, if not where Azure has them.
    pub(crate) responses: Option<&'static str>,
    /// What its clients call the model.
    pub(crate) model: &'static str,
    /// From its start until it took connections.
    pub(crate) ready_after: Duration,
}

impl Gateway {
    /// All of them, the limit first.
    pub(crate) const ALL: [Self; 7] = [
        bare::BARE,
        lua::LUA,
        spillway::SPILLWAY,
        nginx::NGINX,
        tensorzero::TENSORZERO,
        portkey::PORTKEY,
        litellm::LITELLM,
    ];
}

impl Setup {
    /// Whether an access log is written, and the rest of what production has is on.
    pub(crate) fn everything(&self) -> bool {
        self.on != On::Nothing
    }

    /// Whether there is more than one tier.
    pub(crate) fn spills(&self) -> bool {
        self.tiers.len() > 1
    }
}

impl Running {
    fn new(process: Process, address: SocketAddr, ready_after: Duration) -> Self {
        Self {
            process,
            address,
            headers: vec![],
            chat: None,
            responses: None,
            model: "gpt-4o",
            ready_after,
        }
    }
}

/// The version of a Python package, by the name of its folder in an environment's `lib`.
fn installed(lib: &Path, start: &str) -> Option<String> {
    let python = std::fs::read_dir(lib).ok()?.flatten().next()?.path().join("site-packages");
    let names = std::fs::read_dir(python).ok()?.flatten();
    names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .find_map(|name| name.strip_suffix(".dist-info")?.strip_prefix(start).map(str::to_owned))
}

/// Whether a file is there; its name says what is missing.
fn there(path: &Path, hint: &str) -> anyhow::Result<()> {
    anyhow::ensure!(path.exists(), "{} is not there: {hint}", path.display());
    Ok(())
}
