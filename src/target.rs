//! What a client's request line asks for, and what a backend's must be.
//!
//! The path is parsed once: into the operation ([`crate::operation`]), the model that it names, and
//! the query. Everything is decided on that form, and every backend gets what is written from it
//! ([`Target::at`]): what is judged is what is sent. A path that servers could read in different ways
//! is refused ([`Ambiguity`]).

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub mod path;
pub mod query;

pub use path::Ambiguity;
use query::Query;

use crate::config::{AllowedPath, BackendUrl};
use crate::credential;
use crate::operation::{self, ALLOWED, Found, Method, Methods, Operation};

/// A client's request line, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The operation.
    pub operation: &'static Operation,
    /// The canonical path, but for a backend's base path and its name of the model.
    path: Vec<u8>,
    /// Where in `path` the model's name stands.
    in_path: Option<Range<usize>>,
    /// The model's name, decoded, where path or query say it.
    model: Option<String>,
    query: Query,
    /// Credentials that came in the query, decoded.
    pub keys: Vec<Vec<u8>>,
}

/// Why a request line is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It can be read in several ways.
    Ambiguous(Ambiguity),
    /// It does not begin with the prefix.
    Prefix,
    /// No operation has this path, and the configuration does not open it.
    Unknown,
    /// The path is known, and not with this method. It has these.
    Method(Methods),
}

impl Target {
    /// Reads `:method` and `:path`. `allowed`: the paths that the configuration opens besides the
    /// known ones.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn read(
        method: &[u8],
        path: &[u8],
        prefix: &str,
        allowed: &[AllowedPath],
    ) -> Result<Self, Refused> {
        let Some(method) = Method::read(method) else { return Err(Refused::Method(Methods::NONE)) };
        let (path, query) = split(path);
        let segments = path::segments(path).map_err(Refused::Ambiguous)?;
        let mut rest = below(segments, prefix)?;
        let found = operation::find(&mut rest, method);
        let is_opened = || allowed.iter().any(|allowed| allowed.covers(&rest));
        let (operation, model) = match found {
            Found::Operation { operation, model } => (operation, model),
            Found::OtherMethods(_) | Found::Unknown if is_opened() => {
                let model = operation::model_in(&rest);
                (&ALLOWED, model.map_err(|_| Refused::Ambiguous(Ambiguity::Models))?)
            }
            Found::OtherMethods(methods) => return Err(Refused::Method(methods)),
            Found::Unknown => return Err(Refused::Unknown),
        };
        let (path, in_path) = write(&rest, model);
        let named = model.and_then(|at| rest.get(at)).map(ToString::to_string);
        let mut query = Query::read(query);
        let keys = query.take(|parameter| credential::is_parameter(&parameter.folded()));
        let mut target = Self { operation, path, in_path, model: named, query, keys };
        target.read_model_of_query().map_err(Refused::Ambiguous)?;
        Ok(target)
    }

    /// A model in the query counts where the operation reads it there. Elsewhere it must not reach a
    /// backend, which may read it all the same.
    fn read_model_of_query(&mut self) -> Result<(), Ambiguity> {
        if !self.operation.in_query {
            self.query.take(query::Parameter::names_model);
            return Ok(());
        }
        for name in self.query.models() {
            let name = String::from_utf8(name).map_err(|_| Ambiguity::Unescaped)?;
            if self.model.as_ref().is_some_and(|model| *model != name) {
                return Err(Ambiguity::QueryModels);
            }
            self.model = Some(name);
        }
        Ok(())
    }

    /// The model that the path or the query names, decoded.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Whether the path itself names the model.
    pub const fn is_in_path(&self) -> bool {
        self.in_path.is_some()
    }

    /// Takes parameters out whose name or value, decoded, this says so of.
    pub fn forget(&mut self, is_secret: impl Fn(&[u8]) -> bool) {
        self.query.take(|parameter| {
            is_secret(&parameter.decoded()) || is_secret(&parameter.decoded_name())
        });
    }

    /// The canonical path without prefix and query.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The canonical path and query, without prefix.
    pub fn path_and_query(&self) -> Vec<u8> {
        self.written(Vec::new(), None)
    }

    /// The `api-version` in the query, as it was written.
    pub fn api_version(&self) -> Option<&[u8]> {
        self.query.value("api-version")
    }

    /// The path and query for this backend. `renamed`: its own name of the model, where it differs
    /// from the client's.
    pub fn at(&self, url: &BackendUrl, renamed: Option<&str>) -> Vec<u8> {
        self.written(url.base_path.as_bytes().to_vec(), renamed)
    }

    fn written(&self, mut to: Vec<u8>, renamed: Option<&str>) -> Vec<u8> {
        match (self.in_path.clone(), renamed) {
            (Some(name), Some(renamed)) => {
                to.extend_from_slice(self.path.get(..name.start).unwrap_or_default());
                to.extend(escaped(renamed));
                to.extend_from_slice(self.path.get(name.end..).unwrap_or_default());
            }
            _ => to.extend_from_slice(&self.path),
        }
        if to.is_empty() {
            to.push(b'/');
        }
        let model: Option<Vec<u8>> = renamed.map(|name| escaped(name).collect());
        self.query.write(&mut to, model.as_deref());
        to
    }
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'?', path).and_then(|at| path.split_at_checked(at)) {
        Some((path, query)) => (path, query.get(1..).unwrap_or_default()),
        None => (path, &[]),
    }
}

/// The segments below the prefix, whose own must be there exactly.
fn below<'a>(mut segments: Vec<Cow<'a, str>>, prefix: &str) -> Result<Vec<Cow<'a, str>>, Refused> {
    let prefix = prefix.split('/').filter(|part| !part.is_empty());
    let mut length = 0_usize;
    for part in prefix {
        if segments.get(length).is_none_or(|segment| *segment != part) {
            return Err(Refused::Prefix);
        }
        length = length.saturating_add(1);
    }
    segments.drain(..length);
    Ok(segments)
}

/// The canonical path, and where in it the segment stands that names the model.
fn write(segments: &[Cow<'_, str>], model: Option<usize>) -> (Vec<u8>, Option<Range<usize>>) {
    let mut path = Vec::new();
    let mut in_path = None;
    for (number, segment) in segments.iter().enumerate() {
        let start = path.len().saturating_add(1);
        path::push(&mut path, segment);
        if Some(number) == model {
            in_path = Some(start..path.len());
        }
    }
    (path, in_path)
}

/// A backend's own name of a model, as it must stand in a path or a query.
fn escaped(name: &str) -> impl Iterator<Item = u8> {
    const NAME: &percent_encoding::AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(name, NAME).flat_map(str::bytes)
}

#[cfg(test)]
mod tests;
