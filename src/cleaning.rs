//! What is taken out of a backend's answer on its arrival, before anything is decided by it.
//!
//! Envoy and the gateway's own filters speak to each other by headers of the answer, clients learn from
//! some of them who answered, and a cookie of ours pins a client. A backend could write all of these.
//! It could also show a credential: by an echo of its request, or in an address. So each answer and
//! its trailers lose:
//!
//! - every field in which a credential is written ([`credential::HEADERS`]);
//! - everything that is called `x-spillway-…`: it is ours;
//! - everything that is called `x-envoy-…`: Envoy's router obeys several of them. With
//!   `x-envoy-ratelimited` it never tries again, with `x-envoy-immediate-health-check-fail` it takes
//!   the host out, `x-envoy-upstream-canary` moves statistics and `x-envoy-decorator-operation` renames
//!   a span. The time that an Envoy behind the backend took is harmless, and stays;
//! - cookies that have the name of one of the gateway's own;
//! - from addresses, what is not for clients ([`crate::location`]); and `refresh`, an address in a
//!   form of its own.
//!
//! What this cannot do: the filter does not know backends' keys (Envoy alone has them), so it cannot
//! look for one in a body or under a name that nobody knows.

#![warn(clippy::arithmetic_side_effects)]

use crate::credential;
use crate::location::Places;

/// Headers or trailers: names in lower case, as Envoy has them, and values as they came.
pub type Fields = Vec<(String, Vec<u8>)>;

/// A change of headers or trailers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// No field has this name any more.
    Remove(String),
    /// One field has this name, with this value.
    Set(String, Vec<u8>),
    /// One field more has this name, with this value.
    Add(String, Vec<u8>),
}

/// The changes that clean these headers or trailers, in their order: none for an ordinary answer.
/// `is_own`: whether the gateway itself issues cookies of this name.
pub fn changes(
    fields: &Fields,
    is_own: impl Fn(&[u8]) -> bool,
    places: Option<&Places<'_>>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut sets_cookie = false;
    for (at, (name, value)) in fields.iter().enumerate() {
        let is_first = || !fields.iter().take(at).any(|(other, _)| other == name);
        if is_not_for_clients(name) {
            if is_first() {
                changes.push(Change::Remove(name.clone()));
            }
        } else if name == SET_COOKIE {
            sets_cookie = true;
        } else if ADDRESSES.contains(&name.as_str()) && is_first() {
            let is_alone =
                !fields.iter().skip(at.saturating_add(1)).any(|(other, _)| other == name);
            let address = places.filter(|_| is_alone).and_then(|places| places.rewrite(value));
            match address {
                Some(address) if address == *value => {}
                Some(address) => changes.push(Change::Set(name.clone(), address)),
                None => changes.push(Change::Remove(name.clone())),
            }
        }
    }
    if sets_cookie {
        changes.extend(without_cookies(fields, is_own));
    }
    changes
}

fn is_not_for_clients(name: &str) -> bool {
    let is_envoys = name.starts_with("x-envoy-") && name != "x-envoy-upstream-service-time";
    let is_ours = name.starts_with("x-spillway-");
    is_ours || is_envoys || name == "refresh" || credential::header(name).is_some()
}

/// Cookies are lines of their own, which can only be removed together: the others come back in
/// their order.
fn without_cookies(fields: &Fields, is_own: impl Fn(&[u8]) -> bool) -> Vec<Change> {
    let values = || fields.iter().filter(|(name, _)| name == SET_COOKIE).map(|(_, value)| value);
    let is_ours = |value: &&Vec<u8>| {
        let name = value.split(|byte| b"=;".contains(byte)).next().unwrap_or_default();
        // Browsers take a cookie without a name for one, and send back what follows as it is.
        name.trim_ascii().is_empty() || is_own(name.trim_ascii())
    };
    if !values().any(|value| is_ours(&value)) {
        return Vec::new();
    }
    let others = values().filter(|value| !is_ours(value));
    let others = others.map(|value| Change::Add(SET_COOKIE.to_owned(), value.clone()));
    [Change::Remove(SET_COOKIE.to_owned())].into_iter().chain(others).collect()
}

const SET_COOKIE: &str = "set-cookie";

/// Headers that hold an address: RFC 9110 §10.2.2 and §8.7, and those of Azure's long operations.
const ADDRESSES: [&str; 4] =
    ["location", "content-location", "operation-location", "azure-asyncoperation"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn cleaned(fields: &[(&str, &str)]) -> Vec<Change> {
        let fields =
            fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        let is_own = |name: &[u8]| [&b"Spillway-Affinity"[..], b"Pin"].contains(&name);
        changes(&fields.collect(), is_own, None)
    }

    fn remove(name: &str) -> Change {
        Change::Remove(name.to_owned())
    }

    #[test]
    fn what_is_ours_or_a_credential_is_removed_once() {
        let changes = cleaned(&[
            (":status", "200"),
            ("api-key", "K"),
            ("x-spillway-retry", "1"),
            ("content-type", "application/json"),
            ("x-spillway-anything", ""),
            ("x-envoy-ratelimited", "true"),
            ("x-envoy-upstream-service-time", "3"),
            ("api-key", "K2"),
            ("x-goog-api-key", "K"),
        ]);
        let names = [
            "api-key",
            "x-spillway-retry",
            "x-spillway-anything",
            "x-envoy-ratelimited",
            "x-goog-api-key",
        ];
        assert_eq!(changes, names.map(remove));
    }

    #[test]
    fn an_ordinary_answer_is_left_alone() {
        let fields = [("apim-request-id", "x"), ("set-cookie", "a=b"), ("x-ms-region", "East US")];
        assert_eq!(cleaned(&fields), []);
    }

    #[test]
    fn only_cookies_of_ours_go_and_the_others_keep_their_order() {
        let changes = cleaned(&[
            ("set-cookie", "b=1; Path=/"),
            ("set-cookie", " Pin = x; Path=/"),
            ("set-cookie", "pin=Spillway-Affinity"),
            ("set-cookie", "Spillway-Affinity"),
        ]);
        let add = |value: &str| Change::Add("set-cookie".into(), value.into());
        let wanted = [remove("set-cookie"), add("b=1; Path=/"), add("pin=Spillway-Affinity")];
        assert_eq!(changes, wanted);
    }

    #[test]
    fn an_address_that_is_given_twice_is_none() {
        let twice = [("location", "https://h/a"), ("location", "https://h/b")];
        assert_eq!(cleaned(&twice), [remove("location")]);
    }
}
