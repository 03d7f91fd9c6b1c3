//! One clock for backend and clients, which are one process: so a chunk's way can be timed.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Since the first call.
pub(crate) fn now() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
