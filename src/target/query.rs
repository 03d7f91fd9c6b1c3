//! A query, parameter by parameter.
//!
//! What the gateway knows nothing of passes byte for byte; only what some readers take for a
//! separator or cannot read is escaped. Names are compared decoded and without regard to case or to
//! the brackets that some frameworks write behind them, since the reader behind the gateway may do
//! each of these.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// A query's parameters, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<Parameter>);

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// As it goes on: `name=value`, or `name` alone.
    text: Vec<u8>,
    /// Where the name ends in it.
    name: usize,
}

impl Query {
    /// Reads what follows the question mark. Empty parameters say nothing and are left out.
    pub fn read(query: &[u8]) -> Self {
        let parameters = query.split(|byte| *byte == b'&').filter(|text| !text.is_empty());
        Self(parameters.map(Parameter::read).collect())
    }

    /// The value of the first parameter of this name, as it is written.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|parameter| parameter.is(name)).map(Parameter::value)
    }

    /// Takes out the parameters that this says so of, and gives back their values, decoded.
    pub fn take(&mut self, is_taken: impl Fn(&Parameter) -> bool) -> Vec<Vec<u8>> {
        let taken = self.0.extract_if(.., |parameter| is_taken(parameter));
        taken.map(|parameter| parameter.decoded()).collect()
    }

    /// Adds the query to a path; the parameters that name the model have this value instead, if
    /// there is one.
    pub fn write(&self, path: &mut Vec<u8>, model: Option<&[u8]>) {
        let mut separator = b'?';
        for parameter in &self.0 {
            path.push(separator);
            separator = b'&';
            match model.filter(|_| parameter.names_model()) {
                Some(model) => {
                    path.extend_from_slice(
                        parameter.text.get(..parameter.name).unwrap_or_default(),
                    );
                    path.push(b'=');
                    path.extend_from_slice(model);
                }
                None => path.extend_from_slice(&parameter.text),
            }
        }
    }

    /// What the parameters that name a model say, decoded.
    pub fn models(&self) -> impl Iterator<Item = Vec<u8>> {
        self.0.iter().filter(|parameter| parameter.names_model()).map(Parameter::decoded)
    }
}

impl Parameter {
    fn read(text: &[u8]) -> Self {
        let end = |text: &[u8]| memchr::memchr(b'=', text).unwrap_or(text.len());
        let mut written = Vec::with_capacity(text.len());
        for byte in text {
            if is_plain(*byte) {
                written.push(*byte);
            } else {
                written.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
        }
        Self { name: end(&written), text: written }
    }

    /// Whether its name is this, which is in lower case.
    fn is(&self, name: &str) -> bool {
        let written = self.text.get(..self.name).unwrap_or_default();
        written.eq_ignore_ascii_case(name.as_bytes()) || *self.folded() == *name.as_bytes()
    }

    /// Its name, decoded.
    pub fn decoded_name(&self) -> Vec<u8> {
        decode(self.text.get(..self.name).unwrap_or_default()).into_owned()
    }

    /// Its name decoded, in lower case, without space around it or brackets behind it.
    pub fn folded(&self) -> Vec<u8> {
        let name = decode(self.text.get(..self.name).unwrap_or_default());
        let name = name.trim_ascii();
        let end = memchr::memchr(b'[', name).unwrap_or(name.len());
        name.get(..end).unwrap_or_default().trim_ascii().to_ascii_lowercase()
    }

    /// Its value as it is written.
    fn value(&self) -> &[u8] {
        self.text.get(self.name.saturating_add(1)..).unwrap_or_default()
    }

    /// Its value, decoded.
    pub fn decoded(&self) -> Vec<u8> {
        decode(self.value()).into_owned()
    }

    /// Whether it names a model, by any of the names that are in use.
    pub fn names_model(&self) -> bool {
        // `session[model]` is one too, for frameworks that build objects from parameters.
        let name = self.decoded_name();
        name.split(|byte| b"[].".contains(byte)).any(|word| {
            let letters = word.iter().filter(|byte| byte.is_ascii_alphanumeric());
            let folded = letters.map(u8::to_ascii_lowercase);
            MODELS.iter().any(|known| known.bytes().eq(folded.clone()))
        })
    }
}

/// As forms are decoded: a plus sign is a space.
fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let spaced: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

/// What passes as it is. A semicolon separates parameters for some readers, and bytes beyond ASCII
/// are not allowed in a query.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b';' | b'#')
}

/// Letters and digits of the names in use: `deployment_id` is written in several ways.
const MODELS: [&str; 7] =
    ["model", "modelid", "modelname", "deployment", "deploymentid", "deploymentname", "engine"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential;
    use crate::testing::test;

    fn written(query: &Query, model: Option<&str>) -> String {
        let mut path = b"/a".to_vec();
        query.write(&mut path, model.map(str::as_bytes));
        String::from_utf8(path).expect("text")
    }

    #[test]
    fn what_is_unknown_passes_as_it_is() {
        for (query, left) in [
            ("", "/a"),
            ("api-version=1&b=%20&c", "/a?api-version=1&b=%20&c"),
            ("b=[1]&c=\"d\"&e=f=g", "/a?b=[1]&c=\"d\"&e=f=g"),
            ("&a=1&&b=2&", "/a?a=1&b=2"),
            ("a=1;model=x", "/a?a=1%3Bmodel=x"),
            ("a=caf\u{e9} #", "/a?a=caf%C3%A9%20%23"),
        ] {
            assert_eq!(written(&Query::read(query.as_bytes()), None), left, "{query}");
        }
    }

    #[test]
    fn a_parameter_is_known_however_its_name_is_written() {
        for query in [
            "model=o1",
            "Model=o1",
            "mod%65l=o1",
            "+model+=o1",
            "model[]=o1",
            "engine=o1",
            "model-id=o1",
            "deploymentName=o1",
            "session[model]=o1",
        ] {
            let query = Query::read(query.as_bytes());
            assert_eq!(query.models().collect::<Vec<_>>(), [b"o1".to_vec()], "{query:?}");
        }
        assert_eq!(Query::read(b"models=o1&x=model").models().count(), 0);
        let query = Query::read(b"Deployment=gpt%2D4o&x=1");
        assert_eq!(written(&query, Some("own")), "/a?Deployment=own&x=1");
    }

    #[test]
    fn credentials_are_taken_out() {
        let mut query = Query::read(b"a=1&api%2Dkey=k%2B1&API-KEY=k2&b=2&subscription-key=k3");
        let taken = query.take(|parameter| credential::is_parameter(&parameter.folded()));
        assert_eq!(taken, [b"k+1".to_vec(), b"k2".to_vec(), b"k3".to_vec()]);
        assert_eq!(written(&query, None), "/a?a=1&b=2");
    }

    #[test]
    fn a_value_is_found_by_its_name() {
        assert_eq!(Query::read(b"x=1&Api-Version=v1").value("api-version"), Some(&b"v1"[..]));
        assert_eq!(Query::read(b"api-version").value("api-version"), Some(&b""[..]));
        assert_eq!(Query::read(b"xapi-version=1").value("api-version"), None);
    }
}
