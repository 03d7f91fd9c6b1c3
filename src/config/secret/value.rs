//! Whether what a secret's source holds can be used, and which secrets must differ.
//!
//! A key travels in a header. White space around it is a habit of editors and of `echo`, and no
//! part of it; anything else that a header cannot carry makes a key that never matches. So every key
//! is read in one way, whoever uses it, and a key that cannot be used is a problem at start instead
//! of a 401 for everyone later. No problem shows a secret.

use std::collections::{BTreeMap, BTreeSet};

use super::Secret;
use crate::config::{Problem, path};

/// The place of the only secret that no header carries.
const COOKIE_KEY: &str = "cookie_key";

/// A key without the white space around it.
///
/// # Errors
/// Why it cannot be used, as what its source does: `is empty`.
pub fn key(held: &[u8]) -> Result<&str, &'static str> {
    let key = held.trim_ascii();
    if key.is_empty() {
        return Err("is empty");
    }
    if key.iter().any(u8::is_ascii_control) {
        return Err("holds a line break or another control character inside the key");
    }
    match std::str::from_utf8(key) {
        Ok(key) if key.is_ascii() => Ok(key),
        _ => Err("holds a character that is not ASCII"),
    }
}

/// What is wrong with these secrets, each with its place in the file; `held` returns what a source
/// holds.
///
/// A source that cannot be read, or whose key cannot be used, is one problem at the first place that
/// names it. Two clients with one key are a problem, and so is a client with a backend's key.
pub fn wrong_secrets<'a>(
    secrets: Vec<(String, &'a Secret)>,
    held: impl Fn(&'a Secret) -> Result<Vec<u8>, String>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut bad = BTreeSet::new();
    let mut places: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    for (place, secret) in secrets {
        match read(&place, secret, &held) {
            Err(message) => {
                if bad.insert(secret) {
                    problems.push(Problem::new(at(&place, secret), message, ""));
                }
            }
            Ok(_) if place == COOKIE_KEY => {}
            Ok(value) => match places.get(&value) {
                Some(first) if is_client(&place) => problems.push(same(place, first)),
                Some(_) => {}
                None => drop(places.insert(value, place)),
            },
        }
    }
    problems
}

fn read<'a>(
    place: &str,
    secret: &'a Secret,
    held: impl Fn(&'a Secret) -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, String> {
    let value = held(secret)?;
    if place == COOKIE_KEY {
        let value = value.trim_ascii();
        return if value.is_empty() { Err(not_set(secret)) } else { Ok(value.to_vec()) };
    }
    match key(&value) {
        Ok(key) => Ok(key.as_bytes().to_vec()),
        Err("is empty") => Err(not_set(secret)),
        Err(why) => Err(format!("{} {why}", source(secret))),
    }
}

/// Why a source that is missing or empty cannot be used.
pub fn not_set(secret: &Secret) -> String {
    match secret {
        Secret::Env(_) => format!("{} is not set or empty", source(secret)),
        Secret::File(file) => format!("cannot read `{file}`: it is empty"),
    }
}

fn source(secret: &Secret) -> String {
    match secret {
        Secret::Env(name) => format!("the environment variable `{name}`"),
        Secret::File(file) => format!("the file `{file}`"),
    }
}

fn at(place: &str, secret: &Secret) -> String {
    match secret {
        Secret::Env(_) => place.to_owned(),
        Secret::File(_) => path::key(place, "file"),
    }
}

fn is_client(place: &str) -> bool {
    place.starts_with("clients[")
}

fn same(place: String, first: &str) -> Problem {
    let owner = first.rsplit_once('.').map_or(first, |(owner, _)| owner);
    let hint = if is_client(first) {
        "give each client a key of its own"
    } else {
        "give the client a key of its own: with the backend's, it needs no gateway"
    };
    Problem::new(place, format!("the same key as `{owner}`"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn white_space_around_a_key_is_no_part_of_it() {
        for held in ["k-1", " k-1", "k-1\n", "\t k-1 \r\n\n"] {
            assert_eq!(key(held.as_bytes()), Ok("k-1"), "{held:?}");
        }
        assert_eq!(key(b" two words "), Ok("two words"));
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused() {
        for held in ["", " ", "\r\n\t"] {
            assert_eq!(key(held.as_bytes()), Err("is empty"), "{held:?}");
        }
        for held in ["a\nb", "a\r\nx: y", "a\tb", "a\0", "a\x7f"] {
            let why = key(held.as_bytes()).unwrap_err();
            assert!(why.contains("control character"), "{held:?}: {why}");
        }
        for held in [&b"caf\xc3\xa9"[..], b"a\xff", "\u{a0}k".as_bytes()] {
            assert!(key(held).unwrap_err().contains("not ASCII"), "{held:?}");
        }
    }

    fn said(held: impl Fn(&str) -> Option<&'static [u8]>) -> Vec<String> {
        let env = |name: &str| Secret::Env(name.to_owned());
        let (east, chat, batch) = (env("EAST"), env("CHAT"), env("BATCH"));
        let (file, cookie) = (Secret::File("/run/key".into()), env("COOKIE"));
        let all = vec![
            ("backends.east.api_key".to_owned(), &east),
            ("backends.west.bearer_token".to_owned(), &file),
            ("clients[0].key".to_owned(), &chat),
            ("clients[1].key".to_owned(), &batch),
            ("cookie_key".to_owned(), &cookie),
        ];
        let held = |secret: &Secret| match secret {
            Secret::Env(name) => held(name).map(<[u8]>::to_vec).ok_or_else(|| not_set(secret)),
            Secret::File(_) => Ok(held("file").unwrap_or_default().to_vec()),
        };
        wrong_secrets(all, held).iter().map(ToString::to_string).collect()
    }

    fn good(name: &str) -> &'static [u8] {
        match name {
            "EAST" => b"e",
            "CHAT" => b"c",
            "BATCH" => b"b",
            // Two lines, as `openssl rand -base64 64` prints: no header carries it.
            "COOKIE" => b"c\nc\n",
            _ => b"f",
        }
    }

    #[test]
    fn good_secrets_are_no_problem() {
        assert_eq!(said(|name| Some(good(name))), Vec::<String>::new());
    }

    #[test]
    fn a_bad_secret_is_named_and_not_shown() {
        let with = |bad: &'static str, held: Option<&'static [u8]>| {
            said(move |name| if name == bad { held } else { Some(good(name)) })
        };
        let unset = "the environment variable `CHAT` is not set or empty";
        assert_eq!(with("CHAT", None), [format!("clients[0].key: {unset}")]);
        assert_eq!(with("CHAT", Some(b" \n")), [format!("clients[0].key: {unset}")]);
        assert_eq!(
            with("BATCH", Some(b"sk-1\nsk-2")),
            ["clients[1].key: the environment variable `BATCH` holds a line break or another \
              control character inside the key"]
        );
        assert_eq!(
            with("file", Some(b"\n")),
            ["backends.west.bearer_token.file: cannot read `/run/key`: it is empty"]
        );
        assert_eq!(
            with("file", Some(b"sk-\xff")),
            ["backends.west.bearer_token.file: the file `/run/key` holds a character that is not \
              ASCII"]
        );
        assert_eq!(
            with("COOKIE", Some(b"\n")),
            ["cookie_key: the environment variable `COOKIE` is not set or empty"]
        );
    }

    #[test]
    fn a_client_shares_its_key_with_nobody() {
        let with = |other: &'static str, held: &'static [u8]| {
            said(move |name| Some(if name == other { held } else { good(name) }))
        };
        assert_eq!(
            with("BATCH", b" c\n"),
            [
                "clients[1].key: the same key as `clients[0]`\n  hint: give each client a key of its \
              own"
            ]
        );
        for backend in ["EAST", "file"] {
            let name = if backend == "EAST" { "east" } else { "west" };
            assert_eq!(
                with(backend, b"c\n"),
                [format!(
                    "clients[0].key: the same key as `backends.{name}`\n  hint: give the client a \
                     key of its own: with the backend's, it needs no gateway"
                )]
            );
        }
        assert_eq!(with("file", b"e"), Vec::<String>::new(), "backends may share theirs");
    }
}
