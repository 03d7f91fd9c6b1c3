//! Request bodies, JSON and forms, from bytes of any kind.

use spillway::prompt::NamedModel;

/// The first line is the content type. Where a model is named, its place is inside the body, and a
/// body in which it is renamed names the new one at the same place.
pub fn run(bytes: &[u8]) {
    let (content_type, body) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (&b""[..], bytes),
    };
    let content_type = Some(content_type).filter(|text| !text.is_empty());
    let Ok(Some(named)) = NamedModel::read(body, content_type) else { return };
    assert!(named.place.start <= named.place.end && named.place.end <= body.len());
    let renamed =
        [&body[..named.place.start], &named.rewritten("other"), &body[named.place.end..]].concat();
    let again = NamedModel::read(&renamed, content_type);
    let again = again.expect("still readable").expect("still named");
    assert_eq!((again.name.as_str(), again.place.start), ("other", named.place.start));
}
