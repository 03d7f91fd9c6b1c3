//! Reads a configuration from a file or from stdin, YAML or JSON.

use std::fmt::Display;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;
use serde_saphyr::{RenderOptions, SnippetMode, UserMessageFormatter};

use super::findings::{Findings, Format};
use super::places::{Place, Places};
use super::{Exit, Output, check, keys};
use crate::envoy::Abilities;
use crate::envoy_check;
use spillway::config::json::{self, Unique};
use spillway::config::{self, Config, Problem};

/// A file that was read and found right.
#[derive(Debug)]
pub struct Loaded {
    /// The file as it was written.
    pub text: String,
    /// What stands in it, in its order.
    pub value: Value,
    /// What it means.
    pub config: Config,
    /// Where everything stands in it.
    pub places: Places,
}

/// Why there is no configuration.
#[derive(Debug)]
pub enum Failure {
    /// The file cannot be read.
    Unreadable(io::Error),
    /// The file was read and is wrong: all that is, and where everything stands.
    Wrong(Vec<Problem>, Places),
}

/// A file that was read, whatever it is about.
#[derive(Debug)]
pub struct Text {
    /// The same as it was written.
    pub text: String,
    /// What stands in the file, in its order.
    pub value: Value,
    /// Where everything stands in it.
    pub places: Places,
}

/// What stands in this file; `-` is stdin.
pub fn read(path: &Path) -> Result<Text, Failure> {
    text_of(&read_bytes(path).map_err(Failure::Unreadable)?)
}

/// The configuration in these bytes.
pub fn understand(bytes: &[u8]) -> Result<Loaded, Failure> {
    text_of(bytes)?.configuration()
}

fn text_of(bytes: &[u8]) -> Result<Text, Failure> {
    let (text, value) = parse(bytes).map_err(|mistake| {
        let places = mistake.place.map(Places::only).unwrap_or_default();
        Failure::Wrong(vec![mistake.problem], places)
    })?;
    Ok(Text { text: text.to_owned(), value, places: Places::of(text) })
}

/// The configuration in this file; `-` is stdin.
pub fn load(path: &Path) -> Result<Loaded, Failure> {
    read(path)?.configuration()
}

impl Text {
    /// What it means, as a configuration of Spillway's.
    pub fn configuration(self) -> Result<Loaded, Failure> {
        let Self { text, value, places } = self;
        let problems = match another_kind(&value) {
            Some(problem) => vec![problem],
            None => match config::check(&value) {
                Ok(config) => return Ok(Loaded { text, value, config, places }),
                Err(problems) => problems,
            },
        };
        Err(Failure::Wrong(problems, places))
    }
}

/// A file that is about something else, of which every line would be a problem.
fn another_kind(value: &Value) -> Option<Problem> {
    if envoy_check::is_envoys(value) {
        return Some(Problem::new(
            "",
            "this is Envoy's configuration, not Spillway's",
            "`spillway check` looks at it too; everything else starts from spillway.yaml",
        ));
    }
    let kind = value.get("kind").filter(|_| value.get("apiVersion").is_some())?;
    Some(Problem::new(
        "",
        format!("this is a Kubernetes resource ({}), not Spillway's configuration", kind.as_str()?),
        "Spillway's is what stands under a key such as `spillway.yaml` of its ConfigMap",
    ))
}

impl Loaded {
    /// The same, where everything that it refers to is there.
    pub(super) fn with_secrets(self) -> Result<Self, Failure> {
        let missing = check::missing(&self.config);
        if missing.is_empty() { Ok(self) } else { Err(Failure::Wrong(missing, self.places)) }
    }

    /// The same, where this Envoy can use its keys.
    pub(super) fn for_envoy(self, envoy: Abilities) -> Result<Self, Failure> {
        let wrong = keys::unstripped(&self.config, envoy);
        if wrong.is_empty() { Ok(self) } else { Err(Failure::Wrong(wrong, self.places)) }
    }
}

impl Failure {
    /// Says on stderr why there is no configuration, and how the command ends.
    pub fn report(&self, path: &Path, output: &mut Output<'_>) -> io::Result<Exit> {
        self.report_as(Format::Text, path, output)
    }

    /// The same in another format, in which what is wrong goes to stdout.
    pub fn report_as(
        &self,
        format: Format,
        path: &Path,
        output: &mut Output<'_>,
    ) -> io::Result<Exit> {
        match self {
            Self::Unreadable(error) => {
                writeln!(output.talk, "error: cannot read `{}`: {error}", name(path))?;
                Ok(Exit::Failed)
            }
            Self::Wrong(problems, places) => {
                Findings::wrong(path, places, problems).write(format, output)?;
                if format == Format::Text {
                    let found = count(problems.len(), "problem");
                    writeln!(output.talk, "{}: {found}", name(path))?;
                }
                Ok(Exit::Problems)
            }
        }
    }
}

/// The file's name as it is shown.
pub fn name(path: &Path) -> impl Display + '_ {
    if is_stdin(path) { Path::new("stdin").display() } else { path.display() }
}

/// `1 problem`, `2 problems`.
pub fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Why a text is neither YAML nor JSON, and where.
#[derive(Debug)]
struct Mistake {
    problem: Problem,
    place: Option<Place>,
}

/// The text in these bytes and the value that it says, as JSON where it looks like it and as YAML
/// otherwise.
fn parse(bytes: &[u8]) -> Result<(&str, Value), Mistake> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let before = std::str::from_utf8(before).unwrap_or_default();
        let line = before.bytes().filter(|&b| b == b'\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let problem = Problem::new("", "not UTF-8", "save the file as UTF-8");
        Mistake { problem, place: Some(place(line + 1, column + 1)) }
    })?;
    let value = if looks_like_json(text) { parse_json(text) } else { parse_yaml(text) };
    Ok((text, value?))
}

