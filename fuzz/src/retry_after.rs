//! Headers that may announce a time, from bytes of any kind.

use spillway::breaker::{Admission, Circuit, FailureKind, RequestMark};
use spillway::config::BreakerRule;
use spillway::retry_after::RetryAfter;
use spillway::time::{Millis, Timestamp};

const NOW: Timestamp = Timestamp(1_795_165_200_000);

/// Reads the four headers from lines. What they announce opens a circuit for some time, and never
/// for longer than the rule says.
pub fn run(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
    let retry_after = RetryAfter {
        retry_after_ms: lines.next(),
        retry_after: lines.next(),
        reset_requests: lines.next(),
        reset_tokens: lines.next(),
        remaining_requests: lines.next(),
        remaining_tokens: lines.next(),
    };
    let wait = retry_after.wait(NOW.into());
    assert_ne!(wait, Some(Millis(0)), "no time at all is no announcement");

    let rule = BreakerRule::default();
    let mut circuit = Circuit::default();
    circuit.record(FailureKind::Throttled(wait), RequestMark::UNKNOWN, &rule, NOW, 0);
    let Admission::Shut(until, _) = circuit.admission(&rule, NOW) else { panic!("it is open") };
    assert!(until > NOW && until <= NOW + rule.max_trip.max(rule.trip), "{until:?}");
    assert_eq!(circuit.admission(&rule, until), Admission::Closed);
}
