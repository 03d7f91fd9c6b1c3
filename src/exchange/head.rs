//! The head of a request: what routing and admission need of it.
//!
//! It is read in one piece. What decides on a request must see all of it: a second `cookie` line, a
//! key in a header that is rarely used, a header that asks for another method.

use std::borrow::Cow;

use crate::credential;

/// A request's headers, sorted by what they are for.
#[derive(Debug, Clone)]
pub struct Head {
    /// `:method`.
    pub method: Vec<u8>,
    /// `:path`.
    pub path: Vec<u8>,
    /// `:scheme`.
    pub scheme: Option<Vec<u8>>,
    /// `:authority`.
    pub authority: Option<Vec<u8>>,
    /// `content-type`; several lines are joined with a comma.
    pub content_type: Option<Vec<u8>>,
    /// `content-encoding`; likewise.
    pub content_encoding: Option<Vec<u8>>,
    /// `content-length`.
    pub content_length: Option<Vec<u8>>,
    /// `cookie`; several lines are joined with a semicolon.
    pub cookie: Option<Vec<u8>>,
    /// Headers that carry credentials ([`credential::HEADERS`]), in their order.
    pub credentials: Vec<(&'static str, Vec<u8>)>,
    /// All other headers, in lower case.
    pub others: Vec<(String, Vec<u8>)>,
    /// Whether a body follows.
    pub has_body: bool,
}

impl Default for Head {
    /// A `POST` of nothing to nowhere.
    fn default() -> Self {
        Self {
            method: b"POST".to_vec(),
            path: Vec::new(),
            scheme: None,
            authority: None,
            content_type: None,
            content_encoding: None,
            content_length: None,
            cookie: None,
            credentials: Vec::new(),
            others: Vec::new(),
            has_body: false,
        }
    }
}

impl Head {
    /// Sorts headers, whose names are in lower case.
    pub fn new(headers: Vec<(String, Vec<u8>)>, has_body: bool) -> Self {
        let mut head = Self { method: Vec::new(), has_body, ..Self::default() };
        for (name, value) in headers {
            match name.as_str() {
                ":method" => head.method = value,
                ":path" => head.path = value,
                ":scheme" => head.scheme = Some(value),
                ":authority" => head.authority = Some(value),
                "content-type" => join(&mut head.content_type, b", ", value),
                "content-encoding" => join(&mut head.content_encoding, b", ", value),
                "content-length" => join(&mut head.content_length, b", ", value),
                "cookie" => join(&mut head.cookie, b"; ", value),
                other => match credential::header(other) {
                    Some(known) => head.credentials.push((known, value)),
                    None => head.others.push((name, value)),
                },
            }
        }
        // What follows a request for another protocol is that protocol's, and no body.
        if head.method == b"GET" && head.other("upgrade").is_some() {
            head.has_body = false;
        }
        head
    }

    /// The same head with this key, in the header of Azure OpenAI.
    #[must_use]
    pub fn with_key(mut self, key: Vec<u8>) -> Self {
        self.credentials.push((credential::API_KEY, key));
        self
    }

    /// The length of the body, where it is announced in one number. In 64 bits: a filter of 32 must
    /// not take five gigabytes for a small body.
    pub fn length(&self) -> Option<u64> {
        std::str::from_utf8(self.content_length.as_deref()?).ok()?.trim().parse().ok()
    }

    /// The value of one of the other headers.
    pub fn other(&self, name: &str) -> Option<&[u8]> {
        self.others.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_slice())
    }

    /// The headers that no backend gets, by name; one name may come more than once. `is_secret`:
    /// whether a value is a client's key. `dropped`: what the configuration adds.
    pub fn not_for_backends<'a>(
        &'a self,
        is_secret: impl Fn(&[u8]) -> bool + 'a,
        dropped: &'a [String],
    ) -> impl Iterator<Item = Cow<'static, str>> + 'a {
        let credentials = self.credentials.iter().map(|(name, _)| Cow::Borrowed(*name));
        let is_dropped = move |name: &str, value: &[u8]| {
            MISLEADING.contains(&name) || dropped.iter().any(|own| own == name) || is_secret(value)
        };
        let others = self.others.iter();
        let others =
            others.filter(move |(name, value)| !name.starts_with(':') && is_dropped(name, value));
        credentials.chain(others.map(|(name, _)| Cow::Owned(name.clone())))
    }
}

fn join(line: &mut Option<Vec<u8>>, between: &[u8], value: Vec<u8>) {
    match line {
        Some(line) => {
            line.extend_from_slice(between);
            line.extend(value);
        }
        None => *line = Some(value),
    }
}

/// Headers by which some servers take another method, path or model than the request line and the
/// body say. No client of these APIs needs them.
const MISLEADING: [&str; 8] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
    "x-original-uri",
    "azureml-model-deployment",
    "x-ms-model-mesh-model-name",
];

/// The deployment that draws the images of a response, on Azure OpenAI. It is judged like any other
/// name of a model.
pub const IMAGE_DEPLOYMENT: &str = "x-ms-oai-image-generation-deployment";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn head(headers: &[(&str, &str)]) -> Head {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        Head::new(headers.iter().map(own).collect(), true)
    }

    #[test]
    fn lines_of_one_name_are_one_header() {
        let head = head(&[("cookie", "a=1"), ("content-type", "a"), ("cookie", "b=2")]);
        assert_eq!(head.cookie.as_deref(), Some(&b"a=1; b=2"[..]));
        assert_eq!(head.content_type.as_deref(), Some(&b"a"[..]));
        assert_eq!(head.method, b"");
    }

    #[test]
    fn a_length_has_64_bits() {
        assert_eq!(head(&[("content-length", "5000000000")]).length(), Some(5_000_000_000));
        for none in ["", "-1", "1, 1", "1x", "99999999999999999999"] {
            assert_eq!(head(&[("content-length", none)]).length(), None, "{none}");
        }
    }

    #[test]
    fn credentials_and_what_misleads_is_not_for_backends() {
        let head = head(&[
            (":path", "key"),
            ("api-key", "a"),
            ("x-rewrite-url", "/o1"),
            ("x-own", "key"),
            ("x-internal", "1"),
            ("accept", "*/*"),
        ]);
        let dropped = ["x-internal".to_owned()];
        let names: Vec<_> = head.not_for_backends(|value| value == b"key", &dropped).collect();
        assert_eq!(names, ["api-key", "x-rewrite-url", "x-own", "x-internal"]);
    }
}
