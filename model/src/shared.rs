//! What every worker shares: the clock, shared data, what is counted, and chance.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::SystemTime;

/// The clock that everyone looks at.
pub type Clock = Rc<Cell<SystemTime>>;

/// What every worker shares and no reload clears: the host's shared data.
pub type Shared = Rc<RefCell<SharedData>>;

/// Values by key, each with the number of its last change.
#[derive(Debug, Default)]
pub struct SharedData {
    values: BTreeMap<String, (Vec<u8>, u32)>,
    changes: u32,
    /// What everyone draws who asks for chance.
    pub draw: Draw,
    /// What was counted, by the names under which Envoy keeps it: sums of counters, values of gauges,
    /// numbers of values in histograms.
    pub counted: BTreeMap<String, u64>,
    /// How often each reason of the gateway's own answers was counted when it was last asked for.
    rejections: BTreeMap<String, u64>,
}

/// Where chance comes from.
pub struct Draw(Box<dyn FnMut() -> u64>);

impl Draw {
    /// Chance that draws these numbers.
    pub fn from(next: impl FnMut() -> u64 + 'static) -> Self {
        Self(Box::new(next))
    }

    /// Chance that always draws this one.
    pub fn always(number: u64) -> Self {
        Self::from(move || number)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        (self.0)()
    }
}

impl Default for Draw {
    fn default() -> Self {
        Self::always(0)
    }
}

impl fmt::Debug for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Draw")
    }
}

impl SharedData {
    /// The value and the number of its last change.
    pub fn get(&self, key: &str) -> Option<&(Vec<u8>, u32)> {
        self.values.get(key)
    }

    /// Sets a value; with a `cas` other than 0 only where its last change has that number, or
    /// where there is no value: then every write is unconditional. Returns whether it was set.
    pub fn set(&mut self, key: &str, value: &[u8], cas: u32) -> bool {
        if self.values.get(key).is_some_and(|(_, last)| cas != 0 && cas != *last) {
            return false;
        }
        self.changes += 1;
        self.values.insert(key.to_owned(), (value.to_vec(), self.changes));
        true
    }

    /// Why the gateway answered by itself, if it has since this was last asked: read off what it counts
    /// for operators.
    pub fn rejected(&mut self) -> Option<String> {
        let all = self.counted.range(REJECTIONS.to_owned()..);
        let grown = all.take_while(|(name, _)| name.starts_with(REJECTIONS));
        let known = |name: &str| self.rejections.get(name).copied().unwrap_or_default();
        let (name, amount) = grown.into_iter().find(|(name, amount)| **amount > known(name))?;
        self.rejections.insert(name.clone(), *amount);
        Some(name.strip_prefix(REJECTIONS)?.trim_end_matches(';').to_owned())
    }
}

/// How the name of such a counter begins.
const REJECTIONS: &str = "spillway_rejections_total.reason=";
