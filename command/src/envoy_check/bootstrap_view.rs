//! What there is of Spillway in a bootstrap, and where.
//!
//! The same eyes look at what a reader has and at what would be rendered for the same
//! spillway.yaml, so that both can be held side by side.

use serde_json::Value;

use super::at::At;
use crate::envoy::reasons::Part;
use crate::envoy::route::CLUSTER_KEY;

/// What was found.
#[derive(Debug)]
pub(super) struct BootstrapView<'a> {
    pub root: At<'a>,
    /// Whether there is any listener, with or without the filter.
    pub listens: bool,
    pub listeners: Vec<Listener<'a>>,
    pub clusters: Vec<Cluster<'a>>,
    pub secrets: Vec<At<'a>>,
}

/// A connection manager with the downstream filter.
#[derive(Debug)]
pub(super) struct Listener<'a> {
    pub listener: At<'a>,
    /// The filter chain that it stands in.
    pub chain: At<'a>,
    pub manager: At<'a>,
    pub filters: Vec<Filter<'a>>,
    pub routes: Vec<Route<'a>>,
    /// Whether its routes come from somewhere else.
    pub routes_elsewhere: bool,
    /// How many routes there are that are not Spillway's.
    pub other_routes: usize,
}

/// An HTTP filter, in front or in a cluster.
#[derive(Debug, Clone)]
pub(super) struct Filter<'a> {
    pub at: At<'a>,
    pub name: &'a str,
    pub plugin: Option<Plugin<'a>>,
}

/// What a filter of Spillway's is configured with.
#[derive(Debug, Clone)]
pub(super) struct Plugin<'a> {
    /// `typed_config.config`.
    pub config: At<'a>,
    /// Where the text of `configuration` stands.
    pub path: String,
    pub seat: String,
    pub said: Value,
}

/// A route that takes its cluster from filter state.
#[derive(Debug)]
pub(super) struct Route<'a> {
    pub table: At<'a>,
    pub host: At<'a>,
    pub entry: At<'a>,
    pub action: At<'a>,
    /// The clusters that it can choose, by what stands in filter state.
    pub map: At<'a>,
}

/// A cluster.
#[derive(Debug)]
pub(super) struct Cluster<'a> {
    pub at: At<'a>,
    pub name: &'a str,
    pub protocol: Option<At<'a>>,
    pub filters: Vec<Filter<'a>>,
}

impl<'a> BootstrapView<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        let root = At::root(value);
        let listeners = resources(&root, "listeners", "Listener");
        let tables = root.list("resources").into_iter().filter(|r| r.is("RouteConfiguration"));
        let tables: Vec<At<'a>> = tables.collect();
        Self {
            listens: !listeners.is_empty(),
            listeners: listeners.iter().flat_map(|listener| managers(listener, &tables)).collect(),
            clusters: resources(&root, "clusters", "Cluster").into_iter().map(cluster).collect(),
            secrets: resources(&root, "secrets", "Secret"),
            root,
        }
    }

    /// All plugins of Spillway's: the filters of the module, and the last-words filter.
    pub(super) fn plugins(&self) -> impl Iterator<Item = &Plugin<'a>> {
        let front = self.listeners.iter().flat_map(|listener| &listener.filters);
        let back = self.clusters.iter().flat_map(|cluster| &cluster.filters);
        front.chain(back).filter_map(|filter| filter.plugin.as_ref())
    }

    /// All filters of the module.
    pub(super) fn module_filters(&self) -> impl Iterator<Item = &Plugin<'a>> {
        self.plugins().filter(|plugin| plugin.part() == Part::Filter)
    }

    pub(super) fn cluster(&self, name: &str) -> Option<&Cluster<'a>> {
        self.clusters.iter().find(|cluster| cluster.name == name)
    }

    /// Everything that a table of reasons speaks about.
    #[cfg(test)]
    pub(super) fn parts(&self) -> Vec<(Part, At<'a>)> {
        let mut parts = vec![(Part::Bootstrap, self.root.clone())];
        for listener in &self.listeners {
            parts.push((Part::Listener, listener.listener.clone()));
            parts.push((Part::Manager, listener.manager.clone()));
            parts.extend(listener.router().map(|router| (Part::Router, router)));
            for route in &listener.routes {
                parts.push((Part::Host, route.host.clone()));
                parts.push((Part::Route, route.action.clone()));
            }
        }
        for cluster in &self.clusters {
            parts.push((Part::Cluster, cluster.at.clone()));
            parts.extend(cluster.tls().map(|at| (Part::Tls, at)));
            parts.extend(cluster.protocol.clone().map(|at| (Part::Protocol, at)));
            parts.extend(cluster.injector().map(|at| (Part::Injector, at)));
            parts.extend(cluster.good_key().map(|at| (Part::GoodKey, at)));
        }
        parts.extend(self.secrets.iter().map(|at| (Part::Secret, at.clone())));
        parts.extend(self.plugins().map(|plugin| (plugin.part(), plugin.config.clone())));
        parts
    }
}

impl Plugin<'_> {
    /// Which table of reasons speaks about it.
    pub(super) fn part(&self) -> Part {
        if self.seat == "writer" { Part::LastWords } else { Part::Filter }
    }
}

impl<'a> Listener<'a> {
    pub(super) fn seat(&self, seat: &str) -> Option<(usize, &Plugin<'a>)> {
        seat_in(&self.filters, seat)
    }

    /// The router's own configuration.
    pub(super) fn router(&self) -> Option<At<'a>> {
        let configs = self.filters.iter().filter_map(|filter| filter.at.field("typed_config"));
        configs.into_iter().find(|config| config.is("Router"))
    }
}

