//! The one file that calls Envoy: bytes in, options out.
//!
//! Only the SDK's byte getters are used: the others panic on a header that is not UTF-8, and a
//! panic takes the worker's filter down. A host call that fails where it cannot matter (a header
//! that is gone, a property nobody reads) is left at that; none here can fail where it matters
//! without the request failing visibly.

use std::ops::Range;
use std::time::{Duration, UNIX_EPOCH};

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType, MetricType, Status};

use crate::breaker::CircuitId;
use crate::breaker::board::{self, Board, Record, Turn};
use crate::breaker::window::{self, Tally};
use crate::cleaning::{Change, Fields};
use crate::config::BreakerRule;
use crate::metrics::Kind;
use crate::reply::Reply;
use crate::status::activity::{self, Activity};
use crate::time::{Micros, Millis, Timestamp};

/// What the time is.
pub(super) fn now() -> Timestamp {
    moment().cut_off()
}

/// What the time is, in microseconds since the epoch.
pub(super) fn moment() -> Micros {
    let since = hostcalls::get_current_time().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    Micros(since.and_then(|since| u64::try_from(since.as_micros()).ok()).unwrap_or_default())
}

/// All headers of the request.
pub(super) fn request_headers() -> Vec<(String, Vec<u8>)> {
    hostcalls::get_map_bytes(MapType::HttpRequestHeaders).unwrap_or_default()
}

/// Removes all trailers of the request.
pub(super) fn drop_request_trailers() {
    let _ = hostcalls::set_map_bytes(MapType::HttpRequestTrailers, Vec::new());
}

/// A header of the request.
pub(super) fn request_header(name: &str) -> Option<Vec<u8>> {
    hostcalls::get_map_value_bytes(MapType::HttpRequestHeaders, name).ok().flatten()
}

/// A header of the answer.
pub(super) fn answer_header(name: &str) -> Option<Vec<u8>> {
    hostcalls::get_map_value_bytes(MapType::HttpResponseHeaders, name).ok().flatten()
}

/// All headers of the answer. What they are called is text: Envoy takes no other names.
pub(super) fn answer_headers() -> Fields {
    hostcalls::get_map_bytes(MapType::HttpResponseHeaders).unwrap_or_default()
}

/// All trailers of the answer, in the callback that has them.
pub(super) fn answer_trailers() -> Fields {
    hostcalls::get_map_bytes(MapType::HttpResponseTrailers).unwrap_or_default()
}

/// The status of the answer; 0 where it has none that can be read.
pub(super) fn answer_status() -> u16 {
    let status = answer_header(":status").unwrap_or_default();
    std::str::from_utf8(&status).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

pub(super) fn set_request_header(name: &str, value: &[u8]) {
    let _ = hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value));
}

pub(super) fn remove_request_header(name: &str) {
    let _ = hostcalls::remove_map_value(MapType::HttpRequestHeaders, name);
}

pub(super) fn set_answer_header(name: &str, value: &[u8]) {
    let _ = hostcalls::set_map_value_bytes(MapType::HttpResponseHeaders, name, Some(value));
}

pub(super) fn add_answer_header(name: &str, value: &str) {
    let _ = hostcalls::add_map_value_bytes(MapType::HttpResponseHeaders, name, value.as_bytes());
}

pub(super) fn remove_answer_header(name: &str) {
    let _ = hostcalls::remove_map_value(MapType::HttpResponseHeaders, name);
}

/// Changes the headers of the answer.
pub(super) fn change_answer(changes: &[Change]) {
    apply(MapType::HttpResponseHeaders, changes);
}

/// Changes the trailers of the answer, in the callback that has them.
pub(super) fn change_trailers(changes: &[Change]) {
    apply(MapType::HttpResponseTrailers, changes);
}

fn apply(map: MapType, changes: &[Change]) {
    for change in changes {
        let _ = match change {
            Change::Remove(name) => hostcalls::remove_map_value(map, name),
            Change::Set(name, value) => hostcalls::set_map_value_bytes(map, name, Some(value)),
            Change::Add(name, value) => hostcalls::add_map_value_bytes(map, name, value),
        };
    }
}

