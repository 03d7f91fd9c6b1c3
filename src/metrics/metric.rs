//! What a metric is: which ones there are, what each does, its labels, and what is said of it.

use super::definitions::DEFINITIONS;

use Label::{Backend, Client, Digest, Model, Tier, Word};

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each says what it is in `DEFINITIONS`")]
pub enum Metric {
    Requests,
    Errors,
    Attempts,
    Pinned,
    Failovers,
    Openings,
    ClientOpenings,
    Tokens,
    UsageUnknown,
    Rejections,
    PoolExhausted,
    ConfigRefusals,
    InFlight,
    BreakerState,
    OpenUntil,
    Headroom,
    PoolMember,
    BuildInfo,
    ConfigInfo,
    ConfigLoaded,
    ConfigRefused,
    FirstByte,
    Request,
    AttemptFirstByte,
    Attempt,
    OutputToken,
    OwnTime,
    HeldBodies,
}

/// What a metric does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It grows by each event.
    Counter,
    /// It is what is true now, for all workers of this Envoy.
    Gauge,
    /// It counts values by their size. Envoy puts them into these buckets.
    Histogram(&'static [u32]),
}

/// A label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// The model's name, as the configuration has it.
    Model,
    /// The backend's name, as the configuration has it.
    Backend,
    /// The client's name, as the configuration has it.
    Client,
    /// The rank of the member's priority in its pool: `1` for the tier that is used first.
    Tier,
    /// The configuration's digest.
    Digest,
    /// A word of a closed list, under this label.
    Word(&'static str, &'static [&'static str]),
}

/// What is said of a metric.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// Which one.
    pub metric: Metric,
    /// Its name in Prometheus.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
    /// Its labels, in the order in which they are written.
    pub labels: &'static [Label],
    /// What one of it is.
    pub unit: &'static str,
    /// What it means and when it moves, in Markdown.
    pub meaning: &'static str,
}

impl Metric {
    /// What is said of it.
    pub fn definition(self) -> &'static Definition {
        // They are in the enum's order, as the test says.
        let [first, ..] = DEFINITIONS;
        DEFINITIONS.get(self as usize).unwrap_or(first)
    }
}

impl Label {
    /// Its name in Prometheus.
    pub const fn name(self) -> &'static str {
        match self {
            Model => "model",
            Backend => "backend",
            Client => "client",
            Tier => "tier",
            Digest => "digest",
            Word(name, _) => name,
        }
    }
}
