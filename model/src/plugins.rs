//! What Envoy does on each worker before the first request: it configures the filters.

use std::rc::Rc;

use serde_json::{Value, json};
use spillway::failover_mode::FailoverMode;
use spillway::filter::{Call, Clusters, Filter, Plugin};
use spillway::gateway::Gateway;
use spillway::host::StreamId;
use spillway::status::report::Config;

use crate::{Memory, Place};

/// The filters of a worker, by their place; configured.
#[derive(Debug)]
pub struct Plugins {
    downstream: Plugin,
    upstream: Plugin,
}

impl Plugins {
    /// Configures the filters of a worker. A worker that serves already goes on with the new
    /// configuration, and its requests with theirs.
    pub fn configure(
        config: &Value,
        failover: FailoverMode,
        host: &Memory,
        call: &mut Call<'_>,
    ) -> Self {
        let mut configured = |plugin: &Value| {
            let plugin = Plugin::configure(plugin.to_string().as_bytes(), host, call);
            plugin.unwrap_or_else(|problems| panic!("{problems:#?}"))
        };
        let upstream = configured(&json!({ "seat": "backend" }));
        let downstream =
            configured(&json!({ "seat": "gateway", "config": config, "failover": failover }));
        Self { downstream, upstream }
    }

    /// The filters of a worker with a configuration that is ready.
    pub fn serving(gateway: &Rc<Gateway>, call: &mut Call<'_>) -> Self {
        let about = Config { digest: String::new(), loaded_ms: 0, refused: None };
        let downstream = Plugin::serving(gateway, Clusters::default(), about, call);
        Self { downstream, upstream: Plugin::Upstream }
    }

    /// The filter of a new stream; `None` where the place has none of these.
    pub fn filter(&self, place: Place, stream: StreamId, call: &mut Call<'_>) -> Option<Filter> {
        match place {
            Place::Downstream => self.downstream.filter(stream, call),
            Place::Upstream => self.upstream.filter(stream, call),
            Place::LastWords => None,
        }
    }
}
