//! The outages: each has a model and regions of its own, behind the same two gateways.

use std::time::Duration;

use spillway_integration::region_with;
use spillway_simulator::{Fault, Latency, Region, RetryAfter, Script, Stall};

/// What happens to one model's backends, and what must be told of it.
pub(crate) struct Scenario {
    /// The model's name.
    pub(crate) model: &'static str,
    /// What happens, as people say it.
    pub(crate) title: &'static str,
    /// Its regions, with their tier.
    pub(crate) regions: Vec<(Region, u8)>,
    /// What the regions do when it begins.
    faults: Vec<Option<Fault>>,
    /// What the first does anew at each step of it, by its number and how long it takes.
    each_step: fn(usize, Duration) -> Script,
    /// Whether the steps before the outage have it too.
    always: bool,
    /// How long its clients wait.
    pub(crate) patience: Duration,
    /// What a second client sends along while it lasts.
    pub(crate) second_client: Option<&'static str>,
    /// The alerts that must fire about this model.
    pub(crate) must: &'static [&'static str],
    /// Those that may.
    pub(crate) may: &'static [&'static str],
    /// The panels that tell what it is.
    pub(crate) panels: &'static [&'static str],
}

impl Scenario {
    async fn new(model: &'static str, title: &'static str, tiers: &[u8]) -> Self {
        let mut regions = Vec::new();
        for (at, tier) in tiers.iter().enumerate() {
            let name: &'static str = format!("{model}-{}", at + 1).leak();
            let region = region_with(name, |config| {
                config.latency = LATENCY;
                config.remembered_requests = 0;
            });
            regions.push((region.await, *tier));
        }
        Self {
            model,
            title,
            faults: vec![None; regions.len()],
            regions,
            each_step: |_, _| Script::default(),
            always: false,
            patience: Duration::from_secs(30),
            second_client: None,
            must: &[],
            may: &[],
            panels: &[],
        }
    }

    /// The first regions do this while it lasts.
    fn does<const N: usize>(mut self, faults: [Fault; N]) -> Self {
        for (own, fault) in self.faults.iter_mut().zip(faults) {
            *own = Some(fault.forever());
        }
        self
    }

    fn told_by(
        self,
        must: &'static [&'static str],
        may: &'static [&'static str],
        panels: &'static [&'static str],
    ) -> Self {
        Self { must, may, panels, ..self }
    }

    /// Its line in the file.
    pub(crate) fn pool(&self) -> String {
        let member = |(region, tier): &(Region, u8)| {
            format!("{{ backend: {}, priority: {tier} }}", region.name())
        };
        let members: Vec<String> = self.regions.iter().map(member).collect();
        format!("  {}: {{ pool: [{}] }}\n", self.model, members.join(", "))
    }

    /// It begins.
    pub(crate) fn begin(&self) {
        for ((region, _), fault) in self.regions.iter().zip(&self.faults) {
            if let Some(fault) = fault {
                region.script(fault.clone());
            }
        }
    }

    /// It ends.
    pub(crate) fn end(&self) {
        self.regions.iter().for_each(|(region, _)| region.script(Script::default()));
    }

    /// A step of the play, which takes so long; `outage`: while it lasts.
    pub(crate) fn step(&self, number: usize, period: Duration, outage: bool) {
        let script = (self.each_step)(number, period);
        if (outage || self.always) && !script.0.is_empty() {
            self.regions[0].0.script(script);
        }
    }
}

