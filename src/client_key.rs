//! Who is calling: the client whose key a request shows.
//!
//! Keys are kept as SHA-256 digests, so that no key stands in the filter's memory for longer than
//! its start, and compared in constant time: neither the key nor the position of the client in the
//! list can be learned from how long a refusal takes.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::ClientId;

/// The clients that may call.
#[derive(Debug, Clone)]
pub struct Keyring {
    clients: Vec<[u8; 32]>,
}

impl Keyring {
    /// A keyring of the clients' keys, in the order of the configuration.
    pub fn new(keys: impl IntoIterator<Item = String>) -> Self {
        Self { clients: keys.into_iter().map(|key| digest(key.as_bytes())).collect() }
    }

    /// The client that one of these keys belongs to.
    pub fn client<'a>(&self, keys: impl IntoIterator<Item = &'a [u8]>) -> Option<ClientId> {
        let mut found = None;
        for key in keys {
            let shown = digest(key);
            for (id, known) in self.clients.iter().enumerate() {
                if bool::from(known.ct_eq(&shown)) {
                    found = Some(id);
                }
            }
        }
        found
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750 §2.1; the scheme is case-insensitive).
pub fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked(BEARER.len())?;
    scheme.eq_ignore_ascii_case(BEARER).then(|| token.trim_ascii())
}

fn digest(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

const BEARER: &[u8] = b"bearer ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn keyring() -> Keyring {
        Keyring::new(["k-chat".into(), "k-batch".into()])
    }

    #[test]
    fn a_key_tells_its_client() {
        assert_eq!(keyring().client([&b"k-batch"[..]]), Some(1));
        assert_eq!(keyring().client([&b"wrong"[..], b"k-chat"]), Some(0));
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
        assert_eq!(bearer(b"Basic abc"), None);
        assert_eq!(bearer(b"Bear"), None);
    }
}
