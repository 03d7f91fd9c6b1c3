//! The names of one object, compared as the most generous readers compare them.

use std::collections::BTreeSet;

use super::fold::{folded, folds};
use super::found::Found;
use super::places::{Step, Way};

/// The names of one object.
#[derive(Debug)]
pub(super) struct Names {
    ways: Vec<Way>,
    /// Those on a way that were there.
    seen: Vec<&'static str>,
    /// All, folded, where a way leads to each.
    all: BTreeSet<String>,
}

impl Names {
    pub(super) const fn new(ways: Vec<Way>) -> Self {
        Self { ways, seen: Vec::new(), all: BTreeSet::new() }
    }

    /// The ways that lead on from the property of this name.
    pub(super) fn next(&mut self, name: &str, found: &mut Found) -> Vec<Way> {
        let (mut ways, mut here, mut any) = (Vec::new(), None, false);
        for way in &self.ways {
            let (step, next) = way.step();
            match step {
                Step::Name(known) if known == name => {
                    here = Some((known, next));
                    ways.push(next);
                }
                Step::Name(known) if folds(known, name) => found.refuse(format!(
                    "some servers read a property of the request body as `{known}` that is not \
                     written so; write `{known}`"
                )),
                Step::AnyName => {
                    any = true;
                    ways.push(next);
                }
                Step::Name(_) | Step::Each => {}
            }
        }
        if let Some((known, next)) = here {
            if self.seen.contains(&known) {
                let names = next.is_model && next.has_ended();
                let verb = if names { "names" } else { "has" };
                found.refuse(format!("the request body {verb} `{known}` twice"));
            }
            self.seen.push(known);
        }
        if any && !self.all.insert(folded(name).collect()) {
            found.refuse("an object in the request body names one property twice".to_owned());
        }
        ways
    }
}
