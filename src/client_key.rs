//! Who is calling: the client whose key a request shows.
//!
//! Keys are kept as SHA-256 digests, so that no key stands in the filter's memory for longer than
//! its start. A digest is looked up in a table, so a thousand clients cost what one does. How long
//! that takes tells nothing of a key: it depends on the digest, of which nobody can choose a bit
//! without knowing what it is the digest of, and on where this table's own random seed puts it.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::config::ClientId;

/// The clients that may call.
#[derive(Debug, Clone)]
pub struct Keyring {
    clients: HashMap<[u8; 32], ClientId>,
    /// How long the keys are. What has another length is none, and need not be hashed to know it.
    lengths: Vec<usize>,
}

impl Keyring {
    /// A keyring of the clients' keys, in the order of the configuration.
    pub fn new(keys: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let mut lengths = Vec::new();
        let mut clients = HashMap::new();
        for (position, key) in keys.into_iter().enumerate() {
            let length = key.as_ref().len();
            if !lengths.contains(&length) {
                lengths.push(length);
            }
            clients.insert(digest(key.as_ref()), ClientId::at(position));
        }
        Self { clients, lengths }
    }

    /// Whether this is a client's key.
    pub fn knows(&self, key: &[u8]) -> bool {
        self.lengths.contains(&key.len()) && self.clients.contains_key(&digest(key))
    }

    /// The client that the last of these keys belongs to which is known.
    pub fn client<'a>(&self, keys: impl IntoIterator<Item = &'a [u8]>) -> Option<ClientId> {
        keys.into_iter().filter_map(|key| self.clients.get(&digest(key)).copied()).last()
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750 §2.1; the scheme is case-insensitive).
pub fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked(BEARER.len())?;
    let apart = token.first().is_some_and(u8::is_ascii_whitespace);
    (apart && scheme.eq_ignore_ascii_case(BEARER)).then(|| token.trim_ascii())
}

fn digest(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

const BEARER: &[u8] = b"bearer";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn keyring() -> Keyring {
        Keyring::new(["k-chat", "k-batch"])
    }

    #[test]
    fn a_key_tells_its_client() {
        assert_eq!(keyring().client([&b"k-batch"[..]]), Some(ClientId::at(1)));
        assert_eq!(keyring().client([&b"wrong"[..], b"k-chat"]), Some(ClientId::at(0)));
        assert!(keyring().knows(b"k-chat") && !keyring().knows(b"k-chas"));
    }

    #[test]
    fn anything_else_tells_nobody() {
        for key in ["", "k-cha", "k-chat ", "K-CHAT"] {
            assert_eq!(keyring().client([key.as_bytes()]), None, "{key}");
        }
        assert_eq!(keyring().client([]), None);
    }

    #[test]
    fn a_bearer_token_is_read_as_clients_write_it() {
        assert_eq!(bearer(b"Bearer abc"), Some(&b"abc"[..]));
        assert_eq!(bearer(b"bearer  abc "), Some(&b"abc"[..]));
        assert_eq!(bearer(b"Bearer\tabc"), Some(&b"abc"[..]));
        assert_eq!(bearer(b"Bearerabc"), None);
        assert_eq!(bearer(b"Basic abc"), None);
        assert_eq!(bearer(b"Bear"), None);
    }
}