/// These bytes of the request's body, as far as they are there.
pub(super) fn request_body(place: Range<usize>) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::HttpRequestBody, place.start, place.len())
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// So many bytes of the answer's body from `start` on, as far as they are there.
pub(super) fn answer_body(start: usize, length: usize) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::HttpResponseBody, start, length)
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// Replaces these bytes of the part of the request's body that is passing.
///
/// Envoy can only replace the front of a buffer, so what stands before them is put there again:
/// little, unless all of a long body is there at once and its end changes. It is put there by a call
/// of its own, because to add to a vector of a megabyte costs as much as to copy it once more.
pub(super) fn replace_request_body(place: Range<usize>, with: &[u8]) {
    let front = if place.start == 0 { Vec::new() } else { request_body(0..place.start) };
    let _ = hostcalls::set_buffer(BufferType::HttpRequestBody, 0, place.end, with);
    if !front.is_empty() {
        let _ = hostcalls::set_buffer(BufferType::HttpRequestBody, 0, 0, &front);
    }
}

/// Adds bytes after the `length` bytes of the answer's body that are there.
pub(super) fn append_to_answer(length: usize, bytes: &[u8]) {
    let _ = hostcalls::set_buffer(BufferType::HttpResponseBody, length, 0, bytes);
}

/// Replaces the answer's body from `from` on, of which `length` bytes are there. As with requests,
/// what stands before is put there again: little, and only where a stream begins.
pub(super) fn replace_answer(from: usize, length: usize, with: &[u8]) {
    let mut all = if from == 0 { Vec::new() } else { answer_body(0, from) };
    all.extend_from_slice(with);
    let _ = hostcalls::set_buffer(BufferType::HttpResponseBody, 0, length, &all);
}

/// Has the answer go on from the seat whose callback runs, once the callback is over.
pub(super) fn resume_answer() {
    let _ = hostcalls::resume_http_response();
}

/// Has what follows in this callback be about the stream of another context, if it still is there.
pub(super) fn enter(context: u32) -> bool {
    hostcalls::set_effective_context(context).is_ok()
}

/// The same from another context, if it still is there.
pub(super) fn resume_answer_of(context: u32) {
    if enter(context) {
        resume_answer();
    }
}

/// The same, with this [`put`] into that context's stream before.
pub(super) fn resume_answer_with(context: u32, name: &str, value: &[u8]) {
    if enter(context) {
        put(name, value);
        resume_answer();
    }
}

/// Has the timer fire after each such span, on this worker; nothing: never.
pub(super) fn set_timer(period: Millis) {
    let _ = hostcalls::set_tick_period(Duration::from_millis(period.0));
}

/// Answers the client; the request goes nowhere.
pub(super) fn reply(reply: &Reply) {
    let headers = reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = Some(reply.body.as_slice()).filter(|body| !body.is_empty());
    let _ = hostcalls::send_http_response(u32::from(reply.status), headers, body);
}

/// Puts a value where the other seat, Envoy's router and its access log find it.
///
/// Envoy keeps it in the stream's filter state, with `wasm.` before the name.
pub(super) fn put(name: &str, value: &[u8]) {
    let _ = hostcalls::set_property(vec![name], Some(value));
}

/// What [`put`] has put there, in this seat or in the other.
pub(super) fn take(name: &str) -> Option<Vec<u8>> {
    hostcalls::get_property(vec![name]).ok().flatten()
}

/// Has what [`put`] puts there stay when Envoy redirects the request inside itself. Otherwise it
/// ends with the first run through the filters.
pub(super) fn keep_across_redirects(name: &str) {
    // `span` is field 5, in which 1 is the request's life.
    declare(name, [0x28, 1]);
}

/// Has what [`put`] puts there be text for Envoy's expressions, which read it in the access log.
/// Otherwise it is bytes, of which they can make no number.
pub(super) fn put_as_text(name: &str) {
    // `type` is field 3, in which 1 is a string.
    declare(name, [0x18, 1]);
}

/// Says what a property is like, before it is put somewhere for the first time. Each seat declares
/// those that it puts.
fn declare(name: &str, how: [u8; 2]) {
    // `DeclarePropertyArguments` in protobuf: `name` is field 1. One that is as short as ours has its
    // length in one byte.
    let Ok(length @ ..=127) = u8::try_from(name.len()) else { return };
    let arguments = [&[0x0a, length], name.as_bytes(), &how].concat();
    let _ = hostcalls::call_foreign_function("declare_property", Some(&arguments));
}

/// Has Envoy choose the route's cluster again: its first choice was made before the filter ran.
pub(super) fn choose_cluster_again() {
    let _ = hostcalls::call_foreign_function("clear_route_cache", None);
}

/// Whether the client's own connection is TLS.
pub(super) fn client_uses_tls() -> bool {
    let version = hostcalls::get_property(vec!["connection", "tls_version"]).ok().flatten();
    version.is_some_and(|version| !version.is_empty())
}

/// Whether this attempt ever had a connection to its backend.
pub(super) fn is_connected_upstream() -> bool {
    let address = hostcalls::get_property(vec!["upstream", "local_address"]).ok().flatten();
    address.is_some_and(|address| !address.is_empty())
}

