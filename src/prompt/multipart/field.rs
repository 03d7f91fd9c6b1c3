//! The fields of a form that name models.

use super::super::fold::folds;
use super::super::places::{Places, Step, Way};
use super::super::urlencoded::first_word;
use super::super::{Form, NamedModel, Refusal, json};
use super::head::Head;

/// What the fields of a form name.
#[derive(Debug)]
pub(super) struct Fields<'b> {
    body: &'b [u8],
    places: Places,
    ways: Vec<Way>,
    seen: Vec<&'static str>,
    /// The model of the request.
    pub(super) named: Option<NamedModel>,
    /// Further models.
    pub(super) others: Vec<String>,
}

impl<'b> Fields<'b> {
    pub(super) fn new(body: &'b [u8], places: &Places) -> Self {
        Self {
            body,
            places: *places,
            ways: places.ways(),
            seen: Vec::new(),
            named: None,
            others: Vec::new(),
        }
    }

    /// Looks at one part.
    pub(super) fn take(&mut self, head: &Head<'_>, value: &'b [u8]) -> Result<(), Refusal> {
        let name = head.field.name;
        // It changes the character set of all the others (HTML, section 4.10.21.5).
        if name.eq_ignore_ascii_case("_charset_") {
            return Err(Refusal::invalid("the request body must not have a part `_charset_`"));
        }
        let Some((known, ways)) = self.ways_from(name)? else { return Ok(()) };
        if self.seen.contains(&known) {
            return Err(Refusal::Invalid(format!("the request body names `{known}` twice")));
        }
        self.seen.push(known);
        if !head.is_text {
            return Err(Refusal::Invalid(format!(
                "`{known}` in the request body must be plain text in UTF-8, not a file"
            )));
        }
        let (ended, further): (Vec<Way>, Vec<Way>) =
            ways.into_iter().partition(|way| way.has_ended());
        for way in ended {
            let text = text(value, known)?;
            if way.is_model {
                let place = place(value, self.body);
                self.named = Some(NamedModel { name: text, place, form: Form::Multipart });
            } else {
                self.others.push(text);
            }
        }
        if !further.is_empty() {
            let place = place(value, self.body);
            let (named, others) = json::read_part(self.body, place, further, &self.places)?;
            self.named = self.named.take().or(named);
            self.others.extend(others);
        }
        Ok(())
    }

    /// The ways that lead into the part of this name.
    fn ways_from(&self, name: &str) -> Result<Option<(&'static str, Vec<Way>)>, Refusal> {
        let mut here = None;
        for way in &self.ways {
            let (Step::Name(known), next) = way.step() else { continue };
            if known == name {
                let (_, ways) = here.get_or_insert((known, Vec::new()));
                ways.push(next);
            } else if folds(known, first_word(name)) {
                return Err(Refusal::Invalid(format!(
                    "some servers read a part of the request body as `{known}` that is not named \
                     so; name it `{known}`"
                )));
            }
        }
        Ok(here)
    }
}

fn text(value: &[u8], name: &str) -> Result<String, Refusal> {
    let text = std::str::from_utf8(value).ok();
    let text = text.filter(|text| !text.chars().any(char::is_control));
    text.map(str::to_owned)
        .ok_or_else(|| Refusal::Invalid(format!("`{name}` in the request body must be text")))
}

/// Where a part's value stands in the body that it is a part of.
fn place(value: &[u8], body: &[u8]) -> std::ops::Range<usize> {
    let start = (value.as_ptr() as usize).wrapping_sub(body.as_ptr() as usize);
    start..start.saturating_add(value.len())
}
