//! Positions in the configuration's lists, each kind a type of its own.
//!
//! A position of a model cannot be taken for one of a backend, and what it is a position in is looked
//! up with [`Id::of`]. The lists are in the order of their names wherever a file is read (see
//! [`super::Config`]), so an id means the same in the command and in the filter.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// The position of a `T` in the configuration's list of them.
pub struct Id<T> {
    position: usize,
    of: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// The id of what stands at this position.
    pub const fn at(position: usize) -> Self {
        Self { position, of: PhantomData }
    }

    /// Its position, for lists that run beside the configuration's.
    pub const fn position(self) -> usize {
        self.position
    }

    /// What it is the id of; `None`: these are not the list that it was made for.
    pub fn of(self, all: &[T]) -> Option<&T> {
        all.get(self.position)
    }

    /// All of a list, with their ids.
    pub fn each(all: &[T]) -> impl DoubleEndedIterator<Item = (Self, &T)> + Clone {
        all.iter().enumerate().map(|(position, one)| (Self::at(position), one))
    }
}

// What is derived would ask the same of `T`.
impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.position == other.position
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.position.cmp(&other.position)
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.position.hash(state);
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.position)
    }
}
