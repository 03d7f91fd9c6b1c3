//! The status seat: the one filter of the status listener, which answers everything itself.
//!
//! It has no configuration of its own. All seats of a worker share a VM, so it finds what the
//! gateway seat has been configured with last, and what the workers have put into shared data.

use std::cell::RefCell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::exchanges::Desk;
use super::host;
use crate::status::Report;
use crate::status::door::{self, Question};
use crate::status::survey::Survey;

thread_local! {
    /// The gateway that was configured last. While Envoy replaces one by another, both serve.
    static NEWEST: RefCell<Option<Rc<Desk>>> = const { RefCell::new(None) };
}

/// A gateway seat has been configured, and serves from now on.
pub(super) fn serves(desk: &Rc<Desk>) {
    if let Some(old) = NEWEST.replace(Some(desk.clone())) {
        old.leaves_to(desk);
    }
}

/// The gateway that was configured last.
pub(super) fn newest() -> Option<Rc<Desk>> {
    NEWEST.with_borrow(Clone::clone)
}

/// A request in the status seat.
#[derive(Debug)]
pub(super) struct Status {
    any_host: bool,
}

impl Status {
    pub(super) const fn new(any_host: bool) -> Self {
        Self { any_host }
    }
}

impl Context for Status {}

impl HttpContext for Status {
    /// Answered at once, whatever body follows: nothing here reads one.
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let header = |name| host::request_header(name).unwrap_or_default();
        let question = Question {
            method: header(":method"),
            path: header(":path"),
            authority: header(":authority"),
        };
        host::reply(&door::answer(&question, self.any_host, report));
        Action::Pause
    }
}

fn report() -> Option<Report> {
    let desk = newest()?;
    let survey = Survey {
        gateway: &desk.gateway,
        rows: &desk.rows,
        config: &desk.about,
        board: &host::board(),
        activity: &host::activity(),
        now: host::now(),
    };
    Some(survey.report())
}
