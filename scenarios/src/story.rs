//! A story: what is given, what happens, what is expected.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

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

/// Tells the stories on a stage that can do all but `cannot`, so many `at_once`, and says at the
/// end which failed. `STORY=words` in the environment tells only those whose name holds the words.
pub fn tell_all(cannot: &[Need], at_once: usize, set: impl Fn(&Story) -> Box<dyn Stage> + Sync) {
    let wanted = std::env::var("STORY").unwrap_or_default();
    let possible = |story: &&Story| !story.needs.iter().any(|need| cannot.contains(need));
    let stories = crate::stories::all().iter().filter(possible);
    let stories: Vec<_> = stories.filter(|story| story.name.contains(&wanted)).collect();
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
        let tellers: Vec<_> = (0..at_once).map(|_| scope.spawn(some)).collect();
        tellers.into_iter().flat_map(|teller| teller.join().unwrap_or_default()).collect()
    });
    let (few, many) = (failed.len(), stories.len());
    assert!(failed.is_empty(), "{few} of {many} stories failed:\n  {}", failed.join("\n  "));
}
