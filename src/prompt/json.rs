//! A body that is JSON.
//!
//! It is read as strictly as RFC 8259 says: one object, in UTF-8, and nothing after it. What is not
//! (comments, `NaN`, a second object, UTF-16) is read by some servers and refused by others, so it
//! goes to none.

use serde_json::value::RawValue;

use super::members::{Members, place};
use super::places::{Places, Way};
use super::walk::Found;
use super::{Form, NamedModel, Reading, Refusal, early};

/// A byte order mark. Some clients write it; every reader skips it, or refuses it.
pub(super) const BOM: &[u8] = "\u{feff}".as_bytes();

/// Reads a whole body.
pub(super) fn read<'a>(
    body: &'a [u8],
    places: &Places,
    may_be_searched: bool,
) -> Result<Reading<'a>, Refusal> {
    let json = body.strip_prefix(BOM).unwrap_or(body);
    match json.trim_ascii_start().first() {
        None => return Ok(Reading::default()),
        Some(b'{') => {}
        Some(_) => return Err(Refusal::invalid("the request body must be a JSON object")),
    }
    if may_be_searched
        && json.len() == body.len()
        && let Some(named) = early::model(body, places)
    {
        return Ok(Reading { named: Some(named), ..Reading::default() });
    }
    let text = text(json)?;
    let mut found = Found::default();
    let members = Members::walk(text, &places.ways(), &mut found)
        .map_err(|e| Refusal::Invalid(format!("the request body is not valid JSON: {e}")))?;
    let (named, others) = names(found, body, places)?;
    Ok(Reading { named, others, members: Some(members) })
}

/// Reads the value of a form's part in which these ways go on.
pub(super) fn read_part(
    body: &[u8],
    value: &[u8],
    ways: &[Way],
    places: &Places,
) -> Result<(Option<NamedModel>, Vec<String>), Refusal> {
    let mut found = Found::default();
    found.walk(text(value)?, ways).map_err(|e| {
        Refusal::Invalid(format!("a part of the request body is not valid JSON: {e}"))
    })?;
    // What is found borrows from the part, and the part from the body.
    names(found, body, places)
}

fn text(json: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(json)
        .map_err(|e| Refusal::Invalid(format!("the request body is not valid JSON: {e}")))
}

/// The names, decoded.
fn names(
    found: Found<'_>,
    body: &[u8],
    places: &Places,
) -> Result<(Option<NamedModel>, Vec<String>), Refusal> {
    if let Some(why) = found.ambiguous {
        return Err(Refusal::Invalid(why));
    }
    let model = found.model.filter(|value| value.get() != "null");
    let named = model.map(|value| {
        let name = decoded(value, places.model)?;
        Ok(NamedModel { name, place: place(value, body), form: Form::Json })
    });
    // What is no text there is something else, such as a JSON schema.
    let texts = found.others.into_iter().filter(|value| value.get().starts_with('"'));
    let others = texts.map(|value| decoded(value, "a further model"));
    Ok((named.transpose()?, others.collect::<Result<_, _>>()?))
}

fn decoded(value: &RawValue, what: &str) -> Result<String, Refusal> {
    let quoted = if what.contains(' ') { what.to_owned() } else { format!("`{what}`") };
    serde_json::from_str(value.get())
        .map_err(|_| Refusal::Invalid(format!("{quoted} in the request body must be text")))
}
