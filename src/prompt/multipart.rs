//! A body that is `multipart/form-data` (RFC 7578).
//!
//! Readers of forms differ in everything that no client writes: text before the first boundary, line
//! ends, names in escapes, parts without names. So a form is read as clients write it, and every other
//! is refused. Only names and short values are looked at. The other parts, audio and images of many
//! megabytes, are stepped over by searching for the boundary and never copied.

mod boundary;
mod decoy;
mod disposition;
mod field;
mod head;
mod parts;
#[cfg(test)]
mod tests;

use super::places::Places;
use super::{Reading, Refusal};
use field::Fields;
use parts::Parts;

pub use boundary::Boundary;

/// Reads a whole body.
pub(super) fn read<'a>(
    body: &[u8],
    boundary: &Boundary,
    places: &Places,
) -> Result<Reading<'a>, Refusal> {
    let mut fields = Fields::new(body, places);
    for (number, part) in Parts::of(body, boundary).map_err(malformed)?.enumerate() {
        if number >= MOST_PARTS {
            return Err(malformed("it has too many parts"));
        }
        let part = part.map_err(malformed)?;
        let head = head::read(part.head).map_err(malformed)?;
        fields.take(&head, part.value)?;
    }
    Ok(Reading { named: fields.named, others: fields.others, properties: None })
}

/// The largest forms of these APIs have some dozens.
const MOST_PARTS: usize = 1000;

fn malformed(why: &'static str) -> Refusal {
    Refusal::Invalid(format!("the request body is not plain multipart/form-data: {why}"))
}
