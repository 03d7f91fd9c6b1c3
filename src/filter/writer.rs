//! The writer seat: a downstream HTTP filter, nearest to the client, that has the last word.
//!
//! When a backend breaks off an answer, Envoy resets the client's stream and calls no filter that
//! could still write. But the backend seat is told that its attempt is over just before, and can
//! have the answer go on behind the gateway seat: as an empty part, into which this seat writes.
//! docs/adr/0009 has the whole story.

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::effects;
use super::exchanges::{self, Ticket};
use super::host;

/// One answer on its last steps.
#[derive(Debug)]
pub(super) struct Writer;

impl Context for Writer {}

impl HttpContext for Writer {
    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if size == 0 && !end_of_stream {
            let ticket = host::take(effects::EXCHANGE);
            let ticket = ticket.as_deref().and_then(Ticket::from_bytes);
            if let Some(words) = ticket.and_then(exchanges::last_words) {
                host::append_to_answer(size, &words);
            }
        }
        Action::Continue
    }
}
