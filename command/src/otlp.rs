//! Where spans go, and which: the settings of an OTLP exporter.
//!
//! A collector is named on the command line, or by the variables that every OpenTelemetry SDK reads
//! (`OTEL_EXPORTER_OTLP_ENDPOINT` and so on, as the specification of the SDK's environment variables
//! and of the OTLP exporter define them). The command line wins, setting by setting. What Envoy cannot
//! do is refused, not ignored, where it would change what is sent or where to.
//!
//! Headers hold keys. Their values stand in no file, no argument and no config dump: each is in a
//! variable of Envoy's environment, and what is rendered is that variable's name.
//!
//! | question | file |
//! |---|---|
//! | where is the collector? | `endpoint.rs` |
//! | which headers does it get? | `headers.rs` |
//! | which requests have spans? | `sampler.rs` |
//! | what is the gateway called? | `resource.rs` |

mod endpoint;
mod headers;
mod resource;
mod sampler;
#[cfg(test)]
mod tests;

use std::path::Path;

use spillway::config::{BackendUrl, Problem};
use spillway::time::Millis;

pub use headers::Header;
pub use resource::Resource;
pub use sampler::{Root, Sampler};

/// What the command line says.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct Flags {
    /// Where spans of requests and attempts go: an OpenTelemetry collector, as `host:4318` or
    /// `https://host/path`; `/v1/traces` is added. docs/traces.md has the variables
    /// (`OTEL_EXPORTER_OTLP_ENDPOINT` and others)
    #[arg(long, value_name = "ENDPOINT")]
    pub otlp: Option<String>,
    /// A header for the collector, such as `api-key=${COLLECTOR_KEY}`: its value stands in this
    /// variable; may be repeated
    #[arg(long, value_name = "NAME=${VARIABLE}")]
    pub otlp_header: Vec<String>,
    /// The CA bundle that the collector's certificate is checked with [default: as for backends]
    #[arg(long, value_name = "PATH")]
    pub otlp_ca: Option<String>,
    /// How the collector is spoken to [default: http/protobuf]
    #[arg(long, value_name = "PROTOCOL", value_parser = ["http/protobuf", "grpc"])]
    pub otlp_protocol: Option<String>,
    /// Which requests have spans: one of OpenTelemetry's samplers, a share as `traceidratio=0.1`
    /// [default: parentbased_always_on]
    #[arg(long, value_name = "SAMPLER")]
    pub otlp_sampler: Option<String>,
}

/// How spans are exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exporter {
    /// Where the collector is; the path is the whole one.
    pub url: BackendUrl,
    /// What it is spoken to in.
    pub protocol: Protocol,
    /// What it is sent besides.
    pub headers: Vec<Header>,
    /// Who signs its certificate; `None`: whom backends' certificates are checked with.
    pub ca_file: Option<String>,
    /// How long it may take.
    pub timeout: Millis,
    /// How long spans wait for others to be sent with; `None`: as Envoy does.
    pub delay: Option<Millis>,
    /// How many are sent at once at most.
    pub batch: Option<u32>,
    /// Which requests have spans.
    pub sampler: Sampler,
    /// Whose spans they are.
    pub resource: Resource,
}

/// What is spoken to a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Protobuf over HTTP.
    Http,
    /// gRPC.
    Grpc,
}

/// What was found, and what Envoy's environment must hold for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The exporter; `None`: spans go nowhere.
    pub exporter: Option<Exporter>,
    /// Variables with the values of headers.
    pub environment: Vec<(String, String)>,
}

impl Found {
    /// What is referred to and not there.
    pub fn missing(&self, variable: &dyn Fn(&str) -> Option<String>) -> Vec<Problem> {
        let Some(exporter) = &self.exporter else { return Vec::new() };
        let ours = |name: &str| self.environment.iter().any(|(known, _)| known == name);
        let unset =
            |header: &&Header| !ours(&header.variable) && variable(&header.variable).is_none();
        let of_header = exporter.headers.iter().filter(unset).map(|header| {
            let Header { name, variable } = header;
            Problem::new(
                "",
                format!("--otlp-header: the variable `{variable}` of `{name}` is not set"),
                "set it before you start the gateway",
            )
        });
        let of_file = exporter.ca_file.iter().filter(|file| !Path::new(file).is_file()).map(|file| {
            let file = spillway::config::quoted(file);
            Problem::new(
                "",
                format!("the collector's CA bundle: there is no file {file}"),
                "name a file of certificates in PEM: `--otlp-ca`, or `OTEL_EXPORTER_OTLP_CERTIFICATE`",
            )
        });
        of_header.chain(of_file).collect()
    }
}

