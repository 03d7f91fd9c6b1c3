//! A story: what is given, what happens, what is expected.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use spillway::failover_mode::FailoverMode;

use crate::stage::Stage;

/// A story.
#[derive(Debug, Clone, Copy)]
pub struct Story {
    /// What it shows, in one sentence.
    pub name: &'static str,
    /// The behaviours of API Management's labs that it shows, by their number in the checklist.
    pub behaviours: &'static [u8],
    /// What the stage must be able to do for it.
    pub needs: &'static [Need],
    /// The gateway's configuration, in YAML. `{eastus}` and its like stand for the backends' URLs;
    /// where it names no `backends`, it has [`REGIONS`], each with a key.
    pub config: &'static str,
    /// The story itself.
    pub play: fn(&mut dyn Stage),
}

/// Something that not every stage can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Time that passes by order ([`Stage::pass`]), and chance by order too ([`Stage::roll`]).
    VirtualTime,
    /// Several workers, and a say in which one a client reaches ([`Stage::use_worker`]).
    Workers,
    /// Another configuration while the gateway runs ([`Stage::reload`]).
    Reload,
    /// A client that can send what no proper client would, byte for byte.
    OddBytes,
    /// A listener that hands paths on as they came, as in a mesh.
    PathsAsTheyAre,
    /// A gateway that has counted nothing yet ([`Stage::expect_counted`]).
    Counts,
    /// An Envoy that fails over in one of these ways.
    Failover(&'static [FailoverMode]),
}

/// Another attempt where a backend gave no answer at all.
pub const AFTER_SILENCE: Need = Need::Failover(&[FailoverMode::Retry]);
/// A request that is sent on while its body arrives.
pub const WHILE_IT_ARRIVES: Need = Need::Failover(&[FailoverMode::Retry]);
/// Another attempt after an answer that was held to be read.
pub const AFTER_READING: Need = Need::Failover(&[FailoverMode::Retry, FailoverMode::Redirect]);
/// No attempt after a failure without an answer.
pub const ANSWERS_ALONE: Need =
    Need::Failover(&[FailoverMode::Redirect, FailoverMode::RedirectUnheld]);
/// No attempt after an answer that was held to be read.
pub const UNREAD_ALONE: Need = Need::Failover(&[FailoverMode::RedirectUnheld]);

impl Need {
    /// What a stage lacks that fails over in another way.
    pub fn lack(&self) -> &'static str {
        match self {
            Self::VirtualTime => "the time cannot be set",
            Self::Workers => "no worker can be chosen",
            Self::Reload => "the configuration stays",
            Self::OddBytes => "no odd bytes can be sent",
            Self::PathsAsTheyAre => "the listener normalises paths",
            Self::Counts => "other stories are counted too",
            need if *need == AFTER_SILENCE => "no failover without an answer",
            need if *need == AFTER_READING => {
                "no failover after an answer that was held to be read"
            }
            Self::Failover(_) => "fails over where the story says that it does not",
        }
    }
}

/// What a stage can do.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// How its Envoy fails over.
    pub failover: FailoverMode,
    /// What it cannot do.
    pub lacks: &'a [Need],
    /// How many stories it can play at once.
    pub at_once: usize,
}

impl Means<'_> {
    /// The stages that have all means but an Envoy's.
    pub fn model(failover: FailoverMode) -> Self {
        Self { failover, lacks: &[], at_once: 1 }
    }

    /// The stories that such a stage can play.
    pub fn told(&self) -> Vec<&'static Story> {
        crate::stories::all().iter().filter(|story| self.missing(story).is_none()).collect()
    }

    /// The stories that it could play, but for how its Envoy fails over.
    pub fn left_out(&self) -> Vec<(&'static Story, Need)> {
        let why = |story: &'static Story| match self.missing(story)? {
            need @ Need::Failover(_) => Some((story, need)),
            _ => None,
        };
        crate::stories::all().iter().filter_map(why).collect()
    }

    /// What this story needs and the stage has not; how Envoy fails over comes last.
    fn missing(&self, story: &Story) -> Option<Need> {
        let missing = |need: &&Need| match need {
            Need::Failover(ways) => !ways.contains(&self.failover),
            other => self.lacks.contains(other),
        };
        let all = || story.needs.iter().filter(missing).copied();
        all().find(|need| !matches!(need, Need::Failover(_))).or_else(|| all().next())
    }
}

