//! What Envoy holds of one request while it is under way.

use std::collections::{BTreeMap, BTreeSet};

use spillway::host::Body;

use crate::http::{Answer, Headers};

/// One request and its answer, as a callback sees them: what cannot be read now is not there.
#[derive(Debug, Default)]
pub struct Stream {
    /// The request's headers, while it passes.
    pub request: Option<Headers>,
    /// The request's trailers, while they pass.
    pub request_trailers: Option<Headers>,
    /// The part of the request's body that is there.
    pub request_body: Option<Vec<u8>>,
    /// The answer's headers, while it passes.
    pub response: Option<Headers>,
    /// The part of the answer's body that is there.
    pub response_body: Option<Vec<u8>>,
    /// The answer's trailers, while they pass.
    pub response_trailers: Option<Headers>,
    /// The stream's filter state, without the `wasm.` that Envoy puts before each name.
    pub filter_state: BTreeMap<String, Vec<u8>>,
    /// The names in it that outlive an internal redirect.
    pub lasting: BTreeSet<String>,
    /// This side's address of the attempt's connection to its backend, where it has one.
    pub connection: Option<Vec<u8>>,
    /// The route cache was cleared, so that the cluster is chosen again.
    pub route_cleared: bool,
    /// The filter has resumed the answer.
    pub response_resumed: bool,
    /// The filter has broken the answer off.
    pub response_ended: bool,
    /// The answer that the filter gave by itself.
    pub reply: Option<Answer>,
}

impl Stream {
    /// The part of a body that is there.
    pub fn body(&self, body: Body) -> Option<&[u8]> {
        match body {
            Body::Request => self.request_body.as_deref(),
            Body::Response => self.response_body.as_deref(),
        }
    }

    pub(crate) fn body_mut(&mut self, body: Body) -> Option<&mut Vec<u8>> {
        match body {
            Body::Request => self.request_body.as_mut(),
            Body::Response => self.response_body.as_mut(),
        }
    }

    /// Replaces `length` bytes from `start` on of the request's body, which Envoy only does at its
    /// front. False: it does not.
    pub fn replace_request_body(&mut self, start: usize, length: usize, with: &[u8]) -> bool {
        let Some(body) = &mut self.request_body else { return false };
        if start == 0 {
            assert!(length <= body.len(), "more is drained than is there");
            body.splice(..length, with.iter().copied());
        } else if start >= body.len() {
            body.extend_from_slice(with);
        } else {
            return false;
        }
        true
    }

    /// Adds to the answer's body: at its front, or behind all of the `there` bytes that are there.
    pub fn append_to_response(&mut self, there: usize, bytes: &[u8]) -> bool {
        let Some(body) = &mut self.response_body else { return false };
        assert!(there == 0 || there == body.len(), "only the front or the end can be added to");
        body.splice(there..there, bytes.iter().copied());
        true
    }

    /// Replaces the answer's body, of which so many bytes are there. Envoy could replace its front
    /// alone too; nobody does.
    pub fn replace_response(&mut self, there: usize, with: &[u8]) -> bool {
        let Some(body) = &mut self.response_body else { return false };
        assert_eq!(there, body.len(), "all of it is replaced");
        *body = with.to_vec();
        true
    }

    pub(super) fn cluster(&self) -> Option<String> {
        let name = self.filter_state.get("spillway.cluster")?;
        Some(String::from_utf8_lossy(name).into_owned())
    }
}
