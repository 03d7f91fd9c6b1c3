//! Has a client's request for a stream ask for its usage, where the client did not.
//!
//! A stream of chat completions or completions reports its tokens only when it is asked to
//! (`stream_options.include_usage`), in one chunk more at its end. What is changed are these bytes of
//! the body and no others; whoever did not ask is not shown the chunk (`crate::stream::UsageChunkFilter`).
//!
//! Azure takes `stream_options` from one version of its API on, and never together with
//! `data_sources` ("Extra inputs are not permitted"). A request that would be refused for what was
//! put into it is left as it is: its usage is unknown then.

use std::ops::Range;

use crate::prompt::{Properties, Property};
use crate::words::word;

word!(STREAM = b"\"stream\"");

/// What makes a request ask for its usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Which bytes of the body.
    pub place: Range<usize>,
    /// What stands there instead.
    pub with: &'static str,
}

/// Whether a request with this body may want a stream: it says the word.
pub fn may_stream(body: &[u8]) -> bool {
    STREAM.is_in(body)
}

impl Ask {
    /// Whether it adds a field that the client has not sent.
    pub fn adds_field(&self) -> bool {
        self.with == FIELD
    }

    /// What must be changed in this body with these properties. `None`: it asks by itself, wants no
    /// stream, or is nothing that a backend would stream for.
    pub fn of(body: &[u8], properties: &Properties<'_>) -> Option<Self> {
        let Property::Once(stream) = properties.stream else { return None };
        if stream.text != "true" || !properties.data_sources.is_null() {
            return None;
        }
        let options = match properties.stream_options {
            Property::Once(options) => options,
            Property::Again => return None,
            Property::Missing => {
                let start = memchr::memchr(b'{', body)?.checked_add(1)?;
                return Some(Self { place: start..start, with: FIELD });
            }
        };
        if options.text == "null" {
            return Some(Self { place: options.place(), with: "{\"include_usage\":true}" });
        }
        match options.property(&[&["include_usage"]])? {
            Property::Once(usage) if matches!(usage.text, "false" | "null") => {
                Some(Self { place: usage.place(), with: "true" })
            }
            Property::Once(_) | Property::Again => None,
            Property::Missing => {
                let rest = options.text.strip_prefix('{')?;
                let start = options.at.checked_add(1)?;
                let empty = rest.trim_start().starts_with('}');
                let with = if empty { "\"include_usage\":true" } else { "\"include_usage\":true," };
                Some(Self { place: start..start, with })
            }
        }
    }
}

/// Whether a request of this `api-version` may have `stream_options`; without one it is for OpenAI's
/// own API, which always has them.
///
/// From 2024-09-01-preview on, says Azure's list of changes ("`stream_options` & `include_usage`
/// added"); earlier versions answer 400.
pub fn understands(api_version: Option<&[u8]>) -> bool {
    match api_version {
        None | Some(b"" | b"v1" | b"preview" | b"latest") => true,
        Some(version) => {
            let date = version.get(..SINCE.len()).filter(|date| is_date(date));
            date.is_some_and(|date| date >= SINCE)
        }
    }
}

fn is_date(text: &[u8]) -> bool {
    text.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    })
}

const SINCE: &[u8] = b"2024-09-01";

const FIELD: &str = "\"stream_options\":{\"include_usage\":true},";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    /// The body that is sent instead.
    fn asked(body: &str) -> Option<String> {
        let properties = Properties::read(body.as_bytes()).ok()?;
        let ask = Ask::of(body.as_bytes(), &properties)?;
        let mut sent = body.to_owned();
        sent.replace_range(ask.place, ask.with);
        Some(sent)
    }

    #[test]
    fn a_stream_is_made_to_report_its_usage() {
        for (body, wanted) in [
            (
                r#" {"model":"m", "stream":true}"#,
                r#" {"stream_options":{"include_usage":true},"model":"m", "stream":true}"#,
            ),
            (
                r#"{"stream" : true,"stream_options":null}"#,
                r#"{"stream" : true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream_options": { },"stream":true}"#,
                r#"{"stream_options": {"include_usage":true },"stream":true}"#,
            ),
            (
                r#"{"stream":true,"stream_options":{"include_obfuscation":false}}"#,
                r#"{"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}"#,
            ),
            (
                r#"{"stream":true,"stream_options":{"include_usage": false, "x":1}}"#,
                r#"{"stream":true,"stream_options":{"include_usage": true, "x":1}}"#,
            ),
            (
                r#"{"stream":true,"stream_options":{"include_usage":null}}"#,
                r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream":true,"data_sources":null}"#,
                r#"{"stream_options":{"include_usage":true},"stream":true,"data_sources":null}"#,
            ),
        ] {
            assert_eq!(asked(body).as_deref(), Some(wanted), "{body}");
            assert_eq!(asked(wanted), None, "it asks by itself: {wanted}");
        }
    }

    #[test]
    fn only_what_the_client_has_not_sent_is_added() {
        for (body, adds) in [
            (r#"{"stream":true}"#, true),
            (r#"{"stream":true,"stream_options":null}"#, false),
            (r#"{"stream":true,"stream_options":{}}"#, false),
            (r#"{"stream":true,"stream_options":{"include_usage":false}}"#, false),
        ] {
            let properties = Properties::read(body.as_bytes()).expect("properties");
            let ask = Ask::of(body.as_bytes(), &properties).expect("something to change");
            assert_eq!(ask.adds_field(), adds, "{body}");
        }
    }

    #[test]
    fn every_other_body_stays_as_it_is() {
        for body in [
            "",
            "{}",
            "[true]",
            r#"{"stream":false}"#,
            r#"{"stream":null}"#,
            r#"{"stream":"true"}"#,
            r#"{"a":{"stream":true}}"#,
            r#"{"stream":true"#,
            r#"{"stream":true,"stream":true}"#,
            r#"{"stream":true,"stream_options":{},"stream_options":{}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":"no"}}"#,
            r#"{"stream":true,"stream_options":"all"}"#,
            r#"{"stream":true,"stream_options":[]}"#,
            r#"{"stream":true,"data_sources":[{"type":"azure_search"}]}"#,
            r#"{"stream":true,"dataSources":[]}"#,
        ] {
            assert_eq!(asked(body), None, "{body}");
        }
    }

    #[test]
    fn older_versions_of_azures_api_are_not_asked() {
        for version in
            ["2024-09-01-preview", "2024-10-21", "2025-04-01-preview", "v1", "preview", ""]
        {
            assert!(understands(Some(version.as_bytes())), "{version}");
        }
        for version in ["2024-08-01-preview", "2023-05-15", "20241021", "2024-1-21", "x", "\u{e9}"]
        {
            assert!(!understands(Some(version.as_bytes())), "{version}");
        }
        assert!(understands(None));
    }
}
