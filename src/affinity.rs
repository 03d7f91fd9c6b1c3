//! Session affinity: the cookie that brings a client back to its backend.
//!
//! State behind a backend (a Responses conversation, a prompt cache) is lost on another one. The
//! cookie names the member by a *tag*, a keyed hash of pool and backend: it discloses nothing, and
//! it can only ever mean a member of the pool that issued it, because each pool looks it up in a
//! table of its own members' tags.
//!
//! A client that uses two models has two backends. The cookie therefore holds one tag for each
//! pool, the newest first, and each pool replaces its own and leaves the others alone.
//!
//! Affinity never defeats failover: the tag is a preference, and is issued again where another
//! backend answered.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::{Affinity, Backend, Config, Model};

/// The tags of a pool's members, in the pool's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags(Vec<String>);

impl Tags {
    /// The tags of this model's pool under this key; without one, each member has its own.
    pub fn new(config: &Config, model: &Model, key: Option<&[u8]>) -> Self {
        let tag = |member: &crate::config::Member| {
            let Some(backend) = member.backend.of(&config.backends) else { return String::new() };
            match key {
                Some(key) => tag(key, &model.name, &backend.name),
                None => tag(&derived_key(backend), &model.name, &backend.name),
            }
        };
        Self(model.pool.iter().map(tag).collect())
    }

    /// The member that a cookie's value pins to, by its position in the pool.
    pub fn pinned(&self, value: &[u8]) -> Option<usize> {
        tags(value).find_map(|tag| self.0.iter().position(|own| own == tag))
    }

    /// Every member's tag.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The cookie's new value after this member answered: its tag, then the other pools'.
    pub fn issue(&self, member: usize, before: &[u8]) -> Option<String> {
        let own = self.0.get(member)?;
        let others = tags(before).filter(|tag| !self.0.iter().any(|own| own == tag));
        let all: Vec<&str> = [own.as_str()].into_iter().chain(others).take(MOST_TAGS).collect();
        Some(all.join("."))
    }
}

/// A backend's key for configurations that name none: the same for every replica and after every
/// restart, and unknown to whoever does not know the backend's name and URL. It depends on nothing
/// else, so that cookies outlive the coming and going of other backends.
fn derived_key(backend: &Backend) -> Vec<u8> {
    let mut mac = keyed(b"spillway affinity");
    for part in [&backend.name, &backend.url.authority(), &backend.url.base_path] {
        mac.update(part.as_bytes());
        mac.update(&[0]);
    }
    mac.finalize().into_bytes().to_vec()
}

/// The `Set-Cookie` header of a cookie with this value.
pub fn set_cookie(affinity: &Affinity, value: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}", affinity.cookie)
}

fn tag(key: &[u8], model: &str, backend: &str) -> String {
    let mut mac = keyed(key);
    mac.update(model.as_bytes());
    mac.update(&[0]);
    mac.update(backend.as_bytes());
    let hash = mac.finalize().into_bytes();
    URL_SAFE_NO_PAD.encode(hash.get(..TAG_BYTES).unwrap_or_default())
}

/// HMAC takes a key of any length; the error of its constructor cannot happen.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()))
}

/// The tags that a value holds, the newest first; anything that cannot be one is left out.
pub fn tags(value: &[u8]) -> impl Iterator<Item = &str> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let plausible = |tag: &&str| tag.len() == TAG_CHARS && tag.bytes().all(is_base64_url);
    text.split('.').take(MOST_TAGS).filter(plausible)
}

const fn is_base64_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// As many pools one client's cookie remembers.
const MOST_TAGS: usize = 8;
const TAG_BYTES: usize = 9;
const TAG_CHARS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn tags_of(model: &str, key: &[u8]) -> Tags {
        Tags(["eastus", "westus", "uksouth"].map(|backend| tag(key, model, backend)).into())
    }

    #[test]
    fn a_cookie_brings_the_client_back() {
        let tags = tags_of("gpt-4o", b"key");
        for member in 0..3 {
            let value = tags.issue(member, b"").expect("a member");
            assert_eq!(tags.pinned(value.as_bytes()), Some(member));
            assert_eq!(value.len(), TAG_CHARS);
        }
    }

    #[test]
    fn each_pool_keeps_its_own_tag() {
        let (one, two) = (tags_of("gpt-4o", b"key"), tags_of("gpt-4.1", b"key"));
        let first = one.issue(2, b"").expect("a member");
        let both = two.issue(0, first.as_bytes()).expect("a member");
        assert_eq!((one.pinned(both.as_bytes()), two.pinned(both.as_bytes())), (Some(2), Some(0)));
        let moved = one.issue(1, both.as_bytes()).expect("a member");
        assert_eq!(
            (one.pinned(moved.as_bytes()), two.pinned(moved.as_bytes())),
            (Some(1), Some(0))
        );
    }

    #[test]
    fn other_values_pin_nothing() {
        let tags = tags_of("gpt-4o", b"key");
        let stranger = tags_of("gpt-4o", b"another key").issue(0, b"").expect("a member");
        let other_pool = tags_of("gpt-4.1", b"key").issue(0, b"").expect("a member");
        for value in [stranger.as_str(), &other_pool, "", ".", "eastus", "\u{fffd}", "aaaaaaaaaaaa"]
        {
            assert_eq!(tags.pinned(value.as_bytes()), None, "{value}");
        }
        assert_eq!(tags.pinned(b"caf\xe9"), None);
        assert_eq!(tags.issue(9, b""), None);
    }

    #[test]
    fn without_a_key_a_cookie_outlives_other_backends_and_not_its_own() {
        let tags = |backends: serde_json::Value| {
            let pool: Vec<String> = backends.as_object().expect("some").keys().cloned().collect();
            let file = serde_json::json!({
                "backends": backends,
                "models": { "gpt-4o": { "pool": pool } },
            });
            let config = crate::config::check(&file).expect("a right file");
            Tags::new(&config, &config.models[0], None)
        };
        let before = serde_json::json!({
            "eastus": { "url": "http://a" }, "westus": { "url": "http://b" },
        });
        let value = tags(before).issue(1, b"").expect("a member");
        let pinned = |backends| tags(backends).pinned(value.as_bytes());
        let others = serde_json::json!({
            "uksouth": { "url": "http://c" }, "westus": { "url": "http://b" },
        });
        assert_eq!(pinned(others), Some(1));
        assert_eq!(pinned(serde_json::json!({ "westus": { "url": "http://elsewhere" } })), None);
    }

    #[test]
    fn a_cookie_does_not_grow_without_bound() {
        let tags = tags_of("gpt-4o", b"key");
        let long = "abcdefghijkl.".repeat(1000);
        let value = tags.issue(0, long.as_bytes()).expect("a member");
        assert_eq!(value.split('.').count(), MOST_TAGS);
    }
}
