//! A plugin's configuration and its start: which filter this is, and what the file says.

use std::collections::HashMap;
use std::rc::Rc;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::carry_out::{ATTEMPT_LIST, CALCULATED, LASTING};
use super::downstream::Downstream;
use super::instance::{Clusters, Instance};
use super::meters;
use super::status::Status;
use super::upstream::Upstream;
use super::{Call, Filter};
use crate::breaker::store::{self, BreakerStore};
use crate::breaker::window;
use crate::config::{Problem, check};
use crate::exchange::effect::LogField;
use crate::failover_mode::FailoverMode;
use crate::gateway::Gateway;
use crate::host::{self, Declaration};
use crate::status::report::{Config as About, Refused};
use crate::status::{Activity, activity};

/// A filter's place, before and after Envoy has configured it.
#[derive(Debug, Default)]
pub enum Plugin {
    /// Not configured: takes no requests.
    #[default]
    Unconfigured,
    /// In front of the router: with what the file says.
    Downstream(Rc<Instance>),
    /// Behind it: knows nothing but what the downstream filter tells.
    Upstream,
    /// In front of the router of a process that ends: takes no requests any more.
    Closed,
    /// On the status listener, where it is asked for by any name or only by this machine's.
    Status {
        /// Whether it answers whatever name it is asked for by.
        any_host: bool,
    },
}

/// The configuration as it is written.
#[derive(Deserialize)]
#[serde(tag = "seat", rename_all = "lowercase", deny_unknown_fields)]
enum Written {
    Gateway {
        config: serde_json::Value,
        /// A newer one that `spillway up` has refused.
        #[serde(default)]
        refused: Option<Refused>,
        /// How the routes are made to fail over.
        #[serde(default)]
        failover: FailoverMode,
        /// The clusters of the backends whose cluster has another name (ADR 15).
        #[serde(default)]
        clusters: HashMap<String, String>,
        /// The router goes by a header ([`super::CLUSTER_HEADER`]): it cannot read what the filter has set.
        #[serde(default)]
        cluster_header: bool,
    },
    Backend,
    /// The process ends, and with it whatever still runs.
    Shutdown,
    Status {
        /// Whether it answers whatever name it is asked for by.
        #[serde(default)]
        any_host: bool,
    },
}

impl Plugin {
    /// Reads a plugin's configuration, and gets ready for requests.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn configure(
        bytes: &[u8],
        plugin: &dyn host::Plugin,
        call: &mut Call<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let read = Self::read(bytes, plugin, call);
        if read.is_err() {
            meters::refuse(call.worker.newest().map(Rc::as_ref), call.host);
        }
        read
    }

    fn read(
        bytes: &[u8],
        plugin: &dyn host::Plugin,
        call: &mut Call<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let written: Written = serde_json::from_slice(bytes).map_err(|error| {
            let hint = "`spillway render envoy` writes the plugin's configuration";
            vec![Problem::new(
                "",
                format!("the plugin's configuration is not readable: {error}"),
                hint,
            )]
        })?;
        let (config, refused, failover, clusters) = match written {
            Written::Gateway { config, refused, failover, clusters, cluster_header } => {
                let clusters = Clusters { names: clusters, by_header: cluster_header };
                (config, refused, failover, clusters)
            }
            Written::Backend => {
                declare(plugin, Declaration::Text, CALCULATED.map(LogField::property));
                return Ok(Self::Upstream);
            }
            Written::Shutdown => {
                call.shut_down();
                return Ok(Self::Closed);
            }
            Written::Status { any_host } => return Ok(Self::Status { any_host }),
        };
        let host = call.host;
        let about = About { digest: digest(&config), loaded_ms: host.now().0, refused };
        let gateway = Gateway::new(check(&config)?, |name| plugin.variable(name))?;
        declare(plugin, Declaration::Text, CALCULATED.map(LogField::property));
        declare(plugin, Declaration::List, [ATTEMPT_LIST]);
        if failover.redirects() {
            declare(plugin, Declaration::Lasting, LASTING);
        }
        let gateway = Rc::new(gateway.with_failover(failover));
        Ok(Self::serving(&gateway, clusters, about, call))
    }

    /// In front of the router, with a configuration that is ready.
    pub fn serving(
        gateway: &Rc<Gateway>,
        clusters: Clusters,
        about: About,
        call: &mut Call<'_>,
    ) -> Self {
        let host = call.host;
        host::lay_out(host, store::KEY, &BreakerStore::default().encode(host.now()));
        host::lay_out(host, activity::KEY, &Activity::default().encode());
        for circuit in gateway.counted() {
            host::lay_out(host, &window::key(circuit), &[]);
        }
        let before = call.worker.newest().cloned();
        let instance = Instance::new(gateway.clone(), clusters, about, before.as_deref());
        let instance = Rc::new(instance);
        call.serve(&instance);
        Self::Downstream(instance)
    }

    /// The filter of a new stream; `None`: this plugin takes none.
    pub fn filter(&self, stream: host::StreamId, call: &mut Call<'_>) -> Option<Filter> {
        match self {
            Self::Downstream(instance) => {
                Some(Filter::Downstream(Downstream::new(instance.clone(), stream, call)))
            }
            Self::Closed => Some(Filter::Closed),
            Self::Upstream => Some(Filter::Upstream(Upstream::new(stream))),
            Self::Status { any_host } => Some(Filter::Status(Status::new(*any_host))),
            Self::Unconfigured => None,
        }
    }
}

impl Call<'_> {
    /// An instance has been configured, and serves from now on.
    fn serve(&mut self, instance: &Rc<Instance>) {
        let now = self.host.now();
        let due = instance.meters.begin(&instance.gateway, &instance.about, self.host);
        if let Some(due) = due {
            self.wanted(due, now);
        }
        self.worker.newest = Some(instance.clone());
    }
}

fn declare<const N: usize>(plugin: &dyn host::Plugin, how: Declaration, names: [&str; N]) {
    names.into_iter().for_each(|name| plugin.declare(name, how));
}

/// What tells one file from another.
fn digest(config: &serde_json::Value) -> String {
    let hash = Sha256::digest(config.to_string());
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
