//! A running region.
//!
//! The handle a test holds: where the region listens, what it has seen, what it shall
//! do next. The region lives as long as the handle. Going *down* is more than closing
//! the listener: connections a gateway keeps in its pool break as well. The port stays
//! reserved all the while, by a second socket that is bound to it but never listens,
//! so that nobody else can answer there and the kernel refuses whoever connects.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpSocket;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::config::RegionConfig;
use crate::connection;
use crate::journal::SeenRequest;
use crate::limits::Limits;
use crate::script::Script;
use crate::state::{State, lock};
use crate::stats::Stats;

/// A simulated Azure OpenAI resource, listening on its own port.
#[derive(Debug)]
pub struct Region {
    state: Arc<State>,
    /// Held, not used: see the module.
    _reserved: TcpSocket,
    address: SocketAddr,
    tls: Option<Acceptor>,
    /// The task that listens; none while the region is down.
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl Region {
    /// Starts listening. Needs a tokio runtime.
    pub async fn start(config: RegionConfig) -> io::Result<Self> {
        let tls = match &config.tls {
            Some(tls) => Some(Acceptor(tls.acceptor()?)),
            None => None,
        };
        let reserved = connection::bind(config.listen)?;
        let region = Self {
            state: Arc::new(State::new(config)),
            address: reserved.local_addr()?,
            _reserved: reserved,
            tls,
            listening: Mutex::new(None),
        };
        region.set_up().await?;
        Ok(region)
    }

    /// Its short name, as in `eastus`.
    pub fn name(&self) -> &str {
        &self.state.config.name
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL without a path.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The requests seen so far, in order of arrival.
    pub fn requests(&self) -> Vec<SeenRequest> {
        lock(&self.state.journal).requests()
    }

    /// The sums so far.
    pub fn stats(&self) -> Stats {
        lock(&self.state.stats).clone()
    }

    /// Forgets requests and sums; script, limits and stored responses stay.
    pub fn clear(&self) {
        self.state.clear();
    }

    /// Plays `script` from now on, instead of what was left of an earlier one.
    pub fn script(&self, script: impl Into<Script>) {
        self.state.set_script(script.into());
    }

    /// Puts one deployment, or with `None` all known ones, under new limits.
    pub fn set_limits(&self, deployment: Option<&str>, limits: &Limits) {
        self.state.set_limits(deployment, limits);
    }

    /// Forgets what has been used of the limits.
    pub fn reset_limits(&self) {
        self.state.reset_limits();
    }

    /// Refuses connections and breaks those there are.
    pub async fn set_down(&self) {
        if let Some(task) = self.listening.lock().await.take() {
            task.abort();
            // It ends as cancelled, which is what was asked for.
            let _ = task.await;
        }
    }

    /// Listens again, on the same port.
    pub async fn set_up(&self) -> io::Result<()> {
        let mut listening = self.listening.lock().await;
        if listening.is_none() {
            let listener = connection::bind(self.address)?.listen(BACKLOG)?;
            let tls = self.tls.as_ref().map(|acceptor| acceptor.0.clone());
            let state = Arc::clone(&self.state);
            *listening = Some(tokio::spawn(connection::serve(listener, tls, state)));
        }
        Ok(())
    }

    /// Goes away; waits until the port is free.
    pub async fn stop(self) {
        self.set_down().await;
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Some(task) = self.listening.get_mut() {
            task.abort();
        }
    }
}

struct Acceptor(TlsAcceptor);

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

/// Connections the kernel holds until they are accepted.
const BACKLOG: u32 = 4_096;
