//! What the `spillway` command does around the filter.
//!
//! The gateway's decisions are in the package `spillway`, which is also the filter that Envoy runs.
//! Whatever touches files and processes, or reads what people write, is here, so that none of its
//! libraries stand between the filter and its build.
//!
//! `envoy` renders Envoy's configuration and runs it; `istio`, `kubernetes` and `compose` render what
//! attaches it elsewhere. `simulate` and `explain` play the core in virtual time: for many requests,
//! and for one. `import` reads other gateways' configurations, `lint` finds settings that have no
//! effect, `otlp` what OpenTelemetry's variables say, and `envoy_check` looks at what is around the filter in an Envoy's configuration. `cli` is
//! the command itself.

pub mod cli;
pub mod compose;
pub mod envoy;
pub mod envoy_check;
pub mod explain;
pub mod import;
pub mod istio;
pub mod kubernetes;
pub mod lint;
pub mod otlp;
pub mod simulate;
