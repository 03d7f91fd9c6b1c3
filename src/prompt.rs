//! The models that a request's body names.
//!
//! The Responses API and the `/openai/v1` paths name the model only there. The body is looked at
//! and never changed or built anew: what is found is the name and the place where it stands, so
//! that a backend with another name for the model gets the same bytes with only that name replaced.
//!
//! # One reading
//!
//! The gateway decides by the model that it reads, and the backend serves the model that *it* reads.
//! A body that servers could read in two ways is how a client reaches a model that it was denied. So
//! a body is refused where a reader could find another model in it: JSON that is not strict, names
//! that are there twice or in another case ([`Places`]), forms that no client writes, types and
//! character sets that only some servers believe ([`MediaType`]).
//!
//! A long body that names its model early may pass while it arrives, unread, and its name is moved to
//! its end, where it overrules every other. That holds for most readers only: see [`Ahead`].

use std::ops::Range;

mod ahead;
mod early;
mod fold;
mod found;
mod json;
mod media_type;
mod mistake;
mod multipart;
mod names;
mod opaque;
mod parameters;
mod places;
mod properties;
mod refusal;
#[cfg(test)]
mod tests;
mod urlencoded;
mod walk;

pub use ahead::Ahead;
pub use media_type::MediaType;
pub use multipart::Boundary;
pub use opaque::may_be_json;
pub use places::Places;
pub use properties::{NoObject, Properties, Property, Written};
pub use refusal::Refusal;
pub use urlencoded::names_model;

/// What a body says.
#[derive(Debug, Clone, Default)]
pub struct Reading<'a> {
    /// The model that it names for the request.
    pub named: Option<NamedModel>,
    /// Further models that it names, decoded, in the order of the body.
    pub others: Vec<String>,
    /// The body's other properties, where it is JSON and had to be read for this.
    pub properties: Option<Properties<'a>>,
}

/// Reads a whole body.
///
/// # Errors
/// It is wrong, or servers could read it in two ways.
pub fn read<'a>(
    body: &'a [u8],
    media_type: &MediaType,
    places: &Places,
) -> Result<Reading<'a>, Refusal> {
    match media_type {
        MediaType::Json => json::read(body, places, true),
        MediaType::MislabelledJson if urlencoded::names_model(body, places) => {
            Err(Refusal::invalid(
                "the request body also names a model as a form; send it as application/json",
            ))
        }
        MediaType::MislabelledJson => json::read(body, places, false),
        MediaType::FormData(boundary) => multipart::read(body, boundary, places),
    }
}

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

/// How a name is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As a text in JSON.
    Json,
    /// As the value of a part of a form.
    Multipart,
}

impl NamedModel {
    /// The bytes to put in the name's place.
    pub fn rewritten(&self, name: &str) -> Vec<u8> {
        match self.form {
            Form::Json => as_json(name),
            Form::Multipart => name.as_bytes().to_vec(),
        }
    }
}

fn as_json(name: &str) -> Vec<u8> {
    serde_json::Value::from(name).to_string().into_bytes()
}
