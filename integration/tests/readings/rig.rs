//! Everything that the rows share: a server, two proxies before it, and two gateways before those.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use spillway_integration::{Gateway, Nginx, Plain};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::journal::Journal;
use crate::server::Server;
use crate::{envoy, gateways, nginx};

/// A running rig. Everything in it ends when it is dropped.
pub(crate) struct Rig {
    pub(crate) runtime: Handle,
    pub(crate) journal: Journal,
    // The gateways end first, the folder goes last: fields are dropped in this order.
    mesh: Gateway,
    rendered: Gateway,
    nginx: Nginx,
    _envoy: Plain,
    server: Server,
    _folder: TempDir,
    sent: AtomicU64,
}

/// How the gateway runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// In an Envoy whose listener normalises nothing.
    Mesh,
    /// As `spillway up` starts it.
    Rendered,
}

impl Rig {
    pub(crate) async fn start(runtime: Handle) -> Self {
        let folder = tempfile::Builder::new().prefix("spillway-test-").tempdir().expect("tmp");
        let path: &Path = folder.path();
        let journal = Journal(path.join("journal"));
        let server = Server::start(path, &journal.0).await;
        let (nginx, envoy) =
            tokio::join!(nginx::start(path, server.at), envoy::start(path, server.at));
        let config = gateways::config(nginx.at, envoy.at, server.at);
        let (mesh, rendered) = tokio::join!(gateways::mesh(&config), gateways::rendered(&config));
        let sent = AtomicU64::new(0);
        Self {
            runtime,
            journal,
            mesh,
            rendered,
            nginx,
            _envoy: envoy,
            server,
            _folder: folder,
            sent,
        }
    }

    pub(crate) fn gateway(&self, way: Way) -> &Gateway {
        match way {
            Way::Mesh => &self.mesh,
            Way::Rendered => &self.rendered,
        }
    }

    /// What the journal knows a request by.
    pub(crate) fn next_id(&self) -> String {
        format!("row-{}", self.sent.fetch_add(1, Ordering::Relaxed))
    }

    /// What nginx, the server and the gateways complained about.
    pub(crate) fn logs(&self) -> String {
        let complaints = |gateway: &Gateway| {
            let log = gateway.log();
            let lines =
                log.lines().filter(|line| COMPLAINTS.iter().any(|word| line.contains(word)));
            lines.map(|line| format!("{line}\n")).collect::<String>()
        };
        format!(
            "--- nginx\n{}--- the server\n{}--- the gateway in a mesh\n{}--- the gateway as rendered\n{}",
            self.nginx.log(),
            self.server.log(),
            complaints(&self.mesh),
            complaints(&self.rendered),
        )
    }
}

impl Way {
    pub(crate) const ALL: [Self; 2] = [Self::Mesh, Self::Rendered];
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mesh => "mesh",
            Self::Rendered => "rendered",
        })
    }
}

/// The models that are served, and the backend behind each.
pub(crate) const MODELS: [(&str, &str); 3] =
    [(DEFAULT_MODEL, "nginx"), ("gpt-4o-mini", "envoy"), ("gpt-4.1", "python")];
/// The model of requests that name none.
pub(crate) const DEFAULT_MODEL: &str = "gpt-4o";
/// The key that the rows are sent with.
pub(crate) const CLIENT: &str = "key-of-the-chat-app-5d1e";
/// Another client's key.
pub(crate) const OTHER: &str = "key-of-the-other-app-b2f0";

const COMPLAINTS: [&str; 3] = ["[warning]", "[error]", "[critical]"];
