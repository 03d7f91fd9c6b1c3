//! What a running Envoy has been told of the file, and how it is brought from one to the next.
//!
//! A request lives with one configuration from its start to its end: Envoy gives it the filters and
//! the route table of that moment. Its clusters, though, are looked up by name for every
//! attempt. So a cluster never changes under its name: a backend with another URL or key becomes a
//! cluster with another name (`eastus~2`), the new downstream filter sends its requests there, and those
//! that began before stay with the backend that they were made for, host, path and key.
//!
//! An [`Update`] is therefore told in an order in which Envoy always has what it asks for: clusters,
//! old and new; routes to all of them; the filters. Clusters that get no new requests stay for as long
//! as an old one may still try them ([`XdsState::without_retired`]).
//!
//! No name is given twice: a request that is still on its way to the first bearer would meet the
//! second.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::cluster::{self, Known};
use super::discovery::{self, Service};
use super::secret::{self, Keys, SecretFile};
use super::wasm::{self, Environment};
use super::{Options, route};
use spillway::config::Config;
use spillway::status::report::Refused;
use spillway::time::Timestamp;

/// What Envoy has been told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct XdsState {
    version: u64,
    clusters: Vec<Cluster>,
    /// All that any file since the start has needed: the environment is the VM's, and a VM that is
    /// replaced is compiled again, with a new cluster for every backend.
    environment: Environment,
    /// The backends that have ever had a cluster of their own name.
    named: BTreeSet<String>,
    /// By backend, where the name of its cluster is another.
    aliases: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Cluster {
    name: String,
    backend: String,
    /// All that makes it what it is: the cluster under its backend's name.
    definition: String,
    rendered: Value,
    /// No request is sent to it any more, and those that began before will be over by then.
    retired: Option<Timestamp>,
}

/// What is to be told, in this order.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The files that lead to keys.
    pub secrets: Vec<SecretFile>,
    /// Each service with the file that it is to find.
    pub services: Vec<(Service, Value)>,
    /// Its number.
    pub version: u64,
}

impl XdsState {
    /// What Envoy will have been told once it has taken this configuration, and what is to be told
    /// for that. `until`: when requests that began before will be over.
    pub fn with(
        &self,
        config: &Config,
        raw: &Value,
        options: &Options,
        until: Timestamp,
    ) -> (Self, Update) {
        let version = self.version + 1;
        let environment = self.environment.and(&Environment::of(config));
        let retire =
            |old: &Cluster| Cluster { retired: old.retired.or(Some(until)), ..old.clone() };
        let mut clusters: Vec<Cluster> = self.clusters.iter().map(retire).collect();
        let mut named = self.named.clone();
        let mut aliases = BTreeMap::new();
        for backend in &config.backends {
            let known =
                Known { name: &backend.name, keys: Keys::OfSources, environment: &environment };
            let definition = cluster::cluster(backend, known, config, options).to_string();
            let same =
                |old: &&mut Cluster| old.backend == backend.name && old.definition == definition;
            let name = if let Some(old) = clusters.iter_mut().find(same) {
                old.retired = None;
                old.name.clone()
            } else {
                let name = if named.insert(backend.name.clone()) {
                    backend.name.clone()
                } else {
                    // No backend's own name holds a `~`.
                    format!("{}~{version}", backend.name)
                };
                let known = Known { name: &name, ..known };
                clusters.push(Cluster {
                    backend: backend.name.clone(),
                    definition,
                    rendered: cluster::cluster(backend, known, config, options),
                    retired: None,
                    name: name.clone(),
                });
                name
            };
            if name != backend.name {
                aliases.insert(backend.name.clone(), name);
            }
        }
        let xds_state = Self { version, clusters, environment, named, aliases };
        let filters = xds_state.filters(raw, None, options);
        let mut services = vec![xds_state.clusters_file(), xds_state.routes_file(config, options)];
        let told = if options.status.is_some() { 2 } else { 1 };
        for (name, filter) in wasm::LISTENER_FILTERS.into_iter().zip(filters).take(told) {
            let file = discovery::answer(xds_state.version, vec![discovery::filter(filter)]);
            services.push((Service::Filter(name), file));
        }
        let secrets = secret::files(config, Keys::OfSources, options);
        let update = Update { secrets, services, version: xds_state.version };
        (xds_state, update)
    }

    /// When the first cluster need not be kept any longer.
    pub fn next_retirement(&self) -> Option<Timestamp> {
        self.clusters.iter().filter_map(|cluster| cluster.retired).min()
    }

