//! Why each field is rendered, once: docs/rendered/envoy.md is printed from it, and
//! `spillway check` measures an Envoy by it.
//!
//! The files beside this one say what is rendered. The tables below say for each field why, and what
//! an Envoy of a reader's own may have instead. A field that is added to what is rendered needs a
//! row here; a test walks the rendered bootstrap and names the fields without one.

mod backend;
mod front;
mod route;

use crate::lint::Severity;

/// A part of a bootstrap that has rows of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The file as a whole.
    Bootstrap,
    /// The listener.
    Listener,
    /// Its HTTP connection manager.
    Manager,
    /// A filter of Spillway's, in any of its places.
    Filter,
    /// The last-words filter, which is a module of its own.
    LastWords,
    /// Envoy's router.
    Router,
    /// The virtual host, and what stands beside the route's action.
    Host,
    /// The route's action.
    Route,
    /// A backend's cluster.
    Cluster,
    /// How it speaks TLS.
    Tls,
    /// How it speaks HTTP, and the filters of every attempt.
    Protocol,
    /// The filter that adds the backend's key.
    Injector,
    /// The filter that takes away a key that no header can carry.
    GoodKey,
    /// A backend's key.
    Secret,
}

impl Part {
    /// All of them, from the outside to the inside.
    pub const ALL: [Self; 14] = [
        Self::Bootstrap,
        Self::Listener,
        Self::Manager,
        Self::Filter,
        Self::LastWords,
        Self::Router,
        Self::Host,
        Self::Route,
        Self::Cluster,
        Self::Tls,
        Self::Protocol,
        Self::Injector,
        Self::GoodKey,
        Self::Secret,
    ];

    /// What it is called in the documentation.
    pub fn title(self) -> &'static str {
        match self {
            Self::Bootstrap => "The bootstrap",
            Self::Listener => "The listener",
            Self::Manager => "The HTTP connection manager",
            Self::Filter => "The filter, in each of its places",
            Self::LastWords => "The last-words filter",
            Self::Router => "The router",
            Self::Host => "The virtual host",
            Self::Route => "The route's action",
            Self::Cluster => "A backend's cluster",
            Self::Tls => "TLS towards a backend",
            Self::Protocol => "HTTP towards a backend",
            Self::Injector => "The filter that adds a backend's key",
            Self::GoodKey => "The filter that takes a bad key away",
            Self::Secret => "A backend's key",
        }
    }

    /// Where it stands in what is rendered.
    pub fn place(self) -> &'static str {
        match self {
            Self::Bootstrap => "",
            Self::Listener => "static_resources.listeners[]",
            Self::Manager => "typed_config of the listener's filter",
            Self::Filter => {
                "typed_config.config of the filters spillway.gateway, .backend and .status"
            }
            Self::LastWords => "typed_config.config of the filter spillway.writer",
            Self::Router => "typed_config of the filter envoy.filters.http.router",
            Self::Host => "route_config.virtual_hosts[]",
            Self::Route => "routes[].route",
            Self::Cluster => "static_resources.clusters[]",
            Self::Tls => "transport_socket.typed_config",
            Self::Protocol => {
                "typed_extension_protocol_options, envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
            }
            Self::Injector => "typed_config of the filter envoy.filters.http.credential_injector",
            Self::GoodKey => "typed_config of the filter spillway.good_key",
            Self::Secret => "static_resources.secrets[]",
        }
    }

    /// Its fields.
    pub fn rows(self) -> &'static [Row] {
        match self {
            Self::Bootstrap => front::BOOTSTRAP,
            Self::Listener => front::LISTENER,
            Self::Manager => front::MANAGER,
            Self::Filter => front::FILTER,
            Self::LastWords => front::LAST_WORDS,
            Self::Router => front::ROUTER,
            Self::Host => route::HOST,
            Self::Route => route::ROUTE,
            Self::Cluster => backend::CLUSTER,
            Self::Tls => backend::TLS,
            Self::Protocol => backend::PROTOCOL,
            Self::Injector => backend::INJECTOR,
            Self::GoodKey => backend::GOOD_KEY,
            Self::Secret => backend::SECRET,
        }
    }
}

/// A field and its reason.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Where it stands in its part; everything below it is meant too. `[priority=HIGH]` is the
    /// item of a list in which `priority` is `HIGH`, `[]` is any.
    pub field: &'static str,
    /// What an Envoy of a reader's own must have there.
    pub rule: Rule,
    /// How bad it is where it has not.
    pub severity: Severity,
    /// What Envoy takes where nothing is set, as JSON; empty: nothing, or nothing to compare.
    pub default: &'static str,
    /// Fields that do the same in another way: where one of them is set, this one is not asked for.
    pub unless: &'static [&'static str],
    /// Why; also the hint of a finding.
    pub why: &'static str,
}

/// How what stands there is compared with what would be rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// It says the same.
    Same,
    /// It has the same entries, in any order; a list, or words between commas.
    SameSet,
    /// It has at least these entries.
    Holds,
    /// It is a number or a time that is not less.
    AtLeast,
    /// It is a number or a time that is not more.
    AtMost,
    /// It is a time that is not shorter; none is no limit.
    NoSooner,
    /// It is a number of at least this size, whatever is rendered.
    NoLess(u32),
    /// Something is there.
    There,
    /// Nothing is there, and nothing is rendered.
    Absent,
    /// What stands there is the reader's own affair.
    Yours,
}

impl Row {
    /// What Envoy does where the field is not set.
    const fn by_default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    const fn unless(self, unless: &'static [&'static str]) -> Self {
        Self { unless, ..self }
    }
}

/// Without it, Spillway does not work or fails over wrongly.
const fn error(field: &'static str, rule: Rule, why: &'static str) -> Row {
    Row { field, rule, severity: Severity::Error, default: "", unless: &[], why }
}

/// Without it, the gateway is weaker than what is rendered.
const fn warning(field: &'static str, rule: Rule, why: &'static str) -> Row {
    Row { severity: Severity::Warning, ..error(field, rule, why) }
}

/// Good to know.
const fn note(field: &'static str, rule: Rule, why: &'static str) -> Row {
    Row { severity: Severity::Note, ..error(field, rule, why) }
}

/// Rendered for this reason, and never compared.
const fn yours(field: &'static str, why: &'static str) -> Row {
    note(field, Rule::Yours, why)
}
