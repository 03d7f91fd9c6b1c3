//! A configuration made ready for requests: what can be worked out once is worked out here.
//!
//! Names become positions, secrets become digests, and every member gets its circuit and its
//! affinity tag, so that a request only looks things up.

use std::collections::{HashMap, HashSet};

use crate::affinity::{self, Tags};
use crate::breaker::store::{Change, Record};
use crate::breaker::{CircuitId, RequestMark};
use crate::client_key::Keyring;
use crate::config::{
    Backend, Config, Id, Member, Model, ModelId, Problem, Secret, secret, wrong_secrets,
};
use crate::cookie::Cookies;
use crate::failover_mode::FailoverMode;
use crate::pool::PoolState;
use crate::time::{Micros, Millis};

/// A configuration made ready.
#[derive(Debug)]
pub struct Gateway {
    /// What it was made from.
    pub config: Config,
    /// Who may call; `None`: everyone.
    pub keyring: Option<Keyring>,
    /// How another backend is reached.
    pub failover: FailoverMode,
    models: HashMap<String, ModelId>,
    readied: Vec<Readied>,
    /// The names of all affinity cookies, sorted: they are few, most often one.
    cookies: Vec<Vec<u8>>,
    /// The model whose pool issues a tag.
    issuers: HashMap<String, ModelId>,
}

#[derive(Debug)]
struct Readied {
    circuits: Vec<CircuitId>,
    tags: Tags,
    lease: Millis,
}

/// What a request's model is known by.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// The model.
    pub model: &'a Model,
    /// The circuits of the pool's members, in the pool's order.
    pub circuits: &'a [CircuitId],
    /// The affinity tags of the pool's members.
    pub tags: &'a Tags,
    /// How long an attempt may live without a sign: when a probe has ended, whatever became of it.
    pub lease: Millis,
}

