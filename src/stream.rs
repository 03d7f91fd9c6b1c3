//! Answers that stream: their events, the first ones judged, and whether they reached their end.
//!
//! A status of 200 says little about a stream: the error may stand before its first content, and it
//! may stop in the middle as if it were complete. Both can be told from the events alone, so this
//! module reads them, byte by byte as they come, and never holds more than is bounded.
//!
//! | question | file |
//! |---|---|
//! | where does an event begin and end? | `events.rs` |
//! | what is this answer, by its first bytes? | `start.rs` |
//! | is this event an error, and whose fault? | `error.rs` |
//! | when does it want to be asked again? | `retry_after.rs` |
//! | does this event bring content? | `content.rs` |
//! | did the stream end as its API ends, and what if not? | `ending.rs` |
//! | what if it was cut inside of an event? | `json_repair.rs` |
//! | and the chunk that its client did not ask for? | `usage_chunk.rs` |

mod content;
mod ending;
mod error;
mod error_words;
mod events;
mod json_repair;
mod retry_after;
mod start;
mod usage_chunk;

pub use ending::{Api, Cut, Ending};
pub use error::StreamError;
pub use events::{Begun, Event, Events, Piece};
pub use start::Start;
pub use usage_chunk::UsageChunkFilter;

use crate::words::word;

word!(CHOICES = b"\"choices\"");

/// Whether an event has `choices`, and their list begins so: `]` where it is empty.
fn choices_begin(data: &[u8], with: &[u8]) -> bool {
    let begins = |list: &[u8]| {
        list.strip_prefix(b"[").is_some_and(|rest| rest.trim_ascii_start().starts_with(with))
    };
    CHOICES.values(data).any(begins)
}

/// Whether this is the content type of an event stream.
pub fn is_event_stream(content_type: &[u8]) -> bool {
    let kind = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}
