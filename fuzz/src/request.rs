//! Requests that servers might read otherwise than the gateway: whatever the gateway lets through is
//! for the same model, however the server behind it reads.
//!
//! The gateway is the whole core on the model of Envoy, with one model at each backend and others
//! denied. What a backend receives is given to readers that share nothing with the gateway's own:
//! the `url` crate, `serde_json`, `multer` and `mailparse`, and models of what Python's `json`, Go's
//! `encoding/json` and lenient servers do. Each finds the model of the backend that was asked, or
//! none at all.

mod body;
mod form;
mod path;

use arbitrary::{Arbitrary, Unstructured};
use spillway::failover_mode::FailoverMode;
use spillway_stories::http::{Received, Request};
use spillway_stories::story::Story;
use spillway_stories::{Stage, modelled};

/// A request, made of pieces that mean something and of any bytes.
#[derive(Debug, Arbitrary)]
struct Given<'a> {
    method: u8,
    path: Vec<Piece<'a>>,
    kind: u8,
    boundary: u8,
    header: u8,
    body: Vec<Piece<'a>>,
    streamed: bool,
}

#[derive(Debug, Arbitrary)]
enum Piece<'a> {
    Known(u8),
    Any(&'a [u8]),
}

/// Sends one request. Every reader finds, in what a backend received, that backend's model or none.
pub fn run(bytes: &[u8]) {
    let Ok(given) = Given::arbitrary(&mut Unstructured::new(bytes)) else { return };
    let request = request(&given);
    let story = Story { name: "", behaviours: &[], needs: &[], config: CONFIG, play: |_| {} };
    let mut stage = modelled::in_memory(&story, FailoverMode::Retry);
    stage.send(&request);
    for (backend, model) in [("eastus", "gpt-4o"), ("westus", "other")] {
        for received in stage.received(backend) {
            holds(&received, model);
        }
    }
}

fn holds(received: &Received, model: &str) {
    for (reader, read) in path::READERS {
        let found = read(&received.path);
        assert!(found.is_none_or(|found| found == model), "{reader} reads {received:?}");
    }
    let in_path = path::READERS.iter().any(|(_, read)| read(&received.path).is_some());
    let header = |name| received.headers.text(name).unwrap_or_default();
    for (reader, read) in body::READERS {
        let Some(found) = read(&received.body) else { continue };
        // A deployment in the path is what all servers go by; but none is told a denied model.
        let fits = found == model || (in_path && !found.starts_with("o1"));
        assert!(fits, "{reader} reads {found} in {received:?}");
    }
    for (reader, read) in form::READERS {
        for found in read(&header("content-type"), &received.body) {
            let fits = found == model || (in_path && !found.starts_with("o1"));
            assert!(fits, "{reader} reads {found} in {received:?}");
        }
    }
    for (name, value) in received.headers.0.iter().chain(&received.trailers.0) {
        let shown = name != ":path" && value.windows(SECRET.len()).any(|part| part == SECRET);
        assert!(!shown, "a client's key in {name}");
    }
    let key = path::parameters(&received.path).find(|text| text.as_bytes() == SECRET);
    assert!(key.is_none(), "a client's key in the query of {received:?}");
}

fn request(given: &Given<'_>) -> Request {
    let one = |all: &[&'static str], at: u8| all[usize::from(at) % all.len()];
    let boundary = one(&BOUNDARIES, given.boundary);
    let request = Request {
        method: one(&["POST", "POST", "POST", "GET", "DELETE"], given.method).to_owned(),
        path: joined(&given.path, &PATH),
        body: joined(&given.body, &BODY),
        ..Request::default()
    };
    let request = request
        .with("api-key", SECRET)
        .with("content-type", one(&KINDS, given.kind).replace("BB", boundary));
    let (name, value) = HEADERS[usize::from(given.header) % HEADERS.len()];
    let request = if name.is_empty() { request } else { request.with(name, value) };
    if given.streamed { request.streamed() } else { request }
}

/// The pieces in a row, without what no request line and no header could hold.
fn joined(pieces: &[Piece<'_>], known: &[&str]) -> Vec<u8> {
    let piece = |piece: &Piece<'_>| match piece {
        Piece::Known(at) => known[usize::from(*at) % known.len()].as_bytes().to_vec(),
        Piece::Any(bytes) => bytes.to_vec(),
    };
    pieces.iter().flat_map(piece).collect()
}

const SECRET: &[u8] = b"key-of-chat";

const PATH: [&str; 48] = [
    "/openai/deployments/gpt-4o/chat/completions",
    "/openai/deployments/",
    "/openai/v1/chat/completions",
    "/v1/responses",
    "/v1/audio/transcriptions",
    "/v1/realtime",
    "/openai/new/",
    "/",
    "//",
    "openai",
    "OpenAI",
    "deployments",
    "Deployments",
    "%64eployments",
    "engines",
    "gpt-4o",
    "gpt%2D4o",
    "o1-pro",
    "o1%2dpro",
    "chat/completions",
    "completions",
    "embeddings",
    "v1",
    "models",
    ".",
    "..",
    "%2e",
    "%2E%2e",
    "%2f",
    "%5c",
    "\\",
    ";",
    "%3b",
    "%",
    "%25",
    "%252e",
    "%00",
    "#",
    "?",
    "&",
    "=",
    "+",
    "model=",
    "Model=o1-pro",
    "mod%65l=o1-pro",
    "deployment=gpt-4o",
    "api-key=key-of-chat",
    "a=key%2Dof-chat",
];

const BODY: [&str; 54] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    " ",
    "\n",
    "\r\n",
    "\"model\"",
    "\"Model\"",
    "\"MODEL\"",
    "\"mod\\u0065l\"",
    "'model'",
    "model",
    "\"gpt-4o\"",
    "\"o1-pro\"",
    "\"other\"",
    "null",
    "7",
    "NaN",
    "{\"model\":\"gpt-4o\"",
    "\"model\":\"o1-pro\"",
    "{\"model\":\"gpt-4o\"}",
    "{\"model\":\"o1-pro\"}",
    "\"tools\":[{\"model\":\"o1-pro\"}]",
    "\"session\":",
    "\"a\":{\"model\":\"o1-pro\"}",
    "\"input\":\"hi\"",
    "\u{feff}",
    "\0",
    "//",
    "/*",
    "*/",
    "model=o1-pro",
    "&model=o1-pro",
    "--BB",
    "--BB\r\n",
    "--BB--",
    "--BB--\r\n",
    "--BBB\r\n",
    "--B\r\n",
    "\r\n--BB\r\n",
    "content-disposition: form-data; name=\"model\"\r\n\r\n",
    "Content-Disposition: form-data; name=model\r\n\r\n",
    "content-disposition: form-data; name=\"Model\"\r\n\r\n",
    "content-disposition: form-data; name*=utf-8''model\r\n\r\n",
    "content-disposition: form-data; name=\"x\"; filename=\"y; name=model\"\r\n\r\n",
    "content-disposition: form-data;\r\n name=\"model\"\r\n\r\n",
    "content-type: text/plain; charset=utf-16\r\n",
    "content-transfer-encoding: base64\r\n",
    "gpt-4o",
    "o1-pro",
    "bzEtcHJv",
];

