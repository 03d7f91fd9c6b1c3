//! Outages: every way in which a backend fails, and a backend that can fail in each of them.
//!
//! The chaos suite plays them by chance and asks what clients see; the test of the alerts plays them
//! one by one and asks what operators are told. Both take the kinds from [`Kind`], so that a kind
//! that one of them learns the other must know as well.

mod backend;
mod door;
mod kind;

pub use backend::Backend;
pub use kind::{A_DAY, Kind, Wrong};
