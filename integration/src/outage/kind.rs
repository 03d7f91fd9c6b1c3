//! The kinds of faults: every way in which a backend fails.

use serde_json::json;
use spillway_simulator::{Fault, Reset, RetryAfter, Stall};

/// What a backend does.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// It answers.
    Fair,
    /// It answers 429 and says when to come back.
    Throttles(RetryAfter),
    /// It answers with this status.
    Fails(u16),
    /// It breaks connections instead of answering.
    Resets,
    /// It takes requests and does not answer.
    Stalls,
    /// It breaks all of its connections and refuses new ones.
    Dies,
    /// It does not speak HTTP.
    Junk,
    /// It breaks the connection in the middle of the answer's head.
    HalfAHead,
    /// It shows another certificate than the right one.
    Certificate(Wrong),
    /// Its streams begin with an error, though their status is 200.
    ErrorFirst,
    /// Its streams begin with something that is not JSON.
    NotJson,
    /// Its streams end before they begin.
    EmptyStream,
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Nobody trusts who signed it.
    Stranger,
    /// It is no longer valid.
    Expired,
    /// It is for another host.
    Misnamed,
}

impl Kind {
    /// What every backend can do.
    pub fn everywhere() -> Vec<Self> {
        let mut all = vec![Self::Fair, Self::Resets, Self::Stalls, Self::Dies];
        all.extend(
            [
                RetryAfter::Millis(200),
                RetryAfter::Seconds(1),
                RetryAfter::DateInSeconds(2),
                RetryAfter::None,
                RetryAfter::Seconds(A_DAY),
            ]
            .map(Self::Throttles),
        );
        all.extend([401, 408, 500, 502, 503, 504].map(Self::Fails));
        if STREAMS_THAT_BEGIN_BADLY_FAIL_OVER {
            all.extend([Self::ErrorFirst, Self::NotJson, Self::EmptyStream]);
        }
        all
    }

    /// What a backend behind a door can do besides.
    pub fn behind_a_door() -> Vec<Self> {
        vec![Self::Junk, Self::HalfAHead]
    }

    /// What a backend over TLS can do besides.
    pub fn over_tls() -> Vec<Self> {
        [Wrong::Stranger, Wrong::Expired, Wrong::Misnamed].map(Self::Certificate).into()
    }

    /// Whether only a stream can go wrong in this way.
    pub(crate) const fn is_of_streams(&self) -> bool {
        matches!(self, Self::ErrorFirst | Self::NotJson | Self::EmptyStream)
    }

    /// What the simulator does for it; nothing where the socket does it.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let events = |text: &str| Fault {
            status: Some(200),
            body: Some(json!(text)),
            headers: [("content-type".to_owned(), "text/event-stream".to_owned())].into(),
            ..Fault::default()
        };
        let fault = match self {
            Self::Throttles(wait) => Fault::too_many_requests(wait.clone()),
            Self::Fails(status) => Fault::status(*status),
            Self::Resets => Fault::reset(Reset::BeforeHeaders),
            Self::Stalls => Fault::stall(Stall::BeforeHeaders),
            Self::ErrorFirst => Fault { error_event_first: true, ..Fault::default() },
            Self::NotJson => events("data: <html>Bad Gateway</html>\n\n"),
            Self::EmptyStream => events(""),
            _ => return None,
        };
        Some(fault.forever())
    }
}

/// Whether the gateway looks at how a 200 event stream begins before it lets the client see it.
const STREAMS_THAT_BEGIN_BADLY_FAIL_OVER: bool = true;

/// In seconds: what some throttled deployments announce. `max_trip` caps it.
pub const A_DAY: u64 = 86_400;