const KINDS: [&str; 14] = [
    "application/json",
    "multipart/form-data; boundary=BB",
    "multipart/form-data; boundary=\"BB\"",
    "Multipart/Form-Data; charset=utf-8; boundary=BB",
    "multipart/form-data",
    "multipart/mixed; boundary=BB",
    "application/json, multipart/form-data; boundary=BB",
    "multipart/form-data; boundary=BB; boundary=CC",
    "text/plain",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "application/json; charset=utf-16",
    "",
    "nonsense",
];

const BOUNDARIES: [&str; 4] = ["BB", "B", "BBB", "b b"];

const HEADERS: [(&str, &[u8]); 9] = [
    ("", b""),
    ("x-api-key", SECRET),
    ("authorization", b"Bearer key-of-chat"),
    ("x-any", SECRET),
    ("cookie", b"a=1; b=key-of-chat"),
    ("content-encoding", b"gzip"),
    ("x-original-url", b"/openai/deployments/o1-pro/chat/completions"),
    ("x-ms-oai-image-generation-deployment", b"o1-pro"),
    ("x-http-method-override", b"DELETE"),
];

const CONFIG: &str = "
denied_models: ['o1*']
default_model: gpt-4o
paths: { allow: [/openai/new/*] }
clients: [{ name: chat-app, key: '${CHAT_KEY}' }]
models: { gpt-4o: { pool: [eastus] }, other: { pool: [westus] } }";

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn plain_requests_arrive_and_every_reader_is_asked() {
        let known = |at| vec![Piece::Known(at)];
        let given = |path, body| Given {
            method: 0,
            path,
            kind: 0,
            boundary: 0,
            header: 0,
            body,
            streamed: false,
        };
        let story = Story { name: "", behaviours: &[], needs: &[], config: CONFIG, play: |_| {} };
        for given in [given(known(0), Vec::new()), given(known(2), known(23))] {
            let mut stage = modelled::in_memory(&story, FailoverMode::Retry);
            stage.send(&request(&given));
            let received = stage.received("eastus").pop().expect("it is let through");
            holds(&received, "gpt-4o");
            assert!(catch_unwind(|| holds(&received, "other")).is_err(), "the model is read");
        }
    }

    #[test]
    fn a_reader_that_reads_otherwise_is_noticed() {
        let form =
            b"--BB\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\no1-pro\r\n--BB--\r\n";
        for (path, kind, body) in [
            ("/openai/deployments/gpt-4o/../o1-pro/x", "", &b""[..]),
            ("/openai/Deployments/o1-pro/x", "", b""),
            ("/openai/%252e/deployments/o1-pro;a/x", "", b""),
            ("/v1/realtime?Model=o1-pro", "", b""),
            ("/v1/responses", "", b"{\"model\":\"gpt-4o\",\"model\":\"o1-pro\"}"),
            ("/v1/responses", "", b"{\"Model\":\"o1-pro\"}"),
            ("/v1/responses", "", b"{\0\"\0m\0o\0d\0e\0l\0\"\0:\0\"\0o\x001\0\"\0}\0"),
            ("/v1/audio/transcriptions", "multipart/form-data; boundary=BB", form),
        ] {
            let mut received =
                Received { path: path.into(), body: body.to_vec(), ..Received::default() };
            received.headers.add("content-type", kind);
            assert!(catch_unwind(|| holds(&received, "gpt-4o")).is_err(), "{path} {body:?}");
        }
    }
}