/// All of them.
pub(crate) async fn all() -> Vec<Scenario> {
    let throttled = || Fault::too_many_requests(RetryAfter::Seconds(1));
    vec![
        Scenario::new("healthy", "nothing", &[1, 2]).await.told_by(&[], &[], &[ERRORS, FIRST_TIER]),
        Scenario {
            each_step: |number, period| match number % 4 {
                0 => throttled_for(period * 3 / 4).into(),
                _ => Script::default(),
            },
            always: true,
            ..Scenario::new("spilling", "a first tier that is full at times", &[1, 2]).await
        }
        .told_by(&[], &[], &[ERRORS, FIRST_TIER, SPILLING]),
        Scenario {
            patience: Duration::from_millis(3300),
            ..Scenario::new("hang", "a region hangs; clients give up after 3.3 s", &[1, 2]).await
        }
        .does([Fault::stall(Stall::BeforeHeaders)])
        .told_by(&["SpillwayClientsGiveUp"], &[], &[ERRORS, GAVE_UP, WAITED, IN_FLIGHT]),
        Scenario::new("slow-first-byte", "one of two regions takes 4 s to the first byte", &[1, 1])
            .await
            .does([Fault { delay_ms: Some(4000), ..Fault::default() }])
            .told_by(&["SpillwayFirstByteSlow"], &[], &[ERRORS, FIRST_TOKEN, IN_FLIGHT]),
        Scenario::new("slow-stream", "a region streams a chunk in 700 ms", &[1])
            .await
            .does([Fault { chunk_delay_ms: Some(700), chunks: Some(12), ..Fault::default() }])
            .told_by(&["SpillwayTokensSlow"], &[], &[ERRORS, FIRST_TOKEN, TOKEN_TIME, IN_FLIGHT]),
        Scenario::new("one-region", "one region answers 500", &[1, 2])
            .await
            .does([Fault::status(500)])
            .told_by(
                &["SpillwayBackendOpen", "SpillwayFirstTierBypassed"],
                &["SpillwayFailoverRateHigh"],
                &[ERRORS, FIRST_TIER, SPILLING, WASTED, CIRCUITS, FIRST_TOKEN],
            ),
        Scenario::new("all-regions", "all regions answer 500", &[1, 2])
            .await
            .does([Fault::status(500), Fault::status(500)])
            .told_by(
                &["SpillwayBackendOpen", "SpillwayClientsFail"],
                &["SpillwayFailoverRateHigh"],
                &[ERRORS, WASTED, CIRCUITS],
            ),
        Scenario::new("exhausted", "all regions are at their limits (503 to clients)", &[1, 2])
            .await
            .does([throttled(), throttled()])
            .told_by(
                &["SpillwayBackendOpen", "SpillwayClientsThrottled"],
                &[],
                &[ERRORS, CIRCUITS],
            ),
        Scenario {
            each_step: |number, period| match number % 3 {
                2 => Script::default(),
                _ => throttled_for(period * 4 / 5).into(),
            },
            ..Scenario::new("flapping", "a provisioned tier throttles again and again", &[1, 2])
                .await
        }
        .told_by(
            &["SpillwayFirstTierBypassed"],
            &[],
            &[ERRORS, FIRST_TIER, SPILLING, CIRCUITS],
        ),
        Scenario::new("wrong-key", "a region refuses the gateway's key", &[1, 2])
            .await
            .does([Fault::status(401)])
            .told_by(
                &["SpillwayBackendOpen", "SpillwayCredentialRefused", "SpillwayFirstTierBypassed"],
                &["SpillwayFailoverRateHigh"],
                &[ERRORS, FIRST_TIER, WASTED, CIRCUITS],
            ),
        Scenario {
            second_client: Some("{\"region\":\"one-client-1\",\"status\":500}"),
            ..Scenario::new("one-client", "one region fails at what one client asks", &[1, 2]).await
        }
        .told_by(
            &["SpillwayClientOpensCircuits"],
            &["SpillwayFailoverRateHigh", "SpillwayFirstTierBypassed", "SpillwayBackendOpen"],
            &[ERRORS, WHOSE, WASTED, CIRCUITS],
        ),
    ]
}

/// The next two requests are told to come back after this time.
fn throttled_for(time: Duration) -> Fault {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Fault::too_many_requests(RetryAfter::Millis(milliseconds)).times(2)
}

const LATENCY: Latency = Latency {
    before_headers: Duration::from_millis(1),
    between_chunks: Duration::from_millis(1),
    chunks: 8,
};

// Panels by their titles.
pub(crate) const ERRORS: &str = "Share of errors by class";
pub(crate) const GAVE_UP: &str = "Clients that gave up";
pub(crate) const WAITED: &str = "How long they had waited";
pub(crate) const IN_FLIGHT: &str = "Attempts in flight by backend";
pub(crate) const FIRST_TOKEN: &str = "First token by backend, 95 %";
pub(crate) const TOKEN_TIME: &str = "Time per output token, by backend";
pub(crate) const FIRST_TIER: &str = "Share of the first tier";
pub(crate) const SPILLING: &str = "Answers by tier";
pub(crate) const WASTED: &str = "Wasted retries";
pub(crate) const CIRCUITS: &str = "Circuits that opened";
pub(crate) const WHOSE: &str = "Whose requests opened them";
pub(crate) const DIGESTS: &str = "Configurations in force";
pub(crate) const GATEWAYS: &str = "Gateways";
pub(crate) const OWN: &str = "Answers of the gateway itself";
