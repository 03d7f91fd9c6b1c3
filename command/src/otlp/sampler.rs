//! Which requests have spans.

use super::Settings;
use spillway::config::{Problem, quoted};

/// One of OpenTelemetry's samplers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampler {
    /// A client that sends a `traceparent` has decided.
    pub by_parent: bool,
    /// What decides otherwise.
    pub root: Root,
}

/// What decides of a trace that begins here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// Every request has spans.
    All,
    /// So many of a million have. Never: none.
    Share(u32),
}

/// The sampler: the command line's, else the variables'.
pub(super) fn read(all: &Settings<'_>, problems: &mut Vec<Problem>) -> Sampler {
    let usual = Sampler { by_parent: true, root: Root::All };
    let (at, name, argument) = match &all.flags.otlp_sampler {
        Some(text) => {
            let (name, argument) = text
                .split_once('=')
                .map_or((text.as_str(), None), |(n, a)| (n, Some(a.to_owned())));
            ("--otlp-sampler", name.to_owned(), argument)
        }
        None => {
            let Some(name) = (all.set)(NAME) else { return usual };
            (NAME, name, (all.set)(ARGUMENT))
        }
    };
    let by_parent = name.starts_with(BY_PARENT);
    let root = match name.strip_prefix(BY_PARENT).unwrap_or(&name) {
        "always_on" => Root::All,
        "always_off" => Root::Share(0),
        "traceidratio" => match share(argument.as_deref()) {
            Some(share) => Root::Share(share),
            None => {
                let at = if at == NAME { ARGUMENT } else { at };
                problems.push(Problem::new(
                    "",
                    format!("{at}: the share of the requests is no number from 0 to 1"),
                    "write it as 0.1, which is a tenth",
                ));
                return usual;
            }
        },
        _ => {
            problems.push(Problem::new(
                "",
                format!("{at}: Envoy has no sampler {}", quoted(&name)),
                "use `always_on`, `always_off` or `traceidratio`, or one of them after `parentbased_`",
            ));
            return usual;
        }
    };
    Sampler { by_parent, root }
}

/// A share in millionths; all, where nothing is said.
fn share(text: Option<&str>) -> Option<u32> {
    let share: f64 = text.unwrap_or("1").trim().parse().ok()?;
    if !(0.0..=1.0).contains(&share) {
        return None;
    }
    format!("{:.0}", share * 1e6).parse().ok()
}

const BY_PARENT: &str = "parentbased_";
const NAME: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
