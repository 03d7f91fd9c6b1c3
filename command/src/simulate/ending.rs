//! What a client gets.

use spillway::retry_after::RetryAfter;
use spillway_model::Shared;
use spillway_model::http::Answer;

/// What a client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) status: u16,
    /// Why the gateway answered by itself, in one word.
    pub(super) reason: Option<String>,
    pub(super) retry_after: RetryAfter,
}

impl Ending {
    /// This answer, which a gateway has just given.
    pub(super) fn of(answer: &Answer, shared: &Shared) -> Self {
        let header = |name| answer.headers.get(name).map(<[u8]>::to_vec);
        let retry_after = RetryAfter {
            retry_after_ms: header("retry-after-ms"),
            retry_after: header("retry-after"),
            ..RetryAfter::default()
        };
        Self { status: answer.status, reason: shared.borrow_mut().rejected(), retry_after }
    }
}
