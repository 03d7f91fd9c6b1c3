//! The protobuf descriptors that an Envoy is built with, and JSON that is held to them.
//!
//! Whatever generated code Envoy links, it carries that code's descriptors with it, each as the
//! serialised message that it was made from. So the binary of a minor is where the descriptors of this
//! minor are: nothing has to be fetched, and nothing can be of another version.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;

/// What an Envoy knows of messages.
pub(super) struct Descriptors(DescriptorPool);

impl Descriptors {
    /// Those in this Envoy: a binary, or the script that starts one of a Python package.
    pub(super) fn of(envoy: &Path) -> Self {
        let bytes = fs::read(binary(envoy)).expect("Envoy's binary");
        let mut found: BTreeMap<String, FileDescriptorProto> = BTreeMap::new();
        for at in places(&bytes, b".proto\x12") {
            if let Some(file) = begin(&bytes, at).and_then(|from| file(&bytes[from..])) {
                found.entry(file.name().to_owned()).or_insert(file);
            }
        }
        let mut pool = DescriptorPool::global();
        let mut whole: BTreeMap<String, bool> = BTreeMap::new();
        let names: Vec<String> = found.keys().cloned().collect();
        for name in names {
            add(&name, &found, &mut pool, &mut whole);
        }
        Self(pool)
    }

    /// What is wrong with this message, all messages inside of it included.
    pub(super) fn wrong(&self, message: &str, value: &Value) -> Option<String> {
        let Some(descriptor) = self.0.get_message_by_name(message) else {
            return Some(format!("{message} is not known"));
        };
        let mut without = value.clone();
        leave_out_empty(&mut without);
        let parsed = DynamicMessage::deserialize(descriptor, without);
        let wrong = parsed.err().map(|error| format!("{message}: {error}"));
        wrong.or_else(|| self.wrong_in_structs(value))
    }

    /// What a `TypedStruct` holds is not looked at by whoever parses what is around it.
    fn wrong_in_structs(&self, value: &Value) -> Option<String> {
        match value {
            Value::Object(fields) => {
                let own = fields.get("type_url").and_then(Value::as_str).and_then(|name| {
                    let message = name.strip_prefix("type.googleapis.com/")?;
                    self.wrong(message, fields.get("value")?)
                });
                own.or_else(|| fields.values().find_map(|value| self.wrong_in_structs(value)))
            }
            Value::Array(items) => items.iter().find_map(|item| self.wrong_in_structs(item)),
            _ => None,
        }
    }
}

/// Leaves out what a `FilterConfig` says with an empty message of no type, which the parser here has no way to
/// read.
fn leave_out_empty(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| name != "config" || *value != serde_json::json!({}));
            fields.values_mut().for_each(leave_out_empty);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_empty),
        _ => {}
    }
}

fn binary(envoy: &Path) -> PathBuf {
    let envoy = envoy.canonicalize().expect("Envoy");
    if fs::read(&envoy).expect("Envoy").starts_with(b"\x7fELF") {
        return envoy;
    }
    let lib = envoy.parent().and_then(Path::parent).expect("a folder").join("lib");
    let folders = fs::read_dir(&lib).expect("Python's packages");
    let inside = folders.map(|it| it.expect("it").path().join("site-packages/envoy/_bin/envoy"));
    inside.into_iter().find(|it| it.is_file()).expect("the package's binary")
}

/// Adds a file after those that it needs; `whole`: whether each could be.
fn add(
    name: &str,
    found: &BTreeMap<String, FileDescriptorProto>,
    pool: &mut DescriptorPool,
    whole: &mut BTreeMap<String, bool>,
) -> bool {
    if pool.get_file_by_name(name).is_some() {
        return true;
    }
    if let Some(known) = whole.get(name) {
        return *known;
    }
    whole.insert(name.to_owned(), false);
    let Some(file) = found.get(name) else { return false };
    let complete = file.dependency.iter().all(|needed| add(needed, found, pool, whole))
        && pool.add_file_descriptor_proto(file.clone()).is_ok();
    whole.insert(name.to_owned(), complete);
    complete
}

fn places<'a>(bytes: &'a [u8], text: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let first = text[0];
    let candidates = bytes.iter().enumerate().filter(move |(_, byte)| **byte == first);
    candidates.map(|(at, _)| at).filter(move |at| bytes[*at..].starts_with(text))
}

/// Where the descriptor begins whose name ends here: a tag, a length of one byte, the name.
fn begin(bytes: &[u8], suffix: usize) -> Option<usize> {
    let end = suffix + ".proto".len();
    (1..128usize).find_map(|length| {
        let from = end.checked_sub(length + 2)?;
        let name = bytes.get(from + 2..end)?;
        let is_path = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
        let fits = bytes[from] == 0x0a && usize::from(bytes[from + 1]) == length;
        (fits && name.iter().all(is_path)).then_some(from)
    })
}

/// The descriptor that begins here. Its fields are in their order, so it ends where they begin anew, or
/// where there is none.
fn file(bytes: &[u8]) -> Option<FileDescriptorProto> {
    let (mut at, mut last) = (0, 0);
    while let Some((tag, size)) = varint(&bytes[at..]) {
        let (field, kind) = (tag >> 3, tag & 7);
        let is_first_again = field == NAME && last != 0;
        if field < last || is_first_again || !FIELDS.contains(&field) {
            break;
        }
        let (value, length) = varint(bytes.get(at + size..)?)?;
        at += size + length + if kind == 2 { usize::try_from(value).ok()? } else { 0 };
        last = field;
        if field == SYNTAX {
            break;
        }
    }
    FileDescriptorProto::decode(bytes.get(..at)?).ok()
}

fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

/// Of a `FileDescriptorProto`.
const NAME: u64 = 1;
const SYNTAX: u64 = 12;
const FIELDS: std::ops::RangeInclusive<u64> = 1..=SYNTAX;
