//! The host that a WebAssembly VM in Envoy is: host calls, bytes in, options out.
//!
//! Only the SDK's byte getters are used: the others panic on a header that is not UTF-8, and a
//! panic takes the worker's filter down. A host call that fails where it cannot matter (a header
//! that is gone, a property nobody reads) is left at that; none here can fail where it matters
//! without the request failing visibly.

mod entry;

use std::ops::Range;
use std::time::{Duration, UNIX_EPOCH};

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType, MetricType, Status};

use super::{
    Body, Chance, Clock, Declaration, Map, Metrics, Plugin, Set, Store, Stream, StreamId, Timer,
    Version,
};
use crate::cleaning::Fields;
use crate::exchange::attempt_list;
use crate::metrics::Kind;
use crate::time::{Micros, Millis};

/// The VM's host.
#[derive(Debug)]
struct Wasm;

impl Stream for Wasm {
    fn headers(&self, map: Map) -> Fields {
        hostcalls::get_map_bytes(map.into()).unwrap_or_default()
    }

    fn header(&self, map: Map, name: &str) -> Option<Vec<u8>> {
        hostcalls::get_map_value_bytes(map.into(), name).ok().flatten()
    }

    fn set_header(&self, map: Map, name: &str, value: &[u8]) {
        let _ = hostcalls::set_map_value_bytes(map.into(), name, Some(value));
    }

    fn add_header(&self, map: Map, name: &str, value: &[u8]) {
        let _ = hostcalls::add_map_value_bytes(map.into(), name, value);
    }

    fn remove_header(&self, map: Map, name: &str) {
        let _ = hostcalls::remove_map_value(map.into(), name);
    }

    fn remove_headers(&self, map: Map) {
        let _ = hostcalls::set_map_bytes(map.into(), Vec::new());
    }

    fn body(&self, body: Body, place: Range<usize>) -> Vec<u8> {
        let bytes = hostcalls::get_buffer(body.into(), place.start, place.len());
        bytes.ok().flatten().unwrap_or_default()
    }

    /// Envoy can only replace the front of a buffer, or add to its end. So what stands before is put
    /// there again: little, unless all of a long body is there at once and its end changes. It is put
    /// there by a call of its own, because to add to a vector of a megabyte costs as much as to copy
    /// it once more.
    fn replace_body(&self, body: Body, place: Range<usize>, with: &[u8]) {
        if place.is_empty() && body == Body::Response {
            let _ = hostcalls::set_buffer(body.into(), place.start, 0, with);
            return;
        }
        let front = if place.start == 0 { Vec::new() } else { self.body(body, 0..place.start) };
        let _ = hostcalls::set_buffer(body.into(), 0, place.end, with);
        if !front.is_empty() {
            let _ = hostcalls::set_buffer(body.into(), 0, 0, &front);
        }
    }

    fn state(&self, name: &str) -> Option<Vec<u8>> {
        property(vec![name])
    }

    /// Envoy keeps it in the stream's filter state, with `wasm.` before the name.
    fn set_state(&self, name: &str, value: &[u8]) {
        let _ = hostcalls::set_property(vec![name], Some(value));
    }