    /// The same without the clusters that need not be kept by now. `None`: there are none.
    pub fn without_retired(
        &self,
        now: Timestamp,
        config: &Config,
        options: &Options,
    ) -> Option<(Self, Update)> {
        let is_kept = |cluster: &&Cluster| cluster.retired.is_none_or(|until| until > now);
        let clusters: Vec<Cluster> = self.clusters.iter().filter(is_kept).cloned().collect();
        if clusters.len() == self.clusters.len() {
            return None;
        }
        let xds_state = Self { version: self.version + 1, clusters, ..self.clone() };
        let services = vec![xds_state.routes_file(config, options), xds_state.clusters_file()];
        let update = Update { secrets: Vec::new(), services, version: xds_state.version };
        Some((xds_state, update))
    }

    /// The same, told once more with what is to be seen of a newer file that was refused; `None`: with
    /// nothing, as there is none any more.
    pub fn with_refused(
        &self,
        raw: &Value,
        refused: Option<&Refused>,
        options: &Options,
    ) -> (Self, Update) {
        let xds_state = Self { version: self.version + 1, ..self.clone() };
        let ([filter, _], [name, _]) =
            (xds_state.filters(raw, refused, options), wasm::LISTENER_FILTERS);
        let file = discovery::answer(xds_state.version, vec![discovery::filter(filter)]);
        let services = vec![(Service::Filter(name), file)];
        let update = Update { secrets: Vec::new(), services, version: xds_state.version };
        (xds_state, update)
    }

    fn filters(&self, raw: &Value, refused: Option<&Refused>, options: &Options) -> [Value; 2] {
        wasm::listener_filters(raw, &self.aliases, refused, &self.environment, options)
    }

    /// Returns what tells the filter that the process ends, so that it answers the clients that still
    /// wait.
    pub fn shutdown(&self, options: &Options) -> Update {
        let version = self.version + 1;
        let filter = wasm::shutdown_filter(&self.environment, options);
        let file = discovery::answer(version, vec![discovery::filter(filter)]);
        let [gateway, _] = wasm::LISTENER_FILTERS;
        let services = vec![(Service::Filter(gateway), file)];
        Update { secrets: Vec::new(), services, version }
    }

    /// The same, where an update was not taken: its number has been seen.
    #[must_use]
    pub fn not_taken(&self, update: &Update) -> Self {
        Self { version: update.version, ..self.clone() }
    }

    /// Whether `next` has the filter read variables that this has not: then it needs another VM.
    pub fn needs_another_vm(&self, next: &Self) -> bool {
        self.environment != next.environment
    }

    fn clusters_file(&self) -> (Service, Value) {
        let all = self.clusters.iter().map(|cluster| discovery::cluster(cluster.rendered.clone()));
        (Service::Clusters, discovery::answer(self.version, all.collect()))
    }

