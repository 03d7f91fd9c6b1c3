//! A plugin's configuration and its start: which seat this is, and what the file says.

use std::collections::HashMap;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use serde::Deserialize;

use super::backend::Backend;
use super::effects::LASTING;
use super::exchanges::Desk;
use super::gateway::Gateway;
use super::writer::Writer;
use super::{holds, host};
use crate::config::{Problem, check};
use crate::failover::Failover;
use crate::gateway;

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
    /// Downstream, nearest to the client.
    Writer,
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
    Writer,
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
            Plugin::Backend => return Ok(Self::Backend),
            Plugin::Writer => return Ok(Self::Writer),
        };
        let gateway = gateway::Gateway::new(check(&config)?, |name| std::env::var(name).ok())?;
        host::lay_out(gateway.counted());
        if failover.redirects() {
            LASTING.into_iter().for_each(host::keep_across_redirects);
        }
        Ok(Self::Gateway(Rc::new(Desk::new(gateway.with_failover(failover), clusters))))
    }
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
        holds::tick();
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        match self {
            Self::Gateway(desk) => Some(Box::new(Gateway::new(desk.clone(), context))),
            Self::Writer => Some(Box::new(Writer)),
            Self::Backend => Some(Box::new(Backend::new(context))),
            Self::Unconfigured => None,
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
