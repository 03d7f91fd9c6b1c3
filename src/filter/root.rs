//! A plugin's configuration and its start: which seat this is, and what the file says.

use std::collections::HashMap;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::backend::Backend;
use super::effects::{CALCULATED, LASTING};
use super::exchanges::Desk;
use super::gateway::Gateway;
use super::status::{self, Status};
use super::{host, timer};
use crate::config::{Problem, check};
use crate::failover::Failover;
use crate::gateway;
use crate::status::report::Config as About;

/// A seat, before and after Envoy has configured it.
#[derive(Debug, Default)]
pub(super) enum Root {
    /// Not configured: takes no requests.
    #[default]
    Unconfigured,
    /// Downstream: with what the file says.
    Gateway(Rc<Desk>),
    /// Upstream: knows nothing but what the gateway seat tells.
    Backend,
    /// On the status listener, where it is asked for by any name or only by this machine's.
    Status { any_host: bool },
}

#[derive(Deserialize)]
#[serde(tag = "seat", rename_all = "lowercase", deny_unknown_fields)]
enum Plugin {
    Gateway {
        config: serde_json::Value,
        /// How the routes are made to fail over.
        #[serde(default)]
        failover: Failover,
        /// The clusters of the backends whose cluster has another name (ADR 15).
        #[serde(default)]
        clusters: HashMap<String, String>,
    },
    Backend,
    Status {
        /// Whether it answers whatever name it is asked for by.
        #[serde(default)]
        any_host: bool,
    },
}

impl Root {
    fn configured(bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        let plugin: Plugin = serde_json::from_slice(bytes).map_err(|error| {
            let hint = "`spillway render envoy` writes the plugin's configuration";
            vec![Problem::new(
                "",
                format!("the plugin's configuration is not readable: {error}"),
                hint,
            )]
        })?;
        let (config, failover, clusters) = match plugin {
            Plugin::Gateway { config, failover, clusters } => (config, failover, clusters),
            Plugin::Backend => {
                CALCULATED.into_iter().for_each(|note| host::put_as_text(note.property()));
                return Ok(Self::Backend);
            }
            Plugin::Status { any_host } => return Ok(Self::Status { any_host }),
        };
        let about = About { digest: digest(&config), loaded_ms: host::now().0 };
        let gateway = gateway::Gateway::new(check(&config)?, |name| std::env::var(name).ok())?;
        host::lay_out(gateway.counted());
        CALCULATED.into_iter().for_each(|note| host::put_as_text(note.property()));
        if failover.redirects() {
            LASTING.into_iter().for_each(host::keep_across_redirects);
        }
        let desk = Rc::new(Desk::new(gateway.with_failover(failover), clusters, about));
        status::serves(&desk);
        Ok(Self::Gateway(desk))
    }
}

/// What tells one file from another.
fn digest(config: &serde_json::Value) -> String {
    let hash = Sha256::digest(config.to_string());
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        match Self::configured(&host::plugin_configuration()) {
            Ok(root) => {
                *self = root;
                true
            }
            Err(problems) => {
                for problem in problems {
                    log::error!("spillway: {problem}");
                }
                false
            }
        }
    }

    fn on_tick(&mut self) {
        timer::fired();
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        match self {
            Self::Gateway(desk) => Some(Box::new(Gateway::new(desk.clone(), context))),
            Self::Status { any_host } => Some(Box::new(Status::new(*any_host))),
            Self::Backend => Some(Box::new(Backend::new(context))),
            Self::Unconfigured => None,
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
