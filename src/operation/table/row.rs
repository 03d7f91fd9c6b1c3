//! How a row of the table is written.

use super::OWN;
use crate::operation::{Body, Methods, Operation};
use crate::prompt::Places;

pub(super) const fn get(path: &'static [&'static str]) -> Operation {
    operation(path, Methods::GET)
}

pub(super) const fn post(path: &'static [&'static str]) -> Operation {
    operation(path, Methods::POST)
}

pub(super) const fn delete(path: &'static [&'static str]) -> Operation {
    operation(path, Methods::DELETE)
}

const fn operation(path: &'static [&'static str], methods: Methods) -> Operation {
    Operation { path, methods, places: &OWN, in_query: false, repeats: true, body: Body::Json }
}

impl Operation {
    /// Its body names models in these places.
    pub(super) const fn naming(self, places: &'static Places) -> Self {
        Self { places, ..self }
    }

    /// Its body may be a form.
    pub(super) const fn form(self) -> Self {
        Self { body: Body::Form, ..self }
    }

    /// Its query names the model.
    pub(super) const fn in_query(self) -> Self {
        Self { in_query: true, ..self }
    }

    /// It must not be done twice.
    pub(super) const fn once(self) -> Self {
        Self { repeats: false, ..self }
    }
}
