//! Which alerts an outage must raise.
//!
//! An operator has to know at night whether a backend is full, broken, or refuses the gateway's key, and
//! whether clients notice. So all alerts of a model count, and another one is as wrong as none.

use spillway_integration::outage::Kind;

/// What must be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// The backend is at its limits.
    Throttled,
    /// The backend fails, or the way to it does.
    Failing,
    /// The backend refuses the gateway's key.
    Refused,
}

/// Who has the outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The first tier alone: clients get good answers from the second.
    FirstTier,
    /// Every backend of the pool: clients see it.
    All,
}

impl Family {
    /// A kind that the chaos suite learns must be put into its place here.
    pub(crate) fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Fair => panic!("this is no outage"),
            Kind::Throttles(_) => Self::Throttled,
            Kind::Fails(401 | 403) => Self::Refused,
            Kind::Fails(_)
            | Kind::Resets
            | Kind::Stalls
            | Kind::Dies
            | Kind::Junk
            | Kind::HalfAHead
            | Kind::Certificate(_)
            | Kind::ErrorFirst
            | Kind::NotJson
            | Kind::EmptyStream => Self::Failing,
        }
    }

    /// The alerts about a model that has this outage, at these backends: each by the labels that tell it
    /// from others.
    pub(crate) fn alerts(self, model: &str, extent: Extent, backends: &[&str]) -> Vec<String> {
        let alert =
            |name: &str, more: &str| format!("{{alertname=\"{name}\",model=\"{model}\"{more}}}");
        let mut all = Vec::new();
        for backend in backends {
            let backend = format!(",backend=\"{backend}\"");
            let cause = format!("{backend},cause=\"{}\"", self.opening());
            all.push(alert("SpillwayBackendOpen", &cause));
            if self == Self::Refused {
                all.push(alert("SpillwayCredentialRefused", &backend));
            }
        }
        match (extent, self) {
            (Extent::FirstTier, _) => all.push(alert("SpillwayFirstTierBypassed", "")),
            (Extent::All, Self::Throttled) => all.push(alert("SpillwayClientsThrottled", "")),
            (Extent::All, _) => all.push(alert("SpillwayClientsFail", "")),
        }
        all
    }

    /// Alerts that may fire or not. How often requests fail over depends on how soon a circuit opens, and
    /// how long a probe takes.
    pub(crate) const fn by_chance(self) -> &'static str {
        match self {
            Self::Throttled => "none",
            Self::Failing | Self::Refused => "SpillwayFailoverRateHigh",
        }
    }

    /// Why circuits open.
    const fn opening(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Failing => "failed",
            Self::Refused => "refused",
        }
    }
}