impl Flags {
    /// Reads what the command line says, and where it says nothing what the variables do.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Found, Vec<Problem>> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let mut problems = Vec::new();
        let Some(named) = self.named(&set, &mut problems) else {
            if self.otlp_header.len() + usize::from(self.has_more()) > 0 && problems.is_empty() {
                problems.push(Problem::new(
                    "",
                    "these `--otlp-…` say nothing without a collector",
                    "name it: `--otlp HOST:4318`",
                ));
            }
            return if problems.is_empty() { Ok(Found::default()) } else { Err(problems) };
        };
        let all = Settings { flags: self, set: &set };
        let protocol = all.protocol(&mut problems);
        let url = endpoint::read(&named, protocol).map_err(|problem| problems.push(problem));
        let (headers, environment) = headers::read(&all, &mut problems);
        let sampler = sampler::read(&all, &mut problems);
        let resource = resource::read(&set, &mut problems);
        let timeout = all.number("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", &mut problems);
        let timeout = timeout.or_else(|| all.number("OTEL_EXPORTER_OTLP_TIMEOUT", &mut problems));
        let delay = all.number("OTEL_BSP_SCHEDULE_DELAY", &mut problems);
        let batch = all.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", &mut problems);
        let ca_file = self.otlp_ca.clone();
        let ca_file = ca_file.or_else(|| set("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE"));
        let ca_file = ca_file.or_else(|| set("OTEL_EXPORTER_OTLP_CERTIFICATE"));
        for unsupported in CLIENT_CERTIFICATE.into_iter().filter(|name| set(name).is_some()) {
            problems.push(Problem::new(
                "",
                format!("{unsupported}: the collector cannot be shown a certificate"),
                "unset it, and send a key as a header, or put a collector of your own in between",
            ));
        }
        match url {
            Ok(url) if problems.is_empty() => Ok(Found {
                exporter: Some(Exporter {
                    url,
                    protocol,
                    headers,
                    ca_file,
                    timeout: timeout.map_or(TIMEOUT, |number| Millis(number.into())),
                    delay: delay.map(|number| Millis(number.into())),
                    batch,
                    sampler,
                    resource,
                }),
                environment,
            }),
            _ => Err(problems),
        }
    }

    /// The endpoint's text, with where it stands.
    fn named(
        &self,
        set: &dyn Fn(&str) -> Option<String>,
        problems: &mut Vec<Problem>,
    ) -> Option<endpoint::Named> {
        use endpoint::Named;
        if let Some(text) = &self.otlp {
            return Some(Named::Flag(text.clone()));
        }
        if set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return None;
        }
        let traces = set(endpoint::OF_TRACES).map(Named::Traces);
        let named = traces.or_else(|| set(endpoint::BASE).map(Named::Base))?;
        match set("OTEL_TRACES_EXPORTER").as_deref() {
            None | Some("otlp") => Some(named),
            Some("none") => None,
            Some(_) => {
                problems.push(Problem::new(
                    "",
                    "OTEL_TRACES_EXPORTER: only `otlp` and `none` are known",
                    "unset it; a collector passes spans on in other forms",
                ));
                None
            }
        }
    }

    fn has_more(&self) -> bool {
        self.otlp_ca.is_some() || self.otlp_protocol.is_some() || self.otlp_sampler.is_some()
    }

    /// The same on a command line.
    pub fn arguments(&self) -> Vec<String> {
        let pairs = [
            ("--otlp", &self.otlp),
            ("--otlp-ca", &self.otlp_ca),
            ("--otlp-protocol", &self.otlp_protocol),
            ("--otlp-sampler", &self.otlp_sampler),
        ];
        let one = |(flag, value): (&str, &Option<String>)| {
            value.as_ref().map(|value| [flag.to_owned(), value.clone()])
        };
        let headers =
            self.otlp_header.iter().map(|text| ["--otlp-header".to_owned(), text.clone()]);
        pairs.into_iter().filter_map(one).chain(headers).flatten().collect()
    }

    /// The variables that hold values of headers.
    pub fn variables(&self) -> Vec<&str> {
        self.otlp_header.iter().filter_map(|text| headers::variable(text)).collect()
    }
}

/// What is read: the command line, and the variables that are set.
struct Settings<'a> {
    flags: &'a Flags,
    set: &'a dyn Fn(&str) -> Option<String>,
}

impl Settings<'_> {
    fn protocol(&self, problems: &mut Vec<Problem>) -> Protocol {
        let names = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
        let of_flag = self.flags.otlp_protocol.clone().map(|value| ("--otlp-protocol", value));
        let of_variable = || names.into_iter().find_map(|name| Some((name, (self.set)(name)?)));
        match of_flag.or_else(of_variable) {
            None => Protocol::Http,
            Some((_, value)) if value == "http/protobuf" => Protocol::Http,
            Some((_, value)) if value == "grpc" => Protocol::Grpc,
            Some((at, value)) => {
                let value = spillway::config::quoted(&value);
                problems.push(Problem::new(
                    "",
                    format!("{at}: Envoy does not speak {value} to a collector"),
                    "use `http/protobuf` or `grpc`",
                ));
                Protocol::Http
            }
        }
    }

    /// A whole number, more than none.
    fn number(&self, name: &str, problems: &mut Vec<Problem>) -> Option<u32> {
        let text = (self.set)(name)?;
        let number = text.trim().parse().ok().filter(|number| *number > 0);
        if number.is_none() {
            let text = spillway::config::quoted(&text);
            let hint = "use a whole number such as 10000; times are in milliseconds";
            problems.push(Problem::new("", format!("{name}: {text} is no such number"), hint));
        }
        number
    }
}

/// What the specification says where nothing is said.
const TIMEOUT: Millis = Millis::from_secs(10);

/// What Envoy could do and is not told.
const CLIENT_CERTIFICATE: [&str; 4] = [
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
];
