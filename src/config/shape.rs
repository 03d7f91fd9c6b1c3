//! The shape of the configuration file, as data.
//!
//! One table serves everybody: the reader rejects what is not in it and takes its limits and
//! choices from it, `docs/config.md` and the JSON schema are printed from it, and tests hold each
//! stated default and example against the reader. A field is added here first.

mod backend;
mod file;
mod metrics;
mod model;
mod rule;
mod timeouts;
mod usage;

pub use backend::{BACKEND, SECRET_FILE};
pub use file::{CLIENT, FILE, PATHS};
pub use metrics::METRICS;
pub use model::{AFFINITY, MEMBER, MODEL};
pub use rule::{CIRCUIT_BREAKER, RETRY};
pub use timeouts::{FIRST_EVENT, MODEL_TIMEOUTS, TIMEOUTS};
pub use usage::USAGE;

/// Every object of the file, in the order in which the reference describes them.
pub static OBJECTS: [&Object; 15] = [
    &FILE,
    &BACKEND,
    &SECRET_FILE,
    &MODEL,
    &MEMBER,
    &AFFINITY,
    &CIRCUIT_BREAKER,
    &RETRY,
    &TIMEOUTS,
    &MODEL_TIMEOUTS,
    &FIRST_EVENT,
    &USAGE,
    &METRICS,
    &PATHS,
    &CLIENT,
];

/// An object with a fixed set of fields.
#[derive(Debug)]
pub struct Object {
    /// What it is called in the reference.
    pub name: &'static str,
    /// What it is for, in one to three sentences.
    pub doc: &'static str,
    /// Its fields, in the order in which a person would write them.
    pub fields: &'static [Field],
}

impl Object {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// A field of an object.
#[derive(Debug)]
pub struct Field {
    /// The name in the file.
    pub name: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// What holds where the field is left out.
    pub default: Default,
    /// What it means, in one to three sentences.
    pub doc: &'static str,
    /// A value, as YAML.
    pub example: &'static str,
}

/// What holds where a field is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// It cannot be left out.
    Required,
    /// The same as if this YAML stood there.
    Is(&'static str),
    /// Something that cannot be written as a value, in words.
    Means(&'static str),
}

/// What may stand in a place.
#[derive(Debug)]
pub enum Kind {
    /// Text; what it may hold is said by the field.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number, both ends included.
    Whole {
        /// The smallest.
        from: u64,
        /// The largest.
        to: u64,
    },
    /// A span of time, such as `500ms`, `60s`, `10m` or `1h`; never nothing.
    Duration,
    /// A share such as `50%`.
    Percent {
        /// The smallest.
        from: u32,
    },
    /// A number of bytes, such as `500KiB`, `20MB` or `1048576`.
    Size,
    /// A URL of scheme, host, optional port and optional path.
    Url,
    /// An HTTP status, or a range such as `500-599`.
    Status,
    /// A reference to a secret: `${NAME}`, or also `{ file: /path }`.
    Secret {
        /// Whether a file may hold it.
        file: bool,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An object with fixed fields.
    Object(&'static Object),
    /// A list of such values.
    List(&'static Self),
    /// An object whose keys are names.
    Map {
        /// What the keys are.
        key: &'static str,
        /// What stands under each.
        value: &'static Self,
    },
    /// A short form that stands for an object.
    Short(&'static Self, &'static Object),
}

impl Kind {
    /// The kind in words, as in "expected a list, found text".
    pub fn expected(&self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Flag => "`true` or `false`".into(),
            Self::Whole { from, to } => format!("a whole number from {from} to {to}"),
            Self::Duration => "a duration such as `60s`".into(),
            Self::Percent { .. } => "a share such as `50%`".into(),
            Self::Size => "a size such as `32MiB`".into(),
            Self::Url => "a URL".into(),
            Self::Status => "a status such as `429` or a range such as `500-599`".into(),
            Self::Secret { file: true } => "`${NAME}` or `{ file: /path }`".into(),
            Self::Secret { file: false } => "`${NAME}`".into(),
            Self::OneOf(words) => one_of(words),
            Self::Object(_) | Self::Map { .. } => "an object".into(),
            Self::List(_) => "a list".into(),
            Self::Short(Self::Flag, _) => "`true`, `false` or an object".into(),
            Self::Short(short, _) => format!("{} or an object", short.expected()),
        }
    }
}

/// The words in backticks, the last after "or".
pub fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(|word| format!("`{word}`")).collect();
            format!("{} or `{last}`", most.join(", "))
        }
    }
}
