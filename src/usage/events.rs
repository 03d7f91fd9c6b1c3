//! Reads `usage` from a stream's events, however long they are.
//!
//! Most events are text as it is generated, and say nothing of tokens: a search for the word and an object after it tells.
//! The last event of a response holds the whole response, and may be longer than anything that is
//! kept of an event. What is not kept of it is followed as it passes.

use super::{Place, Scan, Usage};
use crate::stream::Piece;
use crate::words::word;

word!(USAGE = b"\"usage\"");

/// What a stream has reported so far.
#[derive(Debug)]
pub struct InEvents {
    place: Place,
    /// The event that passes, where it is too long to be kept.
    long: Option<Scan>,
    usage: Usage,
    model: Option<String>,
}

impl InEvents {
    /// Nothing read yet. `place`: where an event has it.
    pub const fn new(place: Place) -> Self {
        Self {
            place,
            long: None,
            usage: Usage { prompt: None, completion: None, cached: None, reasoning: None },
            model: None,
        }
    }

    /// The last that was reported whole.
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// The model that the event with the usage names.
    pub const fn model(&mut self) -> Option<String> {
        self.model.take()
    }

    /// Reads on.
    pub fn hear(&mut self, piece: &Piece<'_>) {
        match piece {
            Piece::More { kept, more } => {
                let scan = self.long.get_or_insert_with(|| Scan::new(self.place));
                scan.push(kept);
                scan.push(more);
                let (usage, model) = (scan.usage(), scan.model());
                self.take(usage, model);
            }
            Piece::Event(event) => {
                let was_long = self.long.take().is_some();
                // Once it is asked, Azure writes `"usage": null` into every chunk.
                let reports = || USAGE.values(event.data).any(|value| value.starts_with(b"{"));
                if !was_long && reports() {
                    let mut scan = Scan::new(self.place);
                    scan.push(event.data);
                    self.take(scan.usage(), scan.model());
                }
            }
        }
    }

    fn take(&mut self, usage: Usage, model: Option<String>) {
        if usage.is_known() {
            self.usage = usage;
        }
        self.model = model.or_else(|| self.model.take());
    }
}
