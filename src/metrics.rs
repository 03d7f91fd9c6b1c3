//! Metrics: what Envoy's `/stats/prometheus` says of Spillway.
//!
//! Every metric is defined once, in [`definitions`]: its name, kind, labels and meaning, from which
//! `docs/metrics.md` is printed. [`mod@measure`] makes samples of what the core tells
//! ([`crate::observation::Observation`]), and [`mod@breakers`] of the breaker store. [`series`] writes the name
//! under which Envoy keeps a series, [`standing`] knows which of them go with a configuration, and
//! `envoy::stats` has the rules by which Envoy finds the labels in a name again.
//!
//! Labels come from the configuration (models, backends, clients) and from closed lists of words,
//! never from what a client or a backend wrote: how many series there are is known before the first
//! request, and no request can add one.

pub mod breakers;
pub mod definitions;
pub mod measure;
pub mod metric;
pub mod series;
pub mod standing;
mod words;

pub use breakers::breakers;
pub use definitions::DEFINITIONS;
pub use measure::{from_the_start, measure};
pub use metric::{Definition, Kind, Label, Metric};
pub use series::{Move, Sample, Series};
