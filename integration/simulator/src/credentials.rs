//! Who may call.
//!
//! Azure takes the resource's key in `api-key` or as a bearer token. A gateway must
//! send each region its own key, so a wrong one is refused before anything else is
//! looked at, scripted faults included.

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// Whether the headers carry `key`; without a key everyone may call.
pub(crate) fn admitted(headers: &HeaderMap, key: Option<&str>) -> bool {
    let Some(key) = key else { return true };
    let api_key = headers.get("api-key").map(hyper::http::HeaderValue::as_bytes);
    let bearer = headers.get(AUTHORIZATION).and_then(|value| bearer_token(value.as_bytes()));
    api_key.or(bearer) == Some(key.as_bytes())
}

fn bearer_token(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(token)
}

const SCHEME: &[u8] = b"Bearer ";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            hyper::header::HeaderName::from_static(name),
            value.parse().unwrap(),
        )])
    }

    #[test]
    fn the_key_may_come_either_way() {
        assert!(admitted(&headers("api-key", "k"), Some("k")));
        assert!(admitted(&headers("authorization", "bearer k"), Some("k")));
    }

    #[test]
    fn another_key_or_none_is_refused() {
        assert!(!admitted(&headers("api-key", "x"), Some("k")));
        assert!(!admitted(&headers("authorization", "k"), Some("k")));
        assert!(!admitted(&HeaderMap::new(), Some("k")));
        assert!(admitted(&HeaderMap::new(), None));
    }
}
