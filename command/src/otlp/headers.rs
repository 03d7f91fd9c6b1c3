//! What the collector is sent besides spans, above all a key.
//!
//! `OTEL_EXPORTER_OTLP_HEADERS` is a list as in W3C Baggage, `name=value,name=value`, with `%20` and so on
//! in values. The command line names variables, since others may read it.

use percent_encoding::percent_decode_str;

use super::Settings;
use spillway::config::{Problem, name, quoted};

/// A header, and the variable of Envoy's environment that its value stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name, in lower case.
    pub name: String,
    /// The variable.
    pub variable: String,
}

/// The headers, and the variables that Envoy must have for them besides ours.
pub(super) fn read(
    all: &Settings<'_>,
    problems: &mut Vec<Problem>,
) -> (Vec<Header>, Vec<(String, String)>) {
    if !all.flags.otlp_header.is_empty() {
        let of_flag = |text: &String| of_flag(text).map_err(|problem| problems.push(problem)).ok();
        return (all.flags.otlp_header.iter().filter_map(of_flag).collect(), Vec::new());
    }
    let listed = LISTS.into_iter().find_map(|name| Some((name, (all.set)(name)?)));
    let Some((at, text)) = listed else { return Default::default() };
    let (mut headers, mut environment) = (Vec::new(), Vec::new());
    for (position, one) in text.split(',').filter(|one| !one.trim().is_empty()).enumerate() {
        match of_list(at, position, one) {
            Ok((name, value)) => {
                let variable = format!("SPILLWAY_OTLP_HEADER_{position}");
                environment.push((variable.clone(), value));
                headers.push(Header { name, variable });
            }
            Err(problem) => problems.push(problem),
        }
    }
    (headers, environment)
}

/// The variable in `NAME=${VARIABLE}`.
pub(super) fn variable(text: &str) -> Option<&str> {
    name::variable(text.split_once('=')?.1.trim())
}

fn of_flag(text: &str) -> Result<Header, Problem> {
    let (name, _) = text.split_once('=').unwrap_or(("", ""));
    let name = header_name(name.trim());
    // What stands there instead may be a key: it is not repeated.
    name.zip(variable(text))
        .map(|(name, variable)| Header { name, variable: variable.into() })
        .ok_or_else(|| {
            Problem::new(
                "",
                "--otlp-header: not `NAME=${VARIABLE}`",
                "put the value into a variable, such as COLLECTOR_KEY, and write \
                 `--otlp-header 'api-key=${COLLECTOR_KEY}'`",
            )
        })
}

fn of_list(at: &str, position: usize, text: &str) -> Result<(String, String), Problem> {
    let number = position + 1;
    let (name, value) = text.split_once('=').ok_or_else(|| {
        Problem::new(
            "",
            format!("{at}: entry {number} has no `=`"),
            "write `name=value,name=value`",
        )
    })?;
    let name = header_name(name.trim()).ok_or_else(|| {
        let name = quoted(name.trim());
        Problem::new(
            "",
            format!("{at}: {name} is no name of a header that can be added"),
            "write `name=value,name=value`",
        )
    })?;
    let value = percent_decode_str(value.trim()).decode_utf8().ok();
    let value = value.filter(|value| value.bytes().all(|b| (b' '..=b'~').contains(&b)));
    let value = value.ok_or_else(|| {
        Problem::new(
            "",
            format!("{at}: the value of `{name}` is none that a header can carry"),
            "it may hold letters, digits, spaces and ASCII's other visible characters",
        )
    })?;
    Ok((name, value.into_owned()))
}

/// The name, unless Envoy sets it itself.
fn header_name(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&b);
    let ours = ["host", "content-length", "content-type", "transfer-encoding", "connection", "te"];
    let is_good = !name.is_empty() && name.bytes().all(is_token) && !ours.contains(&name.as_str());
    is_good.then_some(name)
}

/// The list for traces, and the one for all signals.
const LISTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
