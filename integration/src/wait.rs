//! Waiting: for something to become true, or for time itself.

use std::time::{Duration, Instant};

/// Asks again and again until there is an answer; fails the test after half a minute, which a
/// busy machine may need.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONGEST;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {LONGEST:?} in vain for {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Lets time pass. Only where a window or a trip time has to end, which nothing can be asked for.
pub async fn time_passes(span: Duration) {
    tokio::time::sleep(span).await;
}

const LONGEST: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);
