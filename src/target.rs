//! What a client's path asks for, and what a backend's path must be.
//!
//! Azure OpenAI names the deployment in the path (`/openai/deployments/{name}/chat/completions`);
//! everything else (`/openai/responses`, `/openai/v1/…`) names the model in the body. A path is
//! bytes: it is cut and joined, never decoded and encoded again, so that what reaches a backend is
//! what the client sent, but for the prefix, the deployment's name and the client's own key.

use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use crate::config::BackendUrl;

/// A client's path, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The path and query for a backend, but for its base path and its name of the deployment.
    path: Vec<u8>,
    /// Where in `path` the deployment's name stands, as it was written.
    deployment: Option<Range<usize>>,
    /// The client's key, where it came in the query.
    pub key: Option<Vec<u8>>,
}

impl Target {
    /// Reads `:path`. `None`: it does not begin with the prefix.
    pub fn read(path: &[u8], prefix: &str) -> Option<Self> {
        let rest = path.strip_prefix(prefix.as_bytes())?;
        if !matches!(rest.first(), None | Some(b'/' | b'?')) {
            return None;
        }
        let (path, key) = without_key(rest);
        let deployment = deployment(&path);
        Some(Self { path, deployment, key })
    }

    /// The deployment that the path names, decoded. Bytes that are no text become `U+FFFD`, and so
    /// a name that no model has.
    pub fn deployment(&self) -> Option<String> {
        let name = self.path.get(self.deployment.clone()?)?;
        Some(percent_decode(name).decode_utf8_lossy().into_owned())
    }

    /// The path and query as the client sent it, without the prefix and without its key.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The `api-version` in the query, as it was written.
    pub fn api_version(&self) -> Option<&[u8]> {
        let question = memchr::memchr(b'?', &self.path)?;
        let mut pairs = self.path.get(question + 1..)?.split(|byte| *byte == b'&');
        pairs.find_map(|pair| {
            let (name, value) = pair.split_at_checked(API_VERSION.len())?;
            name.eq_ignore_ascii_case(API_VERSION).then_some(value)
        })
    }

    /// The path and query for this backend. `renamed`: its own name of the deployment, where it
    /// differs from the client's.
    pub fn at(&self, url: &BackendUrl, renamed: Option<&str>) -> Vec<u8> {
        let mut path = url.base_path.as_bytes().to_vec();
        match (self.deployment.clone(), renamed) {
            (Some(name), Some(renamed)) => {
                path.extend_from_slice(self.path.get(..name.start).unwrap_or_default());
                path.extend(utf8_percent_encode(renamed, SEGMENT).flat_map(str::bytes));
                path.extend_from_slice(self.path.get(name.end..).unwrap_or_default());
            }
            _ => path.extend_from_slice(&self.path),
        }
        if !path.starts_with(b"/") {
            path.insert(0, b'/');
        }
        path
    }
}

/// The path without `api-key` in its query, and that key.
fn without_key(path: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    let Some(question) = memchr::memchr(b'?', path).filter(|at| holds_key(path, *at)) else {
        return (path.to_vec(), None);
    };
    let (path, query) = path.split_at(question);
    let mut kept = path.to_vec();
    let mut key = None;
    let mut separator = b'?';
    for pair in query.get(1..).unwrap_or_default().split(|b| *b == b'&') {
        match pair.get(..KEY.len()).filter(|name| name.eq_ignore_ascii_case(KEY)) {
            Some(_) => {
                let value = pair.get(KEY.len()..).unwrap_or_default();
                key = key.or_else(|| Some(percent_decode(value).collect()));
            }
            None => {
                kept.push(separator);
                kept.extend_from_slice(pair);
                separator = b'&';
            }
        }
    }
    (kept, key)
}

fn holds_key(path: &[u8], question: usize) -> bool {
    let query = path.get(question + 1..).unwrap_or_default();
    query
        .split(|b| *b == b'&')
        .any(|pair| pair.get(..KEY.len()).is_some_and(|name| name.eq_ignore_ascii_case(KEY)))
}

fn deployment(path: &[u8]) -> Option<Range<usize>> {
    let end = memchr::memchr(b'?', path).unwrap_or(path.len());
    let path = path.get(..end)?;
    if !path.starts_with(DEPLOYMENTS) {
        return None;
    }
    let start = DEPLOYMENTS.len();
    let name = path.get(start..)?;
    let length = memchr::memchr(b'/', name).unwrap_or(name.len());
    Some(start..start + length)
}

