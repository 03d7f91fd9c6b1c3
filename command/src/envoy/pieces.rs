//! What is rendered, cut into the pieces that go into an Envoy in place.
//!
//! A reader's Envoy has its own process, listener, connection manager and routes. So a piece is
//! either fields that are added to what is there, or items for a list that is there, and each says
//! where it goes. Of listener and connection manager only those fields are pieces that `check` asks
//! for: the table of reasons knows them.
//!
//! The filters are off until a route wants them, so that other routes of the same connection
//! manager go on as before; Spillway's own route switches them on.

use serde_json::{Map, Value, json};

use super::reasons::{Part, Rule};
use super::{Options, any, bootstrap, merge};
use spillway::config::{Config, Secret};

/// A piece of a bootstrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Piece {
    /// Fields for the listener
    Listener,
    /// Fields for its HTTP connection manager
    Manager,
    /// Envoy's own replies as JSON, for a connection manager that serves nothing else
    Replies,
    /// Items for `http_filters`, before the router
    Filters,
    /// An item for a virtual host's `routes`
    Route,
    /// Items for `static_resources.clusters`
    Clusters,
    /// Items for `static_resources.secrets`
    Secrets,
    /// Fields for the bootstrap itself
    Process,
}

impl Piece {
    /// All of them, in the order in which they are pasted.
    pub const ALL: [Self; 8] = [
        Self::Listener,
        Self::Manager,
        Self::Replies,
        Self::Filters,
        Self::Route,
        Self::Clusters,
        Self::Secrets,
        Self::Process,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::Manager => "manager",
            Self::Replies => "replies",
            Self::Filters => "filters",
            Self::Route => "route",
            Self::Clusters => "clusters",
            Self::Secrets => "secrets",
            Self::Process => "process",
        }
    }

    /// Where it goes, in lines for a comment.
    pub fn place(self) -> &'static [&'static str] {
        match self {
            Self::Listener => &["into your listener"],
            Self::Manager => &[
                "into the `typed_config` of its HTTP connection manager; of a field that you have",
                "already, see the reason in docs/rendered/envoy.md",
            ],
            Self::Replies => &[
                "into the same, if it serves Spillway's routes alone: it rewrites Envoy's own",
                "replies on all of them, direct responses included",
            ],
            Self::Filters => &[
                "items for its `http_filters`, just before `envoy.filters.http.router`; in that one's",
                "`typed_config`, set `suppress_envoy_headers: true`",
            ],
            Self::Route => &[
                "an item for the `routes` of your virtual host, before routes that match the same",
                "paths; `match` is yours to change",
            ],
            Self::Clusters => &["items for `static_resources.clusters`"],
            Self::Secrets => &["items for `static_resources.secrets`"],
            Self::Process => &["into the bootstrap itself, but for what it has already"],
        }
    }
}

/// The pieces that there are for this configuration.
pub fn pieces(config: &Config, raw: &Value, options: &Options) -> Vec<(Piece, Value)> {
    let whole = bootstrap(config, raw, options);
    let all = Piece::ALL.into_iter().filter_map(|piece| Some((piece, cut(piece, &whole, config)?)));
    all.filter(|(_, value)| !is_empty(value)).collect()
}

fn cut(piece: Piece, whole: &Value, config: &Config) -> Option<Value> {
    let listener = whole.pointer("/static_resources/listeners/0")?;
    let manager = listener.pointer("/filter_chains/0/filters/0/typed_config")?;
    match piece {
        Piece::Listener => Some(asked_for(Part::Listener, listener)),
        Piece::Manager => {
            let mut fields = asked_for(Part::Manager, manager);
            fields.as_object_mut()?.shift_remove(REPLIES);
            Some(fields)
        }
        Piece::Replies => Some(json!({ REPLIES: manager.get(REPLIES)? })),
        Piece::Filters => Some(filters(manager)),
        Piece::Route => Some(json!([route(manager, config)?])),
        Piece::Clusters => whole.pointer("/static_resources/clusters").cloned(),
        Piece::Secrets => whole.pointer("/static_resources/secrets").cloned(),
        Piece::Process => {
            let mut fields = json!({
                "overload_manager": whole.get("overload_manager")?,
                "stats_config": whole.get("stats_config")?,
            });
            // Without a name of its own, Envoy follows no file with a key.
            if has_keys_in_files(config) {
                merge(&mut fields, json!({ "node": whole.get("node")? }));
            }
            Some(fields)
        }
    }
}

fn has_keys_in_files(config: &Config) -> bool {
    let mut keys = config.backends.iter().filter_map(|backend| backend.credential.as_ref());
    keys.any(|key| matches!(key.secret, Secret::File(_)))
}

/// The fields of a part that are more than a matter of taste.
fn asked_for(part: Part, rendered: &Value) -> Value {
    let asked = |field: &str| {
        let mut rows = part.rows().iter().filter(|row| row.rule != Rule::Yours);
        rows.any(|row| row.field.split('.').next() == Some(field))
    };
    let fields = rendered.as_object().into_iter().flatten();
    let fields = fields.filter(|(field, _)| asked(field));
    Value::Object(fields.map(|(field, value)| (field.clone(), value.clone())).collect())
}

fn filters(manager: &Value) -> Value {
    let off = |filter: &Value| {
        let name = filter.get("name").filter(|name| is_ours(name))?;
        let mut off = json!({ "name": name, "disabled": true });
        merge(&mut off, filter.clone());
        Some(off)
    };
    Value::Array(all_filters(manager).filter_map(off).collect())
}

/// The route with everything that the rendered virtual host says, and the filters switched on.
fn route(manager: &Value, config: &Config) -> Option<Value> {
    let host = manager.pointer("/route_config/virtual_hosts/0")?;
    let names = all_filters(manager).filter_map(|filter| filter.get("name").filter(|n| is_ours(n)));
    let on = names.filter_map(|name| {
        let on = any("envoy.config.route.v3.FilterConfig", json!({ "config": {} }));
        Some((name.as_str()?.to_owned(), on))
    });
    let prefix = if config.path_prefix.is_empty() { "/openai" } else { &config.path_prefix };
    let mut route = json!({ "match": { "path_separated_prefix": prefix } });
    let fields = host.as_object()?.iter();
    let fields =
        fields.filter(|(field, _)| !["name", "domains", "routes"].contains(&field.as_str()));
    merge(&mut route, Value::Object(fields.map(|(k, v)| (k.clone(), v.clone())).collect()));
    let action = host.pointer("/routes/0/route")?;
    merge(&mut route, json!({ "typed_per_filter_config": on.collect::<Map<_, _>>() }));
    merge(&mut route, json!({ "route": action }));
    Some(route)
}

fn all_filters(manager: &Value) -> impl Iterator<Item = &Value> {
    manager.get("http_filters").and_then(Value::as_array).into_iter().flatten()
}

fn is_ours(name: &Value) -> bool {
    name.as_str().is_some_and(|name| name.starts_with("spillway."))
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

const REPLIES: &str = "local_reply_config";
