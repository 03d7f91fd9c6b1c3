//! The yardstick: what the first tier could have served.
//!
//! It is worked out beside the run, request by request: would the first tier have taken this one,
//! had it been brought there at once? Each interval begins with the books as the regions really
//! have them, so that the yardstick does not drift away from the run: what was left unused in one
//! interval is there for the next.

use super::limit::Limit;
use super::plan::Plan;
use super::region::Region;
use spillway::time::{Millis, Timestamp};

/// The first tier, as it would be under a gateway that knows all of its books.
#[derive(Debug)]
pub(super) struct Ideal {
    tier: Vec<usize>,
    interval: Millis,
    /// The interval that the books were copied in.
    number: Option<u64>,
    books: Vec<Option<Limit>>,
}

impl Ideal {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { tier: plan.first_tier(), interval: plan.interval, number: None, books: Vec::new() }
    }

    /// Whether the first tier would take this request.
    pub(super) fn takes(&mut self, tokens: u64, now: Timestamp, regions: &[Region]) -> bool {
        let number = now.0.checked_div(self.interval.0);
        if self.number != number {
            self.number = number;
            let books = |at: &usize| regions.get(*at)?.limit.clone();
            self.books = self.tier.iter().map(books).collect();
        }
        let mut books = self.books.iter_mut();
        books.any(|limit| limit.as_mut().is_none_or(|limit| limit.admit(tokens, now).is_ok()))
    }
}
