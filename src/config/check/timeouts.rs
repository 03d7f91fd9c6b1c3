//! Reads `timeouts` and `first_event`, each field in place of what holds otherwise.

use super::read_size_above_zero;
use crate::config::read::{Node, Reader};
use crate::config::{FirstEvent, Timeouts};
use crate::time::Millis;

/// The file's time-outs, or a model's in place of the file's.
pub(super) fn read_timeouts(
    node: Option<&Node<'_>>,
    otherwise: &Timeouts,
    reader: &mut Reader,
) -> Timeouts {
    let mut timeouts = otherwise.clone();
    let Some(fields) = node.and_then(|node| node.fields(reader)) else { return timeouts };
    let mut read = |name: &str| fields.get(name).and_then(|node| node.duration(reader));
    timeouts.connect = read("connect").unwrap_or(timeouts.connect);
    timeouts.first_byte = read("first_byte").unwrap_or(timeouts.first_byte);
    timeouts.per_try = read("per_try").or(timeouts.per_try);
    timeouts.stream_idle = read("stream_idle").unwrap_or(timeouts.stream_idle);
    let body = read("request_body").map(|time| time.min(LONGEST_HOLD));
    timeouts.request_body = body.unwrap_or(timeouts.request_body);
    timeouts.request = read("request").or(timeouts.request);
    timeouts.drain = read("drain").unwrap_or(timeouts.drain);
    timeouts
}

/// The file's rule, or a model's in place of the file's.
pub(super) fn read_first_event(
    node: Option<&Node<'_>>,
    otherwise: &FirstEvent,
    reader: &mut Reader,
) -> FirstEvent {
    let mut rule = otherwise.clone();
    let Some(fields) = node.and_then(|node| node.fields(reader)) else { return rule };
    let time = fields.get("time").and_then(|node| node.duration(reader));
    rule.time = time.map_or(rule.time, |time| time.min(LONGEST_HOLD));
    let size = fields.get("size").and_then(|node| read_size_above_zero(&node, reader));
    rule.size = size.unwrap_or(rule.size);
    rule
}

/// The timer counts milliseconds in 32 bits.
const LONGEST_HOLD: Millis = Millis::from_secs(24 * 3600);
