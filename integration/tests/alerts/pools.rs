//! The pools: two for each kind of outage, all behind one gateway.
//!
//! In one, only the first tier has the outage, and a healthy backend below it answers. In the other,
//! every backend has it. Each model has its own circuits, so no outage touches another one's pool.

use std::fmt::Write as _;

use spillway_integration::outage::{Backend, Kind};
use spillway_integration::{Authority, Gateway, key_of};

use crate::expected::{Extent, Family};

/// One kind of outage, and the backends that have it.
pub(crate) struct Outage {
    name: String,
    /// What they do. `None`: their name never resolves, so they have no better times.
    kind: Option<Kind>,
    first: Backend,
    second: Backend,
}

/// All of them, and the backend that has none.
pub(crate) struct Pools {
    outages: Vec<Outage>,
    healthy: Backend,
}

impl Outage {
    /// The model whose first tier, or all of whose backends, have it.
    pub(crate) fn model(&self, extent: Extent) -> String {
        let ending = match extent {
            Extent::FirstTier => "first-tier",
            Extent::All => "all",
        };
        format!("{}-{ending}", self.name)
    }

    /// The names of the backends of this model that have it.
    pub(crate) fn culprits(&self, extent: Extent) -> Vec<&str> {
        match extent {
            Extent::FirstTier => vec![self.first.name],
            Extent::All => vec![self.first.name, self.second.name],
        }
    }

    /// What must be told of it.
    pub(crate) fn family(&self) -> Family {
        self.kind.as_ref().map_or(Family::Failing, Family::of)
    }

    /// Alerts that are there when it is over. A second tier is not needed then, and so it does not show
    /// that it takes the gateway's key again.
    pub(crate) fn lingers(&self) -> Option<String> {
        let model = self.model(Extent::All);
        let backend = self.second.name;
        let name = "SpillwayCredentialRefused";
        let alert = || format!("{{alertname=\"{name}\",model=\"{model}\",backend=\"{backend}\"}}");
        (self.family() == Family::Refused).then(alert)
    }

    /// Whether it has a beginning and an end.
    pub(crate) const fn passes(&self) -> bool {
        self.kind.is_some()
    }

    fn backends(&self) -> [&Backend; 2] {
        [&self.first, &self.second]
    }
}

impl Pools {
    /// A pair for each kind that the chaos suite knows.
    pub(crate) async fn new(authority: &Authority) -> Self {
        let mut outages = Vec::new();
        for kind in Kind::everywhere().into_iter().filter(|kind| *kind != Kind::Fair) {
            let [first, second] = names(&kind);
            let backends = (Backend::plain(first).await, Backend::plain(second).await);
            outages.push(Outage::new(kind, backends));
        }
        for kind in Kind::behind_a_door() {
            let [first, second] = names(&kind);
            let first = Backend::behind_a_door(first).await;
            outages.push(Outage::new(kind, (first, Backend::behind_a_door(second).await)));
        }
        for kind in Kind::over_tls() {
            let [first, second] = names(&kind);
            let first = Backend::over_tls(first, authority).await;
            outages.push(Outage::new(kind, (first, Backend::over_tls(second, authority).await)));
        }
        outages.push(Outage {
            name: "nowhere".to_owned(),
            kind: None,
            first: Backend::nowhere("nowhere-1").await,
            second: Backend::nowhere("nowhere-2").await,
        });
        Self { outages, healthy: Backend::plain("healthy").await }
    }

    /// All kinds of outages.
    pub(crate) fn outages(&self) -> &[Outage] {
        &self.outages
    }

    /// A gateway in front of them.
    pub(crate) async fn gateway(&self, rules: &str) -> Gateway {
        let mut backends = String::from("backends:\n");
        let mut models = String::from("models:\n");
        let mut keys = Vec::new();
        let all = self.outages.iter().flat_map(Outage::backends).chain([&self.healthy]);
        for backend in all {
            let (name, url, ca) = (backend.name, backend.url(), backend.ca());
            let key = backend.key_variable();
            let _ =
                writeln!(backends, "  {name}: {{ url: \"{url}\", api_key: \"${{{key}}}\"{ca} }}");
            keys.push((key, key_of(name)));
        }
        for outage in &self.outages {
            for (extent, below) in
                [(Extent::FirstTier, &self.healthy), (Extent::All, &outage.second)]
            {
                let model = outage.model(extent);
                let tier = |priority, backend: &Backend| {
                    format!("{{ backend: {}, priority: {priority} }}", backend.name)
                };
                let (first, below) = (tier(1, &outage.first), tier(2, below));
                let _ = writeln!(models, "  {model}: {{ pool: [{first}, {below}] }}");
            }
        }
        Gateway::of(format!("{rules}\n{backends}{models}"), keys).start().await
    }

    /// All outages begin.
    pub(crate) async fn fail(&self) {
        for outage in &self.outages {
            if let Some(kind) = &outage.kind {
                outage.turn(kind).await;
            }
        }
    }

    /// All outages end.
    pub(crate) async fn recover(&self) {
        for outage in self.outages.iter().filter(|outage| outage.passes()) {
            outage.turn(&Kind::Fair).await;
        }
    }
}

impl Outage {
    fn new(kind: Kind, (first, second): (Backend, Backend)) -> Self {
        Self { name: slug(&kind), kind: Some(kind), first, second }
    }

    async fn turn(&self, kind: &Kind) {
        for backend in self.backends() {
            backend.turn(kind).await;
        }
    }
}

/// The names of its two backends. They live as long as the test, which makes them once.
fn names(kind: &Kind) -> [&'static str; 2] {
    ["1", "2"].map(|number| &*format!("{}-{number}", slug(kind)).leak())
}

/// The kind as a name may be written: `throttles-millis-200`.
fn slug(kind: &Kind) -> String {
    let text = format!("{kind:?}").to_lowercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}