const DEPLOYMENTS: &[u8] = b"/openai/deployments/";
const KEY: &[u8] = b"api-key=";
const API_VERSION: &[u8] = b"api-version=";

/// What must be encoded in one segment of a path (RFC 3986 `pchar` without the colon and at).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn url(base_path: &str) -> BackendUrl {
        BackendUrl { tls: false, host: "h".into(), port: 80, base_path: base_path.into() }
    }

    fn sent(path: &str, prefix: &str, base: &str, renamed: Option<&str>) -> String {
        let target = Target::read(path.as_bytes(), prefix).expect("the prefix fits");
        String::from_utf8(target.at(&url(base), renamed)).expect("text")
    }

    #[test]
    fn the_path_names_the_deployment() {
        let named = |path: &str| Target::read(path.as_bytes(), "").and_then(|t| t.deployment());
        assert_eq!(
            named("/openai/deployments/gpt-4o/chat/completions?a=1").as_deref(),
            Some("gpt-4o")
        );
        assert_eq!(named("/openai/deployments/gpt%2D4o").as_deref(), Some("gpt-4o"));
        assert_eq!(named("/openai/deployments/?x=/y").as_deref(), Some(""));
        assert_eq!(named("/openai/responses?x=/openai/deployments/a/b"), None);
        assert_eq!(named("/openai/v1/chat/completions"), None);
    }

    #[test]
    fn the_prefix_is_removed_and_only_as_a_whole_segment() {
        assert_eq!(sent("/inference/openai/x?q=1", "/inference", "", None), "/openai/x?q=1");
        assert_eq!(sent("/inference", "/inference", "", None), "/");
        assert_eq!(sent("/inference?q", "/inference", "", None), "/?q");
        assert!(Target::read(b"/inferences/openai/x", "/inference").is_none());
        assert!(Target::read(b"/openai/x", "/inference").is_none());
    }

    #[test]
    fn base_path_and_deployment_become_the_backends() {
        let path = "/openai/deployments/gpt-4o/chat/completions?api-version=1";
        let renamed = "/base/openai/deployments/gpt-4o%20std/chat/completions?api-version=1";
        assert_eq!(sent(path, "", "/base", Some("gpt-4o std")), renamed);
        assert_eq!(sent(path, "", "", None), path);
    }

    #[test]
    fn the_clients_key_leaves_the_query() {
        for (path, left) in [
            ("/a?api-key=k&b=1", "/a?b=1"),
            ("/a?b=1&API-KEY=k", "/a?b=1"),
            ("/a?b=1&api-key=k&c=%20", "/a?b=1&c=%20"),
            ("/a?api-key=k", "/a"),
        ] {
            assert_eq!(sent(path, "", "", None), left, "{path}");
            let target = Target::read(path.as_bytes(), "").expect("no prefix");
            assert_eq!(target.key.as_deref(), Some(&b"k"[..]), "{path}");
        }
        assert_eq!(sent("/a?x-api-key=k", "", "", None), "/a?x-api-key=k");
        let encoded = Target::read(b"/a?api-key=a%2Bb", "").and_then(|target| target.key);
        assert_eq!(encoded.as_deref(), Some(&b"a+b"[..]));
    }

    #[test]
    fn the_version_of_the_api_stands_in_the_query() {
        for (path, version) in [
            ("/openai/x?api-version=2024-10-21", Some("2024-10-21")),
            ("/a?b=api-version=1&Api-Version=v1&api-version=2", Some("v1")),
            ("/a?api-version=", Some("")),
            ("/api-version=1", None),
            ("/a?xapi-version=1", None),
        ] {
            let target = Target::read(path.as_bytes(), "").expect("no prefix");
            assert_eq!(target.api_version(), version.map(str::as_bytes), "{path}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_pass() {
        let path = b"/openai/deployments/caf\xe9/x?y=\xff";
        let target = Target::read(path, "").expect("no prefix");
        assert_eq!(target.at(&url(""), None), path);
        assert_eq!(target.deployment().as_deref(), Some("caf\u{fffd}"));
    }
}
