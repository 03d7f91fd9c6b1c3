//! Waiting to the microsecond. The runtime's own timer has ticks of a millisecond, which is more
//! than what is measured.

use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::clock;

/// Tells when each of so many requests is due, at this rate; ends after the last.
pub(super) fn ticks(requests: u32, per_second: f64) -> UnboundedReceiver<Duration> {
    let (sender, receiver) = unbounded_channel();
    let start = clock::now() + AHEAD;
    thread::spawn(move || {
        for number in 0..requests {
            let due = start + Duration::from_secs_f64(f64::from(number) / per_second);
            wait_for(due);
            if sender.send(due).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The kernel may wake a thread this late, so the rest is spent awake.
fn wait_for(due: Duration) {
    if let Some(rest) = due.checked_sub(clock::now() + SLACK) {
        thread::sleep(rest);
    }
    while clock::now() < due {
        std::hint::spin_loop();
    }
}

const AHEAD: Duration = Duration::from_millis(5);
const SLACK: Duration = Duration::from_micros(80);