/// What Envoy passed as the plugin's configuration.
pub(super) fn plugin_configuration() -> Vec<u8> {
    let configuration = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX);
    configuration.ok().flatten().unwrap_or_default()
}

/// The board that all workers share.
pub(super) fn board() -> Board {
    let (bytes, _) = hostcalls::get_shared_data(board::KEY).unwrap_or_default();
    Board::decode(&bytes.unwrap_or_default())
}

/// Makes sure that there is a board, and a window for each circuit whose answers are counted.
/// Compare-and-swap needs a value to compare with: on a key that was never written, two workers'
/// first writes would both be unconditional, and one be lost. Envoy configures the filter on its
/// main thread before any worker serves, so nobody races here.
pub(super) fn lay_out(counted: impl Iterator<Item = CircuitId>) {
    let lay = |key: &str, value: &[u8]| {
        if matches!(hostcalls::get_shared_data(key), Ok((None, None))) {
            let _ = hostcalls::set_shared_data(key, Some(value), None);
        }
    };
    lay(board::KEY, &Board::default().encode(now()));
    lay(activity::KEY, &Activity::default().encode());
    for circuit in counted {
        lay(&window::key(circuit), &[]);
    }
}

/// Puts a record on the board. Tells whether that changed it.
pub(super) fn record(record: &Record) -> bool {
    record_and_tell(record).0
}

/// Puts a record on the board. Tells whether that changed it, and what became of the circuit.
pub(super) fn record_and_tell(record: &Record) -> (bool, Option<Turn>) {
    let mut turn = None;
    let changed = change(board::KEY, |bytes| {
        let changed = board::with(bytes, record)?;
        turn = changed.turn;
        Some(changed.bytes)
    });
    (changed, turn.filter(|_| changed))
}

/// Defines a metric, or finds the one that has been defined by this name.
pub(super) fn define_metric(kind: Kind, name: &str) -> Option<u32> {
    let kind = match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram(_) => MetricType::Histogram,
    };
    hostcalls::define_metric(kind, name).ok()
}

/// Adds to a counter.
pub(super) fn increment_metric(id: u32, by: u64) {
    let _ = hostcalls::increment_metric(id, i64::try_from(by).unwrap_or(i64::MAX));
}

/// Moves a gauge, up or down.
pub(super) fn move_gauge(id: u32, by: i64) {
    let _ = hostcalls::increment_metric(id, by);
}

/// Where a gauge is, by all workers.
pub(super) fn gauge(id: u32) -> Option<u64> {
    hostcalls::get_metric(id).ok()
}

/// Sets a gauge, or puts a value into a histogram.
pub(super) fn record_metric(id: u32, value: u64) {
    let _ = hostcalls::record_metric(id, value);
}

/// Counts answers. Tells whether too many of them have failed.
pub(super) fn count(circuit: CircuitId, tally: Tally, rule: &BreakerRule) -> bool {
    let now = now();
    let mut too_many = false;
    let counted = change(&window::key(circuit), |bytes| {
        let (changed, over) = window::with(bytes, tally, rule, now);
        too_many = over;
        Some(changed)
    });
    counted && too_many
}

/// What was counted by all workers.
pub(super) fn activity() -> Activity {
    let (bytes, _) = hostcalls::get_shared_data(activity::KEY).unwrap_or_default();
    Activity::decode(&bytes.unwrap_or_default())
}

/// Adds what this worker has counted. Tells whether that worked.
pub(super) fn hand_in(seen: &Activity) -> bool {
    let now = now();
    change(activity::KEY, |bytes| Some(activity::with(bytes, seen, now)))
}

/// Any number.
pub(super) fn draw() -> u64 {
    getrandom::u64().unwrap_or_default()
}

/// Changes a value that all workers share, and again the newer one where another worker was
/// faster. Tells whether it was changed; `None` from `to` leaves it as it is.
fn change(key: &str, mut to: impl FnMut(&[u8]) -> Option<Vec<u8>>) -> bool {
    for _ in 0..MOST_TRIES {
        let (bytes, cas) = hostcalls::get_shared_data(key).unwrap_or_default();
        let Some(changed) = to(&bytes.unwrap_or_default()) else { return false };
        match hostcalls::set_shared_data(key, Some(&changed), cas) {
            Err(Status::CasMismatch) => {}
            result => return result.is_ok(),
        }
    }
    log::warn!("`{key}` was busy {MOST_TRIES} times; an observation was dropped");
    false
}

/// Each time it fails, another worker has written: as many in a row do not happen by contention.
const MOST_TRIES: u32 = 1000;
