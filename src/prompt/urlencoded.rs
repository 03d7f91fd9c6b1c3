//! JSON that is labelled as an HTML form.
//!
//! `curl -d` says `application/x-www-form-urlencoded` of whatever it sends, and most servers read JSON
//! all the same. Others (Express with its form parser, LiteLLM) believe the label, and find in
//! `{"model":"a","x":"&model=b&"}` the field `model`. So the body is read as JSON, and refused where it
//! has a field of that name as well.

use std::borrow::Cow;

use super::fold::folds;
use super::places::{Places, Step};

/// Whether a reader of HTML forms could find a place that names a model.
pub fn names_model(body: &[u8], places: &Places) -> bool {
    let ways = places.ways();
    body.split(|byte| matches!(byte, b'&' | b';' | b'\n')).any(|field| {
        // Without a value it names none.
        let Some(end) = memchr::memchr(b'=', field) else { return false };
        let name = field.get(..end).unwrap_or_default();
        let name: Cow<'_, [u8]> = percent_encoding::percent_decode(name).into();
        let mut name = String::from_utf8_lossy(&name);
        if name.contains('+') {
            name = Cow::Owned(name.replace('+', " "));
        }
        let name = first_word(name.trim());
        ways.iter().any(|way| matches!(way.step().0, Step::Name(known) if folds(known, name)))
    })
}

/// The name that a field's name begins with: `model[0]` and `model.x` are ways to write `model`.
pub(super) fn first_word(name: &str) -> &str {
    let mut words = name.split(['[', ']', '.']);
    words.find(|word| !word.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn a_field_of_the_name_is_found_in_every_spelling() {
        for field in [
            "model=b",
            "mod%65l=b",
            "MODEL=b",
            "model[]=b",
            "+model=b",
            "%6dodel[0]=b",
            "model.x=b",
            "%5bmodel=b",
            "%4dodel%20=b",
            "mod_el=b",
        ] {
            for end in ["&", ";"] {
                let body = format!(r#"{{"model":"a","x":"{end}{field}{end}"}}"#);
                assert!(names_model(body.as_bytes(), &Places::MODEL), "{body}");
            }
        }
        let places = Places { model: "model", others: &["tools[].model"] };
        assert!(names_model(b"{}&tools[0][model]=b", &places));
    }

    #[test]
    fn json_has_no_such_field() {
        for body in
            [r#"{"model":"a"}"#, r#"{"model":"a","x":"a&b=model; the model = c; model & b"}"#]
        {
            assert!(!names_model(body.as_bytes(), &Places::MODEL), "{body}");
        }
    }
}
