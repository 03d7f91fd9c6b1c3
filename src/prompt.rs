//! The model that a request's body names.
//!
//! The Responses API and the `/openai/v1` paths name the model only there. The body is looked at
//! and never changed or built anew: what is found is the name and the place where it stands, so
//! that a backend with another name for the model gets the same bytes with only that name replaced.
//!
//! Gateway and backend could read a body differently that names the model twice, and a client could
//! so reach a model that it was denied. A body that is read whole is refused for that. A long one
//! that names its model early passes while it arrives, unread, and its name is moved to its end,
//! where it overrules every other ([`Ahead`]).

use std::ops::Range;

mod ahead;
mod early;
mod members;
mod multipart;

pub use ahead::Ahead;
pub use members::{Member, Members, place};

/// The model that a body names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedModel {
    /// Its name, decoded.
    pub name: String,
    /// Where the name stands in the body, quotes included where the body is JSON.
    pub place: Range<usize>,
    /// How it is written.
    pub form: Form,
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON.
    Json,
    /// `multipart/form-data`, as for audio and image edits.
    Multipart,
    /// Anything else: it names no model.
    Other,
}

impl Form {
    /// The form that a content type announces. Nothing announced means JSON: that is what every
    /// API here takes.
    pub fn of(content_type: Option<&[u8]>) -> Self {
        let Some(content_type) = content_type else { return Self::Json };
        let essence = content_type.split(|b| *b == b';').next().unwrap_or_default();
        let essence = essence.trim_ascii().to_ascii_lowercase();
        if essence == b"multipart/form-data" {
            Self::Multipart
        } else if essence == b"application/json"
            || essence.ends_with(b"+json")
            || essence.is_empty()
        {
            Self::Json
        } else {
            Self::Other
        }
    }
}

impl NamedModel {
    /// Reads the model from a whole body. `Ok(None)`: it names none.
    ///
    /// # Errors
    /// One sentence that tells the client what is wrong with its body.
    pub fn read(body: &[u8], content_type: Option<&[u8]>) -> Result<Option<Self>, String> {
        Self::find(body, content_type).map(|(named, _)| named)
    }

    /// The same, and the body's other members where it had to be read for this.
    ///
    /// # Errors
    /// As above.
    pub fn find<'a>(
        body: &'a [u8],
        content_type: Option<&[u8]>,
    ) -> Result<(Option<Self>, Option<Members<'a>>), String> {
        match Form::of(content_type) {
            Form::Json => json(body),
            Form::Multipart => Ok((multipart::model(body, content_type.unwrap_or_default()), None)),
            Form::Other => Ok((None, None)),
        }
    }

    /// The bytes to put in the name's place.
    pub fn rewritten(&self, name: &str) -> Vec<u8> {
        match self.form {
            Form::Json => as_json(name),
            Form::Multipart | Form::Other => name.as_bytes().to_vec(),
        }
    }
}

fn as_json(name: &str) -> Vec<u8> {
    serde_json::Value::from(name).to_string().into_bytes()
}

fn json(body: &[u8]) -> Result<(Option<NamedModel>, Option<Members<'_>>), String> {
    match body.trim_ascii_start().first() {
        None => return Ok((None, None)),
        Some(b'{') => {}
        Some(_) => return Err("the request body must be a JSON object".to_owned()),
    }
    if let Some(named) = early::model(body) {
        return Ok((Some(named), None));
    }
    let members =
        Members::read(body).map_err(|e| format!("the request body is not valid JSON: {e}"))?;
    let value = match members.model {
        model if model.is_null() => return Ok((None, Some(members))),
        Member::Once(value) => value,
        _ => return Err("the request body names `model` twice".to_owned()),
    };
    let name = serde_json::from_str(value.get())
        .map_err(|_| "`model` in the request body must be text".to_owned())?;
    let named = NamedModel { name, place: place(value, body), form: Form::Json };
    Ok((Some(named), Some(members)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn read(body: &str) -> Result<Option<String>, String> {
        NamedModel::read(body.as_bytes(), None).map(|named| named.map(|n| n.name))
    }

    #[test]
    fn the_model_is_found_wherever_it_stands() {
        assert_eq!(read(r#"{"model":"gpt-4o"}"#), Ok(Some("gpt-4o".into())));
        assert_eq!(
            read(r#"{"a":{"model":"no"},"model" : "gpt\u002d4o" }"#),
            Ok(Some("gpt-4o".into()))
        );
        assert_eq!(read(r#"{"messages":[{"model":"no"}]}"#), Ok(None));
        assert_eq!(read(r#"{"model":null}"#), Ok(None));
        assert_eq!(read("  "), Ok(None));
    }

    #[test]
    fn only_the_name_is_replaced() {
        let body = r#"{"a": 1, "model": "gpt-4o", "b": 2}"#;
        let named = NamedModel::read(body.as_bytes(), None).expect("valid").expect("named");
        let mut sent = body.to_owned();
        let name = String::from_utf8(named.rewritten("it's \"new\"")).expect("text");
        sent.replace_range(named.place, &name);
        assert_eq!(sent, r#"{"a": 1, "model": "it's \"new\"", "b": 2}"#);
    }

    #[test]
    fn what_is_wrong_is_said_in_a_sentence() {
        let wrong = |body: &str| read(body).expect_err("must be refused");
        assert_eq!(wrong(r#"{"model":7}"#), "`model` in the request body must be text");
        assert_eq!(wrong(r#"{"model":"a","model":"b"}"#), "the request body names `model` twice");
        assert_eq!(wrong("[1]"), "the request body must be a JSON object");
        assert!(
            wrong(r#"{"model":"a""#).contains("not valid JSON: EOF"),
            "{}",
            wrong(r#"{"model":"a""#)
        );
        assert!(wrong(&"{\"a\":".repeat(10_000)).contains("not valid JSON"));
    }

    #[test]
    fn other_forms_name_no_model() {
        assert_eq!(NamedModel::read(b"\x00\xff", Some(b"application/octet-stream")), Ok(None));
        assert_eq!(Form::of(Some(b"Application/JSON; charset=utf-8")), Form::Json);
        assert_eq!(Form::of(Some(b"application/problem+json")), Form::Json);
        assert_eq!(Form::of(Some(b"multipart/form-data; boundary=x")), Form::Multipart);
    }
}
