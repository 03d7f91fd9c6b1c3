//! A body that is JSON.
//!
//! It is read as strictly as RFC 8259 says: one object, in UTF-8, and nothing after it. What is not
//! (comments, `NaN`, a second object, UTF-16) is read by some servers and refused by others, so it
//! goes to none.

use std::ops::Range;

use super::found::Found;
use super::mistake::mistake;
use super::places::{Places, Way};
use super::properties::{Properties, Written};
use super::walk::Walk;
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
    let at = body.len().saturating_sub(json.len());
    let mut walk = Walk::new(places.ways(), at).with_properties(Properties::NAMES);
    walk.push(json);
    let Some(found) = walk.object() else {
        let mistake = mistake(text);
        return Err(Refusal::Invalid(format!("the request body is not valid JSON: {mistake}")));
    };
    let properties = Properties::of(&found, |place| Written::in_place(place, text, at));
    let (named, others) = names(&found, text, at, places)?;
    Ok(Reading { named, others, properties })
}

/// Reads the value of a form's part in which these ways go on.
pub(super) fn read_part(
    body: &[u8],
    place: Range<usize>,
    ways: Vec<Way>,
    places: &Places,
) -> Result<(Option<NamedModel>, Vec<String>), Refusal> {
    let part = body.get(place.clone()).unwrap_or_default();
    let text = text(part)?;
    let mut walk = Walk::new(ways, place.start);
    walk.push(part);
    let Some(found) = walk.end() else {
        let mistake = mistake(text);
        return Err(Refusal::Invalid(format!(
            "a part of the request body is not valid JSON: {mistake}"
        )));
    };
    names(&found, text, place.start, places)
}

fn text(json: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(json)
        .map_err(|e| Refusal::Invalid(format!("the request body is not valid JSON: {e}")))
}

/// The names, decoded, that were found in a text that stands at this place of the body.
fn names(
    found: &Found,
    text: &str,
    at: usize,
    places: &Places,
) -> Result<(Option<NamedModel>, Vec<String>), Refusal> {
    if let Some(why) = &found.ambiguous {
        return Err(Refusal::Invalid(why.clone()));
    }
    let written = |place: &Range<usize>| Written::in_place(place, text, at);
    let model = found.model.as_ref().and_then(written).filter(|value| value.text != "null");
    let named = model.map(|value| {
        let name = decoded(value, places.model)?;
        Ok(NamedModel { name, place: value.place(), form: Form::Json })
    });
    // What is no text there is something else, such as a JSON schema.
    let others = found.others.iter().filter_map(written);
    let others = others.filter(|value| value.text.starts_with('"'));
    let others = others.map(|value| decoded(value, "a further model"));
    Ok((named.transpose()?, others.collect::<Result<_, _>>()?))
}

fn decoded(value: Written<'_>, what: &str) -> Result<String, Refusal> {
    serde_json::from_str(value.text).map_err(|_| {
        let quoted = if what.contains(' ') { what.to_owned() } else { format!("`{what}`") };
        Refusal::Invalid(format!("{quoted} in the request body must be text"))
    })
}
