//! Faults on demand, in order.
//!
//! A test says which failure it wants, how often and for which deployment; the
//! region plays it and then behaves again. A [`Script`] is a list of faults, each
//! used as often as it says. For each request the first fault that matches is taken,
//! so faults for different deployments do not block each other.
//!
//! In JSON, sent to `/_sim/script` or in the request header `x-sim-fault`, a script
//! is a list of faults or a single one.

use std::collections::VecDeque;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::fault::{Fault, Times};

/// Faults in the order in which they are used up.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Script(pub Vec<Fault>);

/// The faults still to come.
#[derive(Debug, Default)]
pub(crate) struct Queue(VecDeque<Fault>);

// === impl Script ===

impl Script {
    /// The faults one after the other.
    pub fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self(faults.into_iter().collect())
    }

    /// The first fault that applies, without using it up.
    pub(crate) fn first_for(self, region: &str, deployment: Option<&str>) -> Option<Fault> {
        self.0.into_iter().find(|fault| fault.matches(region, deployment))
    }
}

impl From<Fault> for Script {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl<'de> Deserialize<'de> for Script {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not an untagged enum: that would hide which field is wrong.
        let value = Value::deserialize(deserializer)?;
        let faults = if value.is_array() {
            serde_json::from_value(value)
        } else {
            serde_json::from_value(value).map(|fault| vec![fault])
        };
        faults.map(Self).map_err(D::Error::custom)
    }
}

// === impl Queue ===

impl Queue {
    pub(crate) fn new(script: Script) -> Self {
        Self(script.0.into())
    }

    /// The fault for this request, one use of it spent.
    pub(crate) fn take(&mut self, region: &str, deployment: Option<&str>) -> Option<Fault> {
        self.0.retain(|fault| fault.times != Times::Count(0));
        let fault = self.0.iter_mut().find(|fault| fault.matches(region, deployment))?;
        if let Times::Count(left) = &mut fault.times {
            *left = left.saturating_sub(1);
        }
        Some(fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Reset, RetryAfter};

    const REGION: &str = "eastus";

    fn parse(json: &str) -> Script {
        serde_json::from_str(json).unwrap()
    }

    fn statuses(queue: &mut Queue, deployment: &str, count: usize) -> Vec<Option<u16>> {
        (0..count).map(|_| queue.take(REGION, Some(deployment))?.status).collect()
    }

    #[test]
    fn faults_are_used_up_in_order() {
        let mut queue = Queue::new(parse(r#"[{"status":429,"times":2},{"status":503}]"#));
        assert_eq!(statuses(&mut queue, "any", 4), [Some(429), Some(429), Some(503), None]);
    }

    #[test]
    fn forever_never_ends() {
        let mut queue = Queue::new(parse(r#"{"status":500,"times":"forever"}"#));
        assert_eq!(statuses(&mut queue, "any", 50), [Some(500); 50]);
    }

    #[test]
    fn a_fault_for_one_deployment_does_not_block_another() {
        let mut queue = Queue::new(parse(
            r#"[{"status":429,"deployment":"a"},{"status":503,"deployment":"b"}]"#,
        ));
        assert_eq!(statuses(&mut queue, "b", 1), [Some(503)]);
        assert_eq!(statuses(&mut queue, "a", 2), [Some(429), None]);
    }

    #[test]
    fn a_fault_for_another_region_is_passed_over() {
        let script = parse(r#"[{"status":429,"region":"westus"},{"status":503}]"#);
        assert_eq!(script.first_for(REGION, None).unwrap().status, Some(503));
    }

    #[test]
    fn every_way_to_tell_the_wait_is_read() {
        for (json, wanted) in [
            (r#"{"seconds":3}"#, RetryAfter::Seconds(3)),
            (r#"{"millis":300}"#, RetryAfter::Millis(300)),
            (r#"{"date_in_seconds":5}"#, RetryAfter::DateInSeconds(5)),
            (r#"{"decimal":1.5}"#, RetryAfter::Decimal(1.5)),
            (r#"{"ratelimit_reset":7}"#, RetryAfter::RatelimitReset(7)),
            (r#"{"raw":"soon"}"#, RetryAfter::Raw("soon".into())),
            (r#""none""#, RetryAfter::None),
        ] {
            let script = parse(&format!(r#"{{"retry_after":{json}}}"#));
            assert_eq!(script.0[0].retry_after, Some(wanted));
        }
    }

    #[test]
    fn rust_and_json_forms_agree() {
        let script = Script::from(Fault::reset(Reset::MidStream).times(3).on("gpt-4o"));
        let json = serde_json::to_string(&script).unwrap();
        assert_eq!(parse(&json), script);
    }

    #[test]
    fn a_wrong_field_is_named() {
        let problem = serde_json::from_str::<Script>(r#"{"stauts":429}"#).unwrap_err();
        assert!(problem.to_string().contains("stauts"), "{problem}");
    }
}
