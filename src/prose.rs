//! Prose that stands beside what it describes, and that only the command prints.
//!
//! The references (docs/config.md, docs/metrics.md) are printed from the tables that the filter works by. The
//! filter itself has no reader for their texts, which would be twenty kilobytes of its module.

/// This text; nothing in the filter's module.
pub(crate) const fn prose(text: &'static str) -> &'static str {
    if cfg!(target_os = "wasi") { "" } else { text }
}