fn place(line: usize, column: usize) -> Place {
    let number = |number: usize| u64::try_from(number.max(1)).unwrap_or(u64::MAX);
    Place { line: number(line), column: number(column) }
}

/// What stands in this file; `-` is stdin.
pub(super) fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    if !is_stdin(path) {
        return std::fs::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// An object whose first key is in quotes; YAML may begin so too, but nobody writes it by hand.
fn looks_like_json(text: &str) -> bool {
    let inside = text.trim_start().strip_prefix('{').map(str::trim_start);
    inside.is_some_and(|inside| inside.starts_with('"') || inside.starts_with('}'))
}

fn parse_json(text: &str) -> Result<Value, Mistake> {
    json::parse(text.as_bytes()).map_err(|mistake| {
        // `serde_json` counts columns in bytes.
        let line = text.lines().nth(mistake.line.saturating_sub(1)).unwrap_or_default();
        let before = line.bytes().take(mistake.column);
        let column = before.filter(|byte| byte & 0xc0 != 0x80).count();
        let problem = Problem::new("", format!("not valid JSON: {}", mistake.what), "");
        Mistake { problem, place: Some(place(mistake.line, column)) }
    })
}

fn parse_yaml(text: &str) -> Result<Value, Mistake> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    let error = match serde_saphyr::from_str_with_options::<Unique>(text, options) {
        Ok(unique) => return Ok(unique.0),
        Err(error) => error,
    };
    let wrong = |what: &str, hint: &str, location: Option<(u64, u64)>| {
        let problem = Problem::new("", format!("not valid YAML: {what}"), hint);
        Mistake { problem, place: location.map(|(line, column)| Place { line, column }) }
    };
    if let serde_saphyr::Error::DuplicateMappingKey { key: Some(key), location } = &error {
        let what = format!("the key {} stands twice", config::quoted(key));
        return Err(wrong(&what, "", Some((location.line(), location.column()))));
    }
    // A snippet of the file could show a secret.
    let mut plain = RenderOptions::new(&UserMessageFormatter);
    plain.snippets = SnippetMode::Off;
    let what = error.render_with_options(plain);
    let Some(location) = error.location() else { return Err(wrong(&what, "", None)) };
    let (line, column) = (location.line(), location.column());
    let what = what.strip_suffix(&format!(" at line {line}, column {column}")).unwrap_or(&what);
    Err(wrong(what, yaml_hint(text, line), Some((line, column))))
}

/// The mistake that this file's format invites: `{ key: ${NAME} }` without quotes.
fn yaml_hint(text: &str, line: u64) -> &'static str {
    let line = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
    let line = text.lines().nth(line).unwrap_or_default();
    let unquoted = line.contains(": ${") || line.contains(", ${") || line.contains("[${");
    if unquoted && line.contains(['{', '[']) {
        "between `{ }` or `[ ]`, put the reference in quotes: `\"${NAME}\"`"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn yaml(text: &str) -> Value {
        parse(text.as_bytes()).unwrap().1
    }

    fn said(text: &str) -> String {
        let Mistake { problem, place } = parse(text.as_bytes()).unwrap_err();
        let Place { line, column } = place.unwrap();
        format!("{line}:{column}: {problem}")
    }

    #[test]
    fn yaml_and_json_say_the_same() {
        let expected = json!({"b": [1, 1.5, "x"], "a": {"no": "no", "on": true, "n": null}});
        assert_eq!(yaml("b: [1, 1.5, x]\na:\n  no: no\n  on: true\n  n:\n"), expected);
        assert_eq!(yaml(&expected.to_string()), expected);
        assert_eq!(yaml("{b: [1, 1.5, x], a: {no: no, on: true, n: ~}}"), expected);
        let keys: Vec<String> = yaml("b: 1\na: 2").as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["b", "a"]);
    }

    #[test]
    fn references_stay_as_they_are() {
        assert_eq!(yaml("key: ${NAME}"), json!({"key": "${NAME}"}));
        assert_eq!(yaml("{ key: \"${NAME}\" }"), json!({"key": "${NAME}"}));
        assert!(said("a:\n  - { name: x, key: ${NAME} }\n").contains("hint: between"));
    }

    #[test]
    fn keys_that_look_like_numbers_are_names() {
        assert_eq!(yaml("4: a\n4.1: b\ntrue: c"), json!({"4": "a", "4.1": "b", "true": "c"}));
    }

    #[test]
    fn mistakes_have_a_line_and_a_column() {
        assert!(said("a: 1\nb: [1\n").contains(": not valid YAML: "));
        assert!(said("a: 1\na: 2\n").starts_with("2:1: not valid YAML: the key `a` "));
        assert_eq!(said("{\"a\": 1,}"), "1:9: not valid JSON: trailing comma");
        assert_eq!(said("{\"é\": 1,}"), "1:9: not valid JSON: trailing comma");
        assert_eq!(said("{\"a\": 1, \"a\": 2}"), "1:12: not valid JSON: the key `a` stands twice");
        let invalid = parse("a: 1\né: ".bytes().chain([255]).collect::<Vec<_>>().as_slice())
            .map(|_| ())
            .unwrap_err();
        assert_eq!(invalid.problem.message, "not UTF-8");
        assert_eq!(invalid.place, Some(place(2, 4)));
    }

    #[test]
    fn numbers_that_json_does_not_have_are_refused() {
        assert!(said("a: .nan").ends_with("value `.nan` is not a finite number"));
        assert!(parse(b"a: .inf").is_err());
    }
}
