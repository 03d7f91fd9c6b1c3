//! Tokens in answers of any bytes, cut anywhere.

use serde_json::Value;
use spillway::stream::{Events, Piece, UsageChunkFilter};
use spillway::usage::{InEvents, Place, Scan, Usage};

/// The first byte says where to cut. However an answer is cut, the same is read of it; of JSON it is
/// what a parser finds; and what passes of a stream is the same too.
pub fn run(bytes: &[u8]) {
    let Some((&seed, answer)) = bytes.split_first() else { return };
    let step = usize::from(seed) + 1;
    for place in [Place::Top, Place::Response] {
        let whole = scanned(place, [answer]);
        assert_eq!(scanned(place, answer.chunks(step)), whole);
        if let Ok(parsed @ Value::Object(_)) = serde_json::from_slice::<Value>(answer)
            && !answer.contains(&b'\\')
        {
            let object = match place {
                Place::Top => parsed.get("usage"),
                Place::Response => parsed.pointer("/response/usage"),
            };
            let object = object.filter(|object| object.is_object()).map(Value::to_string);
            let found = object.map(|object| Usage::read(object.as_bytes())).unwrap_or_default();
            // Of several of one name the parser takes the last, and the scanner the last that tells.
            assert!(!found.is_known() || whole.is_known() || answer.len() > 4096, "{parsed}");
        }
    }
    assert_eq!(passed(answer.chunks(step)), passed([answer]));
}

fn scanned<'a>(place: Place, parts: impl IntoIterator<Item = &'a [u8]>) -> Usage {
    let mut scan = Scan::new(place);
    parts.into_iter().for_each(|part| scan.push(part));
    scan.usage()
}

/// What passes of a stream, and what it has reported.
fn passed<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Usage) {
    let (mut events, mut hidden) = (Events::new(64 * 1024), UsageChunkFilter::default());
    let (mut usage, mut all) = (InEvents::new(Place::Top), Vec::new());
    for part in parts {
        events.push(part, &mut |piece: Piece<'_>| {
            usage.hear(&piece);
            hidden.hear(&piece);
        });
        let passes = hidden.pass(part, events.begun());
        all.extend(passes.unwrap_or_else(|| part.to_vec()));
    }
    all.extend(hidden.rest());
    (all, usage.usage())
}
