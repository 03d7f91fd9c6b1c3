//! Readers of a request line: which model it names.

use percent_encoding::percent_decode_str;
use url::{Url, form_urlencoded};

/// A reader's name, and what it finds.
pub(super) type Reader = (&'static str, fn(&[u8]) -> Option<String>);

/// Every reader.
pub(super) const READERS: [Reader; 4] = [
    ("a server that takes the path as it is", literal),
    ("a server that resolves paths as browsers do", browser),
    ("a server that decodes twice, cuts at semicolons and folds", lenient),
    ("a server that reads the query", query),
];

fn literal(path: &[u8]) -> Option<String> {
    let path = String::from_utf8_lossy(path);
    let path = path.split('?').next().unwrap_or_default();
    deployment(path.split('/').map(str::to_owned).collect(), str::to_owned)
}

fn browser(path: &[u8]) -> Option<String> {
    let url = Url::parse(&format!("http://h{}", String::from_utf8_lossy(path))).ok()?;
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    deployment(url.path().split('/').map(decoded).collect(), str::to_owned)
}

fn lenient(path: &[u8]) -> Option<String> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let text = String::from_utf8_lossy(path);
    let text = decoded(&decoded(text.split(['?', '#']).next().unwrap_or_default()));
    let mut parts: Vec<String> = Vec::new();
    for part in text.replace('\\', "/").split('/') {
        match part.split(';').next().unwrap_or_default().trim() {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part.to_owned()),
        }
    }
    deployment(parts, |name| name.trim_end_matches(['.', ' ']).to_owned())
}

fn query(path: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(path);
    let (_, query) = text.split_once('?')?;
    let query = query.replace(';', "&");
    let names = ["model", "deployment", "engine", "deployment_id"];
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let found = pairs.find(|(name, _)| names.contains(&name.trim().to_lowercase().as_str()));
    found.map(|(_, value)| value.into_owned())
}

/// The names and values of the query's parameters.
pub(super) fn parameters(path: &[u8]) -> impl Iterator<Item = String> {
    let query: Vec<u8> = path.iter().copied().skip_while(|byte| *byte != b'?').skip(1).collect();
    let pairs = form_urlencoded::parse(&query).into_owned().collect::<Vec<_>>();
    pairs.into_iter().flat_map(|(name, value)| [name, value])
}

/// The segment after `deployments` or `engines`, where servers look for it.
fn deployment(parts: Vec<String>, name: fn(&str) -> String) -> Option<String> {
    let parts: Vec<&String> = parts.iter().filter(|part| !part.is_empty()).collect();
    let naming = |part: &str| ["deployments", "engines"].contains(&part.to_lowercase().as_str());
    let at = parts.iter().position(|part| naming(part))?;
    parts.get(at + 1).map(|part| name(part))
}