/// What a real Envoy cannot do, and the model can. A story mostly waits there: for
/// another configuration, for a circuit's time to pass, for the access log.
pub fn on_a_real_envoy() -> Means<'static> {
    let lacks = &[Need::VirtualTime, Need::Workers, Need::Reload, Need::PathsAsTheyAre];
    Means { failover: FailoverMode::Retry, lacks, at_once: 6 }
}

impl Story {
    /// The configuration, with the backends at these URLs.
    pub fn config(&self, url: impl Fn(&str) -> String) -> Value {
        read_config(self.config, url)
    }
}

/// A configuration as stories write it, with the backends at these URLs.
pub fn read_config(text: &str, url: impl Fn(&str) -> String) -> Value {
    let mut text = text.to_owned();
    for region in REGIONS {
        text = text.replace(&format!("{{{region}}}"), &url(region));
    }
    let mut config: Value =
        serde_saphyr::from_str(&text).expect("the story's configuration is YAML");
    if config.get("backends").is_none() {
        let backend = |region: &str| {
            let key = format!("${{{}_KEY}}", region.to_uppercase());
            (region.to_owned(), json!({ "url": url(region), "api_key": key }))
        };
        config["backends"] = Value::Object(REGIONS.into_iter().map(backend).collect());
    }
    config
}

/// Every backend that a story may name.
pub const REGIONS: [&str; 4] = ["eastus", "westus", "uksouth", "sweden"];

/// The environment that the gateway runs in: the secrets that configurations refer to.
pub fn environment() -> BTreeMap<String, String> {
    let key = |region: &str| (format!("{}_KEY", region.to_uppercase()), key_of(region));
    let clients = ["chat", "batch"].map(key);
    REGIONS.map(key).into_iter().chain(clients).collect()
}

/// The key of a backend, or of the client `chat` or `batch`.
pub fn key_of(name: &str) -> String {
    format!("key-of-{name}")
}

/// Tells the stories on a stage that has the means for them, and says at the end which failed.
///
/// `STORY=words` in the environment tells only those whose name holds the words, and `SHOWS=5,7`
/// those that show one of these behaviours. `STORIES_TOLD` names a file for what was told: a line
/// with their number and the way to fail over, and one for each story that this way does not allow,
/// with the reason and the name.
pub fn tell_all(means: &Means<'_>, set: impl Fn(&Story) -> Box<dyn Stage> + Sync) {
    tell_some(means, |_| true, set);
}

/// The same, for a stage that is only told some of them.
pub fn tell_some(
    means: &Means<'_>,
    is_for_us: impl Fn(&Story) -> bool,
    set: impl Fn(&Story) -> Box<dyn Stage> + Sync,
) {
    let wanted = std::env::var("STORY").unwrap_or_default();
    let shown = std::env::var("SHOWS").unwrap_or_default();
    let shown: Vec<u8> = shown.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    let shows = |story: &Story| {
        shown.is_empty() || story.behaviours.iter().any(|number| shown.contains(number))
    };
    let is_wanted =
        |story: &&Story| story.name.contains(&wanted) && shows(story) && is_for_us(story);
    let stories: Vec<&Story> = means.told().into_iter().filter(is_wanted).collect();
    assert!(!stories.is_empty(), "no story's name holds {wanted:?}");

    let fails = |story: &Story| {
        catch_unwind(AssertUnwindSafe(|| (story.play)(set(story).as_mut()))).is_err()
    };
    let next = AtomicUsize::new(0);
    let some = || {
        let mut failed = Vec::new();
        while let Some(story) = stories.get(next.fetch_add(1, Ordering::Relaxed)) {
            if fails(story) {
                failed.push(story.name);
            }
        }
        failed
    };
    let failed: Vec<&str> = thread::scope(|scope| {
        let tellers: Vec<_> = (0..means.at_once).map(|_| scope.spawn(some)).collect();
        tellers.into_iter().flat_map(|teller| teller.join().unwrap_or_default()).collect()
    });
    let (few, many) = (failed.len(), stories.len());
    assert!(failed.is_empty(), "{few} of {many} stories failed:\n  {}", failed.join("\n  "));

    let Some(file) = std::env::var_os("STORIES_TOLD") else { return };
    let mut lines = format!("{many}\t{}\n", means.failover.name());
    for (story, need) in means.left_out() {
        lines.push_str(&format!("{}\t{}\n", need.lack(), story.name));
    }
    std::fs::write(file, lines).expect("the file for what was told");
}