    fn reply(&self, status: u16, headers: &[(&'static str, String)], body: &[u8]) {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = Some(body).filter(|body| !body.is_empty());
        let _ = hostcalls::send_http_response(u32::from(status), headers, body);
    }

    /// The route's first choice of a cluster was made before the filter ran.
    fn clear_route_cache(&self) {
        let _ = hostcalls::call_foreign_function("clear_route_cache", None);
    }

    fn client_uses_tls(&self) -> bool {
        property(vec!["connection", "tls_version"]).is_some_and(|version| !version.is_empty())
    }

    fn connection(&self) -> Option<Vec<u8>> {
        property(vec!["upstream", "local_address"]).filter(|address| !address.is_empty())
    }

    fn enter(&self, stream: StreamId) -> bool {
        hostcalls::set_effective_context(stream.0).is_ok()
    }

    /// Once the callback is over.
    fn resume_response(&self) {
        let _ = hostcalls::resume_http_response();
    }

    /// Once the callback is over, and after what is resumed in it.
    fn end_response(&self) {
        let _ = hostcalls::reset_http_response();
    }
}

impl Store for Wasm {
    fn get(&self, key: &str) -> (Vec<u8>, Version) {
        let (bytes, version) = hostcalls::get_shared_data(key).unwrap_or_default();
        (bytes.unwrap_or_default(), version)
    }

    fn set(&self, key: &str, value: &[u8], version: Version) -> Set {
        match hostcalls::set_shared_data(key, Some(value), version) {
            Ok(()) => Set::Done,
            Err(Status::CasMismatch) => Set::Conflict,
            Err(_) => Set::Refused,
        }
    }
}

impl Clock for Wasm {
    fn moment(&self) -> Micros {
        let now = hostcalls::get_current_time().ok();
        let since = now.and_then(|now| now.duration_since(UNIX_EPOCH).ok());
        Micros(since.and_then(|since| u64::try_from(since.as_micros()).ok()).unwrap_or_default())
    }
}

impl Chance for Wasm {
    fn draw(&self) -> u64 {
        getrandom::u64().unwrap_or_default()
    }
}

impl Metrics for Wasm {
    fn define(&self, kind: Kind, name: &str) -> Option<u32> {
        let kind = match kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram(_) => MetricType::Histogram,
        };
        hostcalls::define_metric(kind, name).ok()
    }

    fn increment(&self, id: u32, by: u64) {
        let _ = hostcalls::increment_metric(id, i64::try_from(by).unwrap_or(i64::MAX));
    }

    fn move_gauge(&self, id: u32, by: i64) {
        let _ = hostcalls::increment_metric(id, by);
    }

    fn record(&self, id: u32, value: u64) {
        let _ = hostcalls::record_metric(id, value);
    }

    fn value(&self, id: u32) -> Option<u64> {
        hostcalls::get_metric(id).ok()
    }
}

impl Timer for Wasm {
    fn set_timer(&self, period: Millis) {
        let _ = hostcalls::set_tick_period(Duration::from_millis(period.0));
    }
}

impl Plugin for Wasm {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    /// `DeclarePropertyArguments` in protobuf: `name` is field 1. One that is as short as ours has its
    /// length in one byte. Each filter declares those that it sets.
    fn declare(&self, name: &str, how: Declaration) {
        let Ok(length @ ..=127) = u8::try_from(name.len()) else { return };
        let how = match how {
            // `span` is field 5, in which 1 is the request's life.
            Declaration::Lasting => vec![0x28, 1],
            // `type` is field 3, in which 1 is a string, and 3 a message of the type that field 4 says.
            Declaration::Text => vec![0x18, 1],
            Declaration::List => {
                let Ok(length @ ..=127) = u8::try_from(attempt_list::MESSAGE.len()) else { return };
                [&[0x18, 3, 0x22, length], attempt_list::MESSAGE.as_bytes()].concat()
            }
        };
        let arguments = [&[0x0a, length], name.as_bytes(), &how].concat();
        let _ = hostcalls::call_foreign_function("declare_property", Some(&arguments));
    }
}

fn property(path: Vec<&str>) -> Option<Vec<u8>> {
    hostcalls::get_property(path).ok().flatten()
}

impl From<Map> for MapType {
    fn from(map: Map) -> Self {
        match map {
            Map::Request => Self::HttpRequestHeaders,
            Map::RequestTrailers => Self::HttpRequestTrailers,
            Map::Response => Self::HttpResponseHeaders,
            Map::ResponseTrailers => Self::HttpResponseTrailers,
        }
    }
}

impl From<Body> for BufferType {
    fn from(body: Body) -> Self {
        match body {
            Body::Request => Self::HttpRequestBody,
            Body::Response => Self::HttpResponseBody,
        }
    }
}
