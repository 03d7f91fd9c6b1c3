//! A backend that can do every kind of failure.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use spillway_simulator::{Fault, Latency, Region, RegionConfig, Script, TlsConfig};

use super::door::{Door, Way};
use super::kind::{Kind, Wrong};
use crate::authority::Authority;
use crate::regions::{key_of, region_with};

/// A backend that can fail in every way. Its methods must be called inside a runtime.
#[derive(Debug)]
pub struct Backend {
    /// Its name.
    pub name: &'static str,
    /// What it can do.
    pub kinds: Vec<Kind>,
    region: Region,
    /// The deployment whose requests are streams, if not all are.
    streams: Option<String>,
    /// The same with wrong certificates.
    impostors: Vec<(Wrong, Region)>,
    door: Option<tokio::sync::Mutex<Door>>,
    url: String,
    ca: String,
    /// When its connections were broken.
    cuts: Mutex<Vec<(Instant, Instant)>>,
}

impl Backend {
    /// One in the clear, without a door.
    pub async fn plain(name: &'static str) -> Self {
        let region = region(name, None).await;
        Self {
            name,
            kinds: Kind::everywhere(),
            url: region.url(),
            region,
            streams: None,
            impostors: Vec::new(),
            door: None,
            ca: String::new(),
            cuts: Mutex::default(),
        }
    }

    /// One in the clear, behind a door.
    pub async fn behind_a_door(name: &'static str) -> Self {
        let plain = Self::plain(name).await;
        let door = Door::new(Way::To(plain.region.addr()));
        let kinds = [plain.kinds, Kind::behind_a_door()].concat();
        let url = format!("http://{}", door.address);
        Self { kinds, url, door: Some(door.into()), ..plain }
    }

    /// One over TLS, behind a door that can lead to impostors.
    pub async fn over_tls(name: &'static str, trusted: &Authority) -> Self {
        let stranger = Authority::new();
        let impostors = vec![
            (Wrong::Stranger, region(name, Some(stranger.certificate(HOST))).await),
            (Wrong::Expired, region(name, Some(trusted.expired_certificate(HOST))).await),
            (Wrong::Misnamed, region(name, Some(trusted.certificate("elsewhere.test"))).await),
        ];
        let region = region(name, Some(trusted.certificate(HOST))).await;
        let door = Door::new(Way::To(region.addr()));
        Self {
            name,
            kinds: [Kind::everywhere(), Kind::behind_a_door(), Kind::over_tls()].concat(),
            url: format!("https://{HOST}:{}", door.address.port()),
            ca: format!(", ca_file: \"{}\"", trusted.ca_file().display()),
            region,
            streams: None,
            impostors,
            door: Some(door.into()),
            cuts: Mutex::default(),
        }
    }

    /// One whose name does not resolve.
    pub async fn nowhere(name: &'static str) -> Self {
        Self { url: "http://nowhere.invalid".into(), ..Self::plain(name).await }
    }

    /// The same, with streams at this deployment only.
    #[must_use]
    pub fn with_streams_at(self, deployment: String) -> Self {
        Self { streams: Some(deployment), ..self }
    }

    /// Its URL in the configuration.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The rest of its line there.
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// The variable with its key.
    pub fn key_variable(&self) -> String {
        format!("KEY_{}", self.name.to_uppercase().replace('-', "_"))
    }

    /// What has arrived, at the impostors too, who should get nothing.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        std::iter::once(&self.region).chain(self.impostors.iter().map(|(_, region)| region))
    }

    /// Does this from now on.
    pub async fn turn(&self, kind: &Kind) {
        self.region.script(self.fault(kind).map_or_else(Script::default, Script::from));
        let start = Instant::now();
        let cut = match &self.door {
            Some(door) => door.lock().await.turn(self.way(kind)).await,
            None if *kind == Kind::Dies => {
                self.region.set_down().await;
                true
            }
            None => {
                self.region.set_up().await.expect("its port is its own");
                false
            }
        };
        if cut {
            let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
            cuts.push((start, Instant::now()));
        }
    }

    /// Whether its connections were broken at any time of this span.
    pub fn was_cut(&self, from: Instant, to: Instant) -> bool {
        let cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        cuts.iter().any(|(start, end)| *start <= to && *end >= from)
    }

    fn fault(&self, kind: &Kind) -> Option<Fault> {
        let fault = kind.fault()?;
        match &self.streams {
            Some(deployment) if kind.is_of_streams() => Some(fault.on(deployment)),
            _ => Some(fault),
        }
    }

    fn way(&self, kind: &Kind) -> Way {
        match kind {
            Kind::Dies => Way::Shut,
            // Over HTTP/2, one request's reset is the end of others' answers too. The door counts.
            Kind::Resets if !self.impostors.is_empty() => Way::Reset,
            Kind::Junk => Way::Junk,
            Kind::HalfAHead => Way::HalfAHead,
            Kind::Certificate(wrong) => {
                let impostor = self.impostors.iter().find(|(its, _)| its == wrong);
                impostor.map_or(Way::Shut, |(_, region)| Way::To(region.addr()))
            }
            _ => Way::To(self.region.addr()),
        }
    }
}

async fn region(name: &str, tls: Option<TlsConfig>) -> Region {
    region_with(name, |config: &mut RegionConfig| {
        config.tls = tls;
        config.api_key = Some(key_of(name));
        config.remembered_requests = usize::MAX;
        config.latency = LATENCY;
    })
    .await
}

/// Long enough for a backend to die in the middle of an answer.
const LATENCY: Latency = Latency {
    before_headers: Duration::from_millis(1),
    between_chunks: Duration::from_millis(2),
    chunks: 8,
};
const HOST: &str = "localhost";
