//! The attempts of a request as a list, which Envoy's access log shows as JSON.
//!
//! Envoy's expressions make no list of a text. Of a property that was declared to be a message they make
//! what the message is: `google.protobuf.ListValue` is a list, each `Struct` in it an object. So the
//! few fields are written in protobuf's wire format here: a key (the field's number and its type),
//! then a length and so many bytes, or a double.

use crate::time::Millis;
use crate::varint;

/// What the property is declared to be.
pub const MESSAGE: &str = "type.googleapis.com/google.protobuf.ListValue";

/// A list that is being written.
#[derive(Debug, Default)]
pub struct AttemptList(Vec<u8>);

impl AttemptList {
    /// One attempt more: which backend, what it answered, how long that took, and in one word how the
    /// attempt ended, where its status does not say it.
    pub fn add(&mut self, backend: &str, status: Option<u16>, took: Option<Millis>, end: &str) {
        let mut fields = Vec::new();
        member(&mut fields, "backend", &text(backend));
        if let Some(status) = status {
            member(&mut fields, "status", &number(status.into()));
        }
        if let Some(took) = took {
            member(&mut fields, "duration_ms", &number(u32::try_from(took.0).unwrap_or(u32::MAX)));
        }
        if !end.is_empty() {
            member(&mut fields, "end", &text(end));
        }
        let mut value = Vec::new();
        delimited(&mut value, STRUCT_VALUE, &fields);
        delimited(&mut self.0, VALUES, &value);
    }

    /// The message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// An entry of a `Struct`.
#[inline(never)]
fn member(fields: &mut Vec<u8>, name: &str, value: &[u8]) {
    let mut entry = Vec::new();
    delimited(&mut entry, KEY, name.as_bytes());
    delimited(&mut entry, VALUE, value);
    delimited(fields, FIELDS, &entry);
}

fn text(text: &str) -> Vec<u8> {
    let mut value = Vec::new();
    delimited(&mut value, STRING_VALUE, text.as_bytes());
    value
}

fn number(number: u32) -> Vec<u8> {
    [&[NUMBER_VALUE][..], &f64::from(number).to_le_bytes()].concat()
}

#[inline(never)]
fn delimited(into: &mut Vec<u8>, key: u8, bytes: &[u8]) {
    into.push(key);
    varint::put(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

/// `ListValue.values`, `Struct.fields` and a map entry's `key` are field 1; each has a length.
const VALUES: u8 = 0x0a;
const FIELDS: u8 = 0x0a;
const KEY: u8 = 0x0a;
/// A map entry's `value`.
const VALUE: u8 = 0x12;
/// Of `Value`: a double, and what has a length.
const NUMBER_VALUE: u8 = 0x11;
const STRING_VALUE: u8 = 0x1a;
const STRUCT_VALUE: u8 = 0x2a;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn it_is_protobuf() {
        let mut list = AttemptList::default();
        list.add("a", Some(429), None, "");
        let wanted = [
            &[0x0a, 39, 0x2a, 37][..],
            &[0x0a, 14, 0x0a, 7],
            b"backend",
            &[0x12, 3, 0x1a, 1, b'a'],
            &[0x0a, 19, 0x0a, 6],
            b"status",
            &[0x12, 9, 0x11],
            &429_f64.to_le_bytes(),
        ];
        assert_eq!(list.into_bytes(), wanted.concat());
    }

    #[test]
    fn a_length_takes_as_many_bytes_as_it_needs() {
        let mut list = AttemptList::default();
        list.add(&"x".repeat(200), None, Some(Millis(u64::MAX)), "failed");
        let bytes = list.into_bytes();
        let [0x0a, low, high, rest @ ..] = bytes.as_slice() else { panic!("{bytes:?}") };
        assert_eq!(usize::from(low & 0x7f) + (usize::from(*high) << 7), rest.len());
    }
}