    fn routes_file(&self, config: &Config, options: &Options) -> (Service, Value) {
        let names = self.clusters.iter().map(|cluster| cluster.name.as_str());
        let table = discovery::route_table(route::routes(config, names, options));
        (Service::Routes, discovery::answer(self.version, vec![table]))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::envoy::{Abilities, AccessLog};
    use spillway::config::check;
    use spillway::time::Millis;

    fn options() -> Options {
        Options {
            listen: ([127, 0, 0, 1], 0).into(),
            admin: ([127, 0, 0, 1], 0).into(),
            metrics: None,
            status: Some(([127, 0, 0, 1], 0).into()),
            otlp: None,
            filter: "/filter.wasm".into(),
            access_log: AccessLog::Off,
            state_dir: "/state".into(),
            ca_bundle: "/ca.pem".into(),
            envoy: Abilities::default(),
        }
    }

    /// A file with these backends and URLs, and clients with these variables.
    fn file(backends: &[(&str, &str)], clients: &[&str]) -> Value {
        let names: Vec<&str> = backends.iter().map(|(name, _)| *name).collect();
        let backends: serde_json::Map<String, Value> = backends
            .iter()
            .map(|(name, url)| ((*name).to_owned(), json!({ "url": url, "api_key": "${KEY}" })))
            .collect();
        let client =
            |name: &&str| json!({ "name": name.to_lowercase(), "key": format!("${{{name}}}") });
        let clients: Vec<Value> = clients.iter().map(client).collect();
        json!({ "backends": backends, "models": { "m": { "pool": names } }, "clients": clients })
    }

    fn then(xds_state: &XdsState, file: &Value, until: u64) -> (XdsState, Update) {
        xds_state.with(&check(file).expect("a right file"), file, &options(), Timestamp(until))
    }

    /// The clusters in the order in which they were made, those that are retired in brackets.
    fn clusters(xds_state: &XdsState) -> String {
        let name = |cluster: &Cluster| match cluster.retired {
            Some(until) => format!("[{} {}]", cluster.name, until.0),
            None => cluster.name.clone(),
        };
        xds_state.clusters.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_cluster_never_changes_under_its_name() {
        let (first, _) =
            then(&XdsState::default(), &file(&[("a", "http://x"), ("b", "http://y")], &["C"]), 0);
        assert_eq!(clusters(&first), "a b");
        let (second, update) =
            then(&first, &file(&[("a", "http://z"), ("b", "http://y")], &["C"]), 60);
        assert_eq!(clusters(&second), "[a 60] b a~2");
        let gateway = |(service, _): &&_| *service == Service::Filter("spillway.gateway");
        let (_, gateway) = update.services.iter().find(gateway).expect("the downstream filter");
        assert!(gateway.to_string().contains(r#"\"clusters\":{\"a\":\"a~2\"}"#), "{gateway}");
        // Back to what is still there; what was retired before keeps its time.
        let (third, _) = then(&second, &file(&[("a", "http://x")], &["C"]), 90);
        assert_eq!(clusters(&third), "a [b 90] [a~2 90]");
        let (fourth, _) = then(&third, &file(&[("b", "http://y"), ("a", "http://w")], &["C"]), 99);
        assert_eq!(clusters(&fourth), "[a 99] b [a~2 90] a~4");
    }

    #[test]
    fn a_name_is_not_given_twice() {
        let one = file(&[("a", "http://x")], &["C"]);
        let (xds_state, _) = then(&XdsState::default(), &one, 0);
        let (xds_state, _) = then(&xds_state, &file(&[("b", "http://y")], &["C"]), 10);
        let config = check(&one).expect("a right file");
        assert_eq!(xds_state.next_retirement(), Some(Timestamp(10)));
        assert_eq!(xds_state.without_retired(Timestamp(9), &config, &options()), None);
        let (xds_state, update) =
            xds_state.without_retired(Timestamp(9) + Millis(1), &config, &options()).expect("one");
        assert_eq!(clusters(&xds_state), "b");
        // Nobody may be sent to a cluster that is taken away.
        let order: Vec<Service> = update.services.iter().map(|(service, _)| *service).collect();
        assert_eq!(order, [Service::Routes, Service::Clusters]);
        let (xds_state, _) = then(&xds_state, &one, 20);
        assert_eq!(clusters(&xds_state), "[b 20] a~4");
    }

    #[test]
    fn what_is_told_first_is_what_the_rest_asks_for() {
        let (xds_state, _) = then(&XdsState::default(), &file(&[("a", "http://x")], &["C"]), 0);
        let (xds_state, update) = then(&xds_state, &file(&[("b", "http://y")], &["C"]), 10);
        assert_eq!(clusters(&xds_state), "[a 10] b");
        let [(Service::Clusters, clusters), (Service::Routes, routes), filters @ ..] =
            update.services.as_slice()
        else {
            panic!("{:?}", update.services)
        };
        assert_eq!(clusters["resources"].as_array().map(Vec::len), Some(2));
        for name in ["a", "b"] {
            let action = format!(r#""cluster":"{name}""#);
            assert!(routes.to_string().contains(&action), "{routes}");
        }
        let filters: Vec<Service> = filters.iter().map(|(service, _)| *service).collect();
        assert_eq!(filters, wasm::LISTENER_FILTERS.map(Service::Filter));
        assert!(update.services.iter().all(|(_, file)| file["version_info"] == "2"));
    }

    #[test]
    fn only_a_variable_that_is_new_makes_another_vm() {
        let backends = [("a", "http://x")];
        let (one, _) = then(&XdsState::default(), &file(&backends, &["C", "D"]), 0);
        let (two, _) = then(&one, &file(&backends, &["C"]), 10);
        assert_eq!((clusters(&two).as_str(), one.needs_another_vm(&two)), ("a", false));
        let (three, _) = then(&two, &file(&backends, &["C", "E"]), 10);
        assert_eq!((clusters(&three).as_str(), two.needs_another_vm(&three)), ("[a 10] a~3", true));
    }
}
