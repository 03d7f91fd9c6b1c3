//! Gateways, regions and clients in virtual time: how a pool would be used, before it is.
//!
//! Several gateways share nothing: each learns from its own first 429. Whether they use what is
//! paid for all the same, and what happens when a region comes back to a hundred of them at once,
//! cannot be told from one gateway's rules. So it is played: the filters of each gateway and worker, on
//! the model of Envoy ([`spillway_model`]), before regions that meter as Azure does ([`limit`]), for clients that do as
//! the SDKs do ([`client`]).
//!
//! Nothing is decided here that the filters decide. Time is the [`agenda`]'s and chance comes from a seed, so a run is the same
//! every time, everywhere, and takes seconds for an hour.
//!
//! | question | file |
//! |---|---|
//! | what is played? | `plan.rs` |
//! | what comes next? | `agenda.rs`, `play.rs` |
//! | when do clients call, and call again? | `client.rs` |
//! | what does a region say? | `region.rs`, `limit.rs` |
//! | what came of it, and what could have? | `record.rs`, `ideal.rs`, `figures.rs` |

mod agenda;
mod client;
mod ending;
pub mod figures;
mod ideal;
pub mod limit;
pub mod plan;
mod play;
pub mod record;
mod region;

pub use figures::{Figures, figures};
pub use limit::Metering;
pub use plan::Plan;
pub use play::{CLIENT_KEY, play};
pub use record::Record;