impl Gateway {
    /// Makes a configuration ready. `lookup` reads an environment variable.
    ///
    /// # Errors
    /// The secrets that the filter itself needs and that are missing or cannot be used, and clients
    /// that have one key ([`wrong_secrets`]).
    pub fn new(
        config: Config,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<Problem>> {
        let held = |secret: &Secret| {
            let value = secret.variable().and_then(&lookup);
            value.map(String::into_bytes).ok_or_else(|| secret::not_set(secret))
        };
        let problems = wrong_secrets(config.filter_secrets(), held);
        if !problems.is_empty() {
            return Err(problems);
        }
        let value = |secret: &Secret| held(secret).unwrap_or_default().trim_ascii().to_vec();
        let keyring = config
            .clients
            .as_ref()
            .map(|clients| Keyring::new(clients.iter().map(|client| value(&client.key))));
        let cookie_key = config.cookie_key.as_ref().map(value);
        let models = Id::each(&config.models).map(|(id, model)| (model.name.clone(), id)).collect();
        let key = cookie_key.as_deref();
        let readied: Vec<Readied> =
            config.models.iter().map(|m| Readied::new(&config, m, key)).collect();
        let affinities = config.models.iter().filter_map(|model| model.affinity.as_ref());
        let mut cookies: Vec<Vec<u8>> = Vec::new();
        for cookie in affinities.map(|affinity| affinity.cookie.as_bytes()) {
            if let Err(place) = place_of(&cookies, cookie) {
                cookies.insert(place, cookie.to_vec());
            }
        }
        let failover = FailoverMode::default();
        let issuers = issuers(&config, &readied);
        Ok(Self { config, keyring, failover, models, readied, cookies, issuers })
    }

    /// The same, for routes that fail over in this way.
    #[must_use]
    pub fn with_failover(self, failover: FailoverMode) -> Self {
        Self { failover, ..self }
    }

    /// The model of this name.
    pub fn model(&self, name: &str) -> Option<ModelId> {
        self.models.get(name).copied()
    }

    /// Whether this name is refused although nobody serves it.
    pub fn denies(&self, name: &str) -> bool {
        self.config.denied_models.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether any model is refused by name, so that every body is read for one.
    pub fn denies_models(&self) -> bool {
        !self.config.denied_models.is_empty()
    }

    /// Whether a server that is generous with names may take this for a denied one: without the case,
    /// the space around it, or what some write before a slash (`azure/o1-pro`).
    pub fn may_mean_denied(&self, name: &str) -> bool {
        let bare = name.trim();
        let last = bare.rsplit('/').next().unwrap_or(bare).trim();
        let denied = |name: &str| self.model(name).is_none() && self.denies(name);
        [bare, last].into_iter().any(|name| denied(name) || denied(&name.to_ascii_lowercase()))
    }

    /// All that is known of a model.
    pub fn route(&self, id: ModelId) -> Option<Route<'_>> {
        let (model, readied) = (id.of(&self.config.models)?, self.readied.get(id.position())?);
        Some(Route {
            model,
            circuits: &readied.circuits,
            tags: &readied.tags,
            lease: readied.lease,
        })
    }

    /// All that is known of each model.
    pub fn routes(&self) -> impl DoubleEndedIterator<Item = (ModelId, Route<'_>)> {
        Id::each(&self.config.models).filter_map(|(id, _)| Some((id, self.route(id)?)))
    }

    /// The model whose pool issued the newest tag in these cookies, for requests that name none.
    /// However many models there are, each tag is looked up once.
    pub fn model_of_cookie(&self, cookies: &Cookies) -> Option<ModelId> {
        // Of several cookies of one name, the first counts, as everywhere.
        let mut seen = HashSet::new();
        let ours =
            cookies.pairs().filter(|(name, _)| self.issues_cookie(name) && seen.insert(*name));
        let of = |name: &[u8], tag: &str| {
            let id = *self.issuers.get(tag)?;
            let affinity = id.of(&self.config.models)?.affinity.as_ref()?;
            (affinity.cookie.as_bytes() == name).then_some(id)
        };
        let found = ours.flat_map(|(name, value)| {
            affinity::tags(value)
                .enumerate()
                .filter_map(move |(age, tag)| Some((age, of(name, tag)?)))
        });
        found.min().map(|(_, id)| id)
    }

    /// Whether the gateway itself issues cookies of this name: they are not for backends, nor for
    /// backends to set.
    pub fn issues_cookie(&self, name: &[u8]) -> bool {
        place_of(&self.cookies, name).is_ok()
    }

    /// The backend of a pool's member.
    pub fn backend(&self, member: &Member) -> Option<&Backend> {
        member.backend.of(&self.config.backends)
    }

    /// What a worker that has just started knows of each model's pool.
    pub fn pools(&self) -> Vec<PoolState> {
        self.config.models.iter().map(PoolState::new).collect()
    }

    /// The members that this circuit covers: more than one where models share a deployment, or a
    /// circuit covers a whole backend.
    pub fn covered(&self, circuit: CircuitId) -> impl Iterator<Item = (ModelId, usize)> {
        let models = Id::each(&self.config.models).zip(&self.readied);
        let all = models.flat_map(|((id, _), readied)| {
            readied.circuits.iter().enumerate().map(move |(member, of)| (id, member, *of))
        });
        all.filter(move |(.., of)| *of == circuit).map(|(id, member, _)| (id, member))
    }

    /// Every circuit whose answers are counted ([`crate::breaker::window`]).
    pub fn counted(&self) -> impl Iterator<Item = CircuitId> {
        let models = self.config.models.iter().zip(&self.readied);
        let counted = models.filter(|(model, _)| model.breaker.failure_ratio.is_some());
        counted.flat_map(|(_, readied)| readied.circuits.iter().copied())
    }
}

impl Readied {
    fn new(config: &Config, model: &Model, cookie_key: Option<&[u8]>) -> Self {
        let circuit = |member: &Member| {
            let backend = member.backend.of(&config.backends)?;
            Some(CircuitId::new(backend, &member.deployment, model.breaker.scope))
        };
        let circuits = model.pool.iter().map(|m| circuit(m).unwrap_or(CircuitId(0))).collect();
        let backends = model.pool.iter().filter_map(|member| member.backend.of(&config.backends));
        let connect = backends.map(|backend| backend.connect_timeout).max().unwrap_or_default();
        // Envoy counts the silence from when it has a connection on.
        let lease = Millis(model.longest_silence().0.saturating_add(connect.0));
        Self { circuits, tags: Tags::new(config, model, cookie_key), lease }
    }
}

impl Route<'_> {
    /// The member that the client's cookies pin to.
    pub fn pinned(&self, cookies: &Cookies) -> Option<usize> {
        self.tags.pinned(self.cookie(cookies)?)
    }

