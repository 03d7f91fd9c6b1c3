//! What a walk through a body has found, by its places.

use std::ops::Range;

/// What was found: places in the text, texts with their quotes.
#[derive(Debug)]
pub(super) struct Found {
    /// What names the model of the request.
    pub(super) model: Option<Range<usize>>,
    /// What stands in the other places.
    pub(super) others: Vec<Range<usize>>,
    /// The properties of the outermost object that were asked for.
    pub(super) properties: [Place; MOST_MEMBERS],
    /// The first thing that can be read in two ways, as a sentence.
    pub(super) ambiguous: Option<String>,
}

/// Where a property stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere.
    #[default]
    Missing,
    /// Its value stands here.
    Once(Range<usize>),
    /// It is there more than once.
    Again,
}

/// What a value is asked for as.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    /// The model of the request.
    Model,
    /// Another place, by its position among those found.
    Other(usize),
    /// A property of the outermost object, by its position among those asked for.
    Property(usize),
}

impl Found {
    /// Nothing yet.
    pub(super) const fn new() -> Self {
        Self {
            model: None,
            others: Vec::new(),
            properties: [const { Place::Missing }; MOST_MEMBERS],
            ambiguous: None,
        }
    }

    /// It can be read in two ways.
    pub(super) fn refuse(&mut self, why: String) {
        self.ambiguous.get_or_insert(why);
    }

    /// A value that was asked for begins here.
    pub(super) fn begins(&mut self, wanted: Wanted, at: usize) {
        match wanted {
            Wanted::Model => {
                if self.model.replace(at..at).is_some() {
                    self.refuse("the request body names its model twice".to_owned());
                }
            }
            Wanted::Other(_) => self.others.push(at..at),
            Wanted::Property(index) => {
                if let Some(property) = self.properties.get_mut(index) {
                    let first = *property == Place::Missing;
                    *property = if first { Place::Once(at..at) } else { Place::Again };
                }
            }
        }
    }

    /// It ends here.
    pub(super) fn ends(&mut self, wanted: Wanted, at: usize) {
        let place = match wanted {
            Wanted::Model => self.model.as_mut(),
            Wanted::Other(index) => self.others.get_mut(index),
            Wanted::Property(index) => match self.properties.get_mut(index) {
                Some(Place::Once(place)) => Some(place),
                _ => None,
            },
        };
        if let Some(place) = place {
            place.end = at;
        }
    }
}

/// So many properties can be asked for.
const MOST_MEMBERS: usize = 4;
