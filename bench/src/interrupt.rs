//! Ctrl-C and SIGTERM: the run ends where it is, and takes the gateways with it.
//!
//! A signal only sets a flag. Whoever waits looks at it, returns an error, and what was started is
//! ended where it is dropped. A second signal ends the process at once; the gateways then get a
//! signal from the kernel (see [`crate::process`]).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

/// Listens for both signals from now on.
pub(crate) fn listen() -> std::io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag not set.
        signal_hook::flag::register_conditional_default(signal, flag().clone())?;
        signal_hook::flag::register(signal, flag().clone())?;
    }
    Ok(())
}

/// An error once there was a signal.
pub(crate) fn check() -> anyhow::Result<()> {
    anyhow::ensure!(!flag().load(Ordering::Relaxed), "interrupted: nothing is written");
    Ok(())
}

/// Resolves once there was a signal.
pub(crate) async fn interrupted() {
    while !flag().load(Ordering::Relaxed) {
        tokio::time::sleep(LOOK).await;
    }
}

fn flag() -> &'static Arc<AtomicBool> {
    static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    FLAG.get_or_init(Arc::default)
}

const LOOK: Duration = Duration::from_millis(50);
