//! On the status listener: the one filter there, which answers everything itself.
//!
//! It has no configuration of its own. All filters of a worker share a VM, so it finds what the
//! downstream filter has been configured with last, and what the workers have put into shared data.

use super::{Action, Call};
use crate::breaker::store;
use crate::host::Map;
use crate::status::endpoint::{self, StatusRequest};
use crate::status::sources::Sources;
use crate::status::{Report, activity};

/// A request on the status listener.
#[derive(Debug)]
pub struct Status {
    any_host: bool,
}

impl Status {
    pub(super) const fn new(any_host: bool) -> Self {
        Self { any_host }
    }

    /// Answered at once, whatever body follows: nothing here reads one.
    pub(super) fn on_request_headers(&self, call: &Call<'_>) -> Action {
        let header = |name| call.host.header(Map::Request, name).unwrap_or_default();
        let request = StatusRequest {
            method: header(":method"),
            path: header(":path"),
            authority: header(":authority"),
        };
        let page = endpoint::answer(&request, self.any_host, || report(call));
        call.host.reply(page.status, &page.headers, &page.body);
        Action::Pause
    }
}

fn report(call: &Call<'_>) -> Option<Report> {
    let instance = call.worker.newest()?;
    let sources = Sources {
        gateway: &instance.gateway,
        rows: &instance.rows,
        config: &instance.about,
        store: &store::fetch(call.host),
        activity: &activity::fetch(call.host),
        now: call.host.now(),
    };
    Some(sources.report())
}
