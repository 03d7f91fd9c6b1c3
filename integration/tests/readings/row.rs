//! One row: a request, and what must come of it.

use serde_json::Value;
use spillway_integration::Raw;

use crate::http2;
use crate::request::Request;
use crate::rig::{CLIENT, Rig, Way};

/// A request, and what must come of it.
pub(crate) struct Row {
    /// The field case, and what is odd about the request.
    pub(crate) name: String,
    request: Request,
    expected: Expected,
    /// Where our own listener has changed the path before the filter sees it.
    as_rendered: Option<Expected>,
    /// The model that is meant, where it is not the one that the row is played with.
    meant: Option<&'static str>,
}

/// What the client gets.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    /// An error of the gateway's own, with this code; no backend was asked.
    Refused(u16, &'static str),
    /// 200 from the backend, which was asked once, at this path, and read this row's model or none.
    Served(String),
}

impl Row {
    pub(crate) fn refused(
        name: impl Into<String>,
        request: Request,
        (status, code): (u16, &'static str),
    ) -> Self {
        let expected = Expected::Refused(status, code);
        Self { name: name.into(), request, expected, as_rendered: None, meant: None }
    }

    pub(crate) fn served(name: impl Into<String>, request: Request, path: &str) -> Self {
        let expected = Expected::Served(path.to_owned());
        Self { name: name.into(), request, expected, as_rendered: None, meant: None }
    }

    /// The same, but for another refusal where our own listener has normalised the path first.
    pub(crate) fn or_as_rendered(self, (status, code): (u16, &'static str)) -> Self {
        Self { as_rendered: Some(Expected::Refused(status, code)), ..self }
    }

    /// The same, where this model is meant.
    pub(crate) fn meaning(self, model: &'static str) -> Self {
        Self { meant: Some(model), ..self }
    }

    /// Sends the request and judges both ends.
    pub(crate) async fn play(&self, rig: &Rig, way: Way, model: &str) {
        let id = rig.next_id();
        let mut request = self.request.clone().header("x-row", &id);
        let has_key = |name: &str| request.headers.iter().any(|(known, _)| known == name);
        if !has_key("api-key") && !has_key("authorization") {
            request = request.header("api-key", CLIENT);
        }
        let gateway = rig.gateway(way);
        let (status, body) = if request.http2 {
            http2::send(gateway.at, &request).await
        } else {
            let mut connection = Raw::connect(gateway.at).await;
            connection.write(request.bytes()).await;
            let answer = connection.answer().await;
            (answer.status, answer.body)
        };
        let read = rig.journal.of(&id);
        let seen = format!(
            "the client got {status} {}\nbackends read {read:#?}",
            String::from_utf8_lossy(&body)
        );
        for record in &read {
            let wrong = record.wrong();
            assert!(wrong.is_empty(), "{wrong:#?}\n{seen}");
        }
        match self.expected(way) {
            Expected::Refused(wanted, code) => {
                assert_eq!(status, *wanted, "{code} was expected\n{seen}");
                let error: Value = serde_json::from_slice(&body).unwrap_or_default();
                assert_eq!(error["error"]["code"], *code, "{seen}");
                assert!(read.is_empty(), "a backend was asked\n{seen}");
            }
            Expected::Served(path) => {
                assert_eq!(status, 200, "{seen}");
                let [record] = read.as_slice() else { panic!("asked once\n{seen}") };
                assert_eq!(record.path(), *path, "{seen}");
                let model = self.meant.unwrap_or(model);
                let others: Vec<_> =
                    record.models().filter(|(_, found)| found.as_str() != Some(model)).collect();
                assert!(others.is_empty(), "{others:?} where {model} was meant\n{seen}");
            }
        }
    }

    fn expected(&self, way: Way) -> &Expected {
        match (way, &self.as_rendered) {
            (Way::Rendered, Some(expected)) => expected,
            _ => &self.expected,
        }
    }
}

/// What cannot be read in one way only.
pub(crate) const AMBIGUOUS: (u16, &str) = (400, "path_ambiguous");
/// What is no HTTP, in Envoy's own reading.
pub(crate) const MALFORMED: (u16, &str) = (400, "bad_request");
/// A denied model.
pub(crate) const DENIED: (u16, &str) = (403, "model_not_permitted");
/// A body that cannot be read in one way only.
pub(crate) const INVALID: (u16, &str) = (400, "invalid_body");
/// A body in a coding that is not read.
pub(crate) const CODED: (u16, &str) = (415, "unsupported_encoding");
/// A path that is no operation's.
pub(crate) const UNKNOWN: (u16, &str) = (404, "unknown_path");
/// A method that the operation does not have.
pub(crate) const METHOD: (u16, &str) = (405, "method_not_allowed");