    /// A record of something that happened to a member's circuit.
    pub fn record(&self, member: usize, change: Change, at: Micros) -> Option<Record> {
        let (circuit, request) = (*self.circuits.get(member)?, RequestMark::UNKNOWN);
        Some(Record { circuit, rule: self.model.breaker.clone(), change, request, at })
    }

    /// The value of the model's affinity cookie.
    pub fn cookie<'c>(&self, cookies: &'c Cookies) -> Option<&'c [u8]> {
        cookies.value(&self.model.affinity.as_ref()?.cookie)
    }
}

/// Where a name stands in a sorted list, or where it belongs.
fn place_of(sorted: &[Vec<u8>], name: &[u8]) -> Result<usize, usize> {
    sorted.binary_search_by(|own| own.as_slice().cmp(name))
}

/// Which model's pool issues which tag.
fn issuers(config: &Config, readied: &[Readied]) -> HashMap<String, ModelId> {
    let models = Id::each(&config.models).zip(readied);
    let pinning = models.filter(|((_, model), _)| model.affinity.is_some());
    pinning
        .flat_map(|((id, _), readied)| readied.tags.all().map(move |tag| (tag.to_owned(), id)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check;
    use crate::testing::test;

    fn gateway(key: Option<&'static str>, other: &'static str) -> Result<Gateway, Vec<String>> {
        let config = check(&serde_json::json!({
            "backends": { "eastus": { "url": "http://h", "api_key": "${EASTUS}" } },
            "models": { "gpt-4o": { "pool": ["eastus"] } },
            "clients": [{ "name": "chat", "key": "${CHAT}" }, { "name": "batch", "key": "${B}" }],
            "cookie_key": "${COOKIE}",
        }))
        .expect("a right file");
        let lookup = |name: &str| match name {
            "CHAT" => key.map(str::to_owned),
            "B" => Some(other.to_owned()),
            "COOKIE" => Some("one\ntwo\n".to_owned()),
            _ => None,
        };
        let gateway = Gateway::new(config, lookup);
        gateway.map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_client_key_that_is_missing_or_cannot_be_used_is_refused() {
        for key in [None, Some(""), Some(" \n"), Some("a\nb"), Some("caf\u{e9}")] {
            let problems = gateway(key, "b").expect_err("no key");
            assert_eq!(problems.len(), 1);
            assert!(problems[0].starts_with("clients[0].key: the environment variable `CHAT` "));
            assert!(!problems[0].contains("caf"), "{problems:?}");
        }
    }

    #[test]
    fn a_client_is_known_by_its_key_without_the_white_space_around_it() {
        let gateway = gateway(Some(" k-chat\r\n"), "b\n").expect("ready");
        let keyring = gateway.keyring.expect("clients");
        assert_eq!(keyring.client([&b"k-chat"[..]]), Some(Id::at(0)));
        assert_eq!(keyring.client([&b"b"[..]]), Some(Id::at(1)));
        assert_eq!(keyring.client([&b"b\n"[..]]), None);
    }

    #[test]
    fn two_clients_with_one_key_are_refused() {
        let problems = gateway(Some("same"), "same\n").expect_err("one key");
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("clients[1].key: the same key as `clients[0]`"));
    }
}