impl<'a> Cluster<'a> {
    pub(super) fn seat(&self) -> Option<(usize, &Plugin<'a>)> {
        seat_in(&self.filters, "backend")
    }

    /// Where a filter of this message stands in the chain, and its configuration.
    pub(super) fn filter(&self, message: &str) -> Option<(usize, At<'a>)> {
        let mut configs = self.filters.iter().enumerate();
        configs.find_map(|(i, filter)| {
            let config = filter.at.field("typed_config")?;
            config.is(message).then_some((i, config))
        })
    }

    pub(super) fn tls(&self) -> Option<At<'a>> {
        self.at.below("transport_socket.typed_config")
    }

    /// The configuration of the filter that adds the key.
    pub(super) fn injector(&self) -> Option<At<'a>> {
        self.filter("CredentialInjector").map(|(_, config)| config)
    }

    /// The configuration of the filter that takes a bad key away.
    pub(super) fn good_key(&self) -> Option<At<'a>> {
        self.filter(GOOD_KEY).map(|(_, config)| config)
    }
}

fn seat_in<'s, 'a>(filters: &'s [Filter<'a>], seat: &str) -> Option<(usize, &'s Plugin<'a>)> {
    filters.iter().enumerate().find_map(|(i, filter)| {
        let plugin = filter.plugin.as_ref()?;
        (plugin.seat == seat).then_some((i, plugin))
    })
}

/// Resources of a bootstrap, or of a file that discovery reads.
fn resources<'a>(root: &At<'a>, name: &str, message: &str) -> Vec<At<'a>> {
    let fixed = root.field("static_resources").map(|own| own.list(name)).unwrap_or_default();
    let found = root.list("resources").into_iter().filter(|resource| resource.is(message));
    fixed.into_iter().chain(found).collect()
}

fn managers<'a>(listener: &At<'a>, tables: &[At<'a>]) -> Vec<Listener<'a>> {
    let chains = listener.list("filter_chains").into_iter();
    let chains = chains.chain(listener.field("default_filter_chain"));
    let managers = chains.flat_map(|chain| {
        let configs = chain.list("filters").into_iter();
        let configs = configs.filter_map(|filter| filter.field("typed_config"));
        let managers = configs.filter(|config| config.is("HttpConnectionManager"));
        managers.map(move |manager| (chain.clone(), manager)).collect::<Vec<_>>()
    });
    managers.filter_map(|(chain, manager)| view_of(listener, chain, manager, tables)).collect()
}

fn view_of<'a>(
    listener: &At<'a>,
    chain: At<'a>,
    manager: At<'a>,
    tables: &[At<'a>],
) -> Option<Listener<'a>> {
    let filters: Vec<Filter<'a>> = manager.list("http_filters").into_iter().map(filter).collect();
    seat_in(&filters, "gateway")?;
    let own: Vec<At<'a>> = manager.field("route_config").into_iter().collect();
    let elsewhere = own.is_empty() && tables.is_empty();
    let tables = if own.is_empty() { tables.to_vec() } else { own };
    let (mut routes, mut other_routes) = (Vec::new(), 0);
    for table in &tables {
        for host in table.list("virtual_hosts") {
            for entry in host.list("routes") {
                match route(table, &host, entry) {
                    Some(route) => routes.push(route),
                    None => other_routes += 1,
                }
            }
        }
    }
    let listener = listener.clone();
    Some(Listener {
        listener,
        chain,
        manager,
        filters,
        routes,
        routes_elsewhere: elsewhere,
        other_routes,
    })
}

fn route<'a>(table: &At<'a>, host: &At<'a>, entry: At<'a>) -> Option<Route<'a>> {
    let action = entry.field("route")?;
    let specifier = match action.text_in("cluster_specifier_plugin") {
        Some(name) => table.list("cluster_specifier_plugins").into_iter().find(|plugin| {
            plugin.field("extension").is_some_and(|own| own.text_in("name") == Some(name))
        }),
        None => action.field("inline_cluster_specifier_plugin"),
    }?;
    let matcher = specifier.below("extension.typed_config.cluster_matcher.matcher_tree")?;
    let key = matcher.below("input.typed_config.key")?;
    let map = matcher.below("exact_match_map.map")?;
    let (table, host) = (table.clone(), host.clone());
    (key.text() == Some(CLUSTER_KEY)).then_some(Route { table, host, entry, action, map })
}

fn cluster(at: At<'_>) -> Cluster<'_> {
    let protocol = at.field("typed_extension_protocol_options");
    let protocol = protocol.and_then(|options| options.field(HTTP_OPTIONS));
    let filters = protocol.as_ref().map(|own| own.list("http_filters")).unwrap_or_default();
    let filters = filters.into_iter().map(filter).collect();
    Cluster { name: at.text_in("name").unwrap_or_default(), at, protocol, filters }
}

fn filter(at: At<'_>) -> Filter<'_> {
    Filter { name: at.text_in("name").unwrap_or_default(), plugin: plugin(&at), at }
}

/// What a wasm filter is configured with, if that is ours.
fn plugin<'a>(filter: &At<'a>) -> Option<Plugin<'a>> {
    let config = filter.below("typed_config.config")?;
    let given = config.below("configuration.value")?;
    let said = match given.value {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    let seat = said.get("seat")?.as_str()?.to_owned();
    Some(Plugin { config, path: given.path, seat, said })
}

/// The message of the filter that takes a bad key away.
pub(super) const GOOD_KEY: &str = "ExtensionWithMatcher";

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
