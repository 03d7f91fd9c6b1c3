//! What the server behind everything has read.

use std::path::PathBuf;
use std::{fmt, fs};

use serde_json::Value;

use crate::gateways::TENANTS_MODEL;
use crate::rig::{CLIENT, MODELS, OTHER};

/// The file that the server writes, a line for each request.
pub(crate) struct Journal(pub(crate) PathBuf);

/// One request, as the server read it.
pub(crate) struct Record(Value);

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(&text.replace(CLIENT, "(the client's key)").replace(OTHER, "(another's key)"))
    }
}

impl Journal {
    /// The requests of this row.
    pub(crate) fn of(&self, id: &str) -> Vec<Record> {
        self.records(|line| line.contains(id))
            .filter(|record| record.header("x-row") == id)
            .collect()
    }

    /// Every denied model that was read and every key that was seen, whichever request it was.
    pub(crate) fn everything_wrong(&self) -> Vec<String> {
        let wrong = |record: Record| {
            let id = record.header("x-row").to_owned();
            record.wrong().into_iter().map(move |what| format!("{id}: {what}"))
        };
        self.records(|_| true).flat_map(wrong).collect()
    }

    fn records(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = Record> {
        let text = fs::read_to_string(&self.0).expect("a journal");
        // The last line may be half written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines().filter(|line| wanted(line));
        let records: Vec<_> =
            lines.map(|line| Record(serde_json::from_str(line).expect("a line of JSON"))).collect();
        records.into_iter()
    }
}

impl Record {
    /// The path as it arrived.
    pub(crate) fn path(&self) -> &str {
        self.0["path"].as_str().expect("a path")
    }

    /// Each place where the server would take a model from, and what it read there.
    pub(crate) fn models(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0["models"].as_object().expect("models").iter()
    }

    /// The values of the headers of this name, one after the other.
    pub(crate) fn header(&self, name: &str) -> String {
        let headers = self.pairs("headers").filter(|(known, _)| *known == name);
        headers.map(|(_, value)| value).collect::<Vec<_>>().join("; ")
    }

    /// What must not have come here: each in one line, without the key itself.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (place, model) in self.models() {
            let mut served = MODELS.iter().map(|(served, _)| *served).chain([TENANTS_MODEL]);
            if !served.any(|served| model.as_str() == Some(served)) {
                wrong.push(format!("the backend read {model} in the {place}"));
            }
        }
        let query = self.0["query"].as_str().expect("a query");
        let mut places =
            vec![("the path".to_owned(), self.path()), ("the query".to_owned(), query)];
        for kind in ["headers", "trailers"] {
            for (name, value) in self.pairs(kind) {
                places.push((format!("{name} of the {kind}"), value));
                places.push((format!("the names of the {kind}"), name));
            }
        }
        for (place, text) in places {
            let text = unescaped(text);
            if [CLIENT, OTHER].iter().any(|key| text.contains(key)) {
                wrong.push(format!("a client's key is in {place}"));
            }
            if [DENIED, FOREIGN].iter().any(|word| text.contains(word)) {
                wrong.push(format!("{text} is in {place}"));
            }
        }
        wrong
    }

    fn pairs(&self, kind: &str) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0[kind].as_array().expect("pairs").iter();
        pairs.map(|pair| (pair[0].as_str().expect("a name"), pair[1].as_str().expect("a value")))
    }
}

/// Without escapes, however often they are escaped.
fn unescaped(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    loop {
        let once = once(&bytes);
        if once == bytes {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        bytes = once;
    }
}

fn once(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let (b'%', Some(byte)) = (first, byte) {
            out.push(byte);
            rest = &after[2..];
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

/// How every name of a denied model begins.
const DENIED: &str = "o1-";
/// Another tenant of the backend that has a base path.
const FOREIGN: &str = "tenant2";
