//! The requests under way on a worker.
//!
//! Both filters of a worker run in one VM and on one thread, so a request's state stays in memory
//! and only its [`RequestHandle`] travels from filter to filter, through the stream's filter state.
//! That is one small property instead of a serialised state for each attempt.
//!
//! A handle names the VM that issued it: after a reload, what is left of older requests must not
//! be taken for a new one in the same slot.

use std::rc::Rc;

use super::instance::Instance;
use crate::exchange::Exchange;
use crate::host::StreamId;
use crate::time::Timestamp;

/// Which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestHandle {
    vm: u64,
    slot: u32,
    serial: u32,
}

/// All requests of a worker.
#[derive(Debug)]
pub(super) struct Requests {
    /// When this VM started.
    vm: u64,
    serial: u32,
    slots: Vec<Option<Request>>,
    free: Vec<u32>,
    /// The request that Envoy is about to bring back.
    redirected: Option<RequestHandle>,
}

/// One request.
#[derive(Debug)]
pub(super) struct Request {
    serial: u32,
    /// Its stream in the downstream filter.
    pub(super) downstream: StreamId,
    /// Its current attempt's stream in the upstream filter.
    pub(super) upstream: Option<StreamId>,
    pub(super) instance: Rc<Instance>,
    pub(super) exchange: Exchange,
    /// Whether more of the client's body is to come.
    pub(super) receives: bool,
    /// When the answer's last part was there, while silences in it are looked after.
    pub(super) heard: Option<Timestamp>,
    /// The stream in the upstream filter whose answer the filter has ended by itself.
    pub(super) ended: Option<StreamId>,
}

impl Requests {
    /// None, in a VM that started at this time.
    pub(super) const fn new(vm: u64) -> Self {
        Self { vm, serial: 0, slots: Vec::new(), free: Vec::new(), redirected: None }
    }

    /// Takes a new request in.
    pub(super) fn open(&mut self, instance: Rc<Instance>, downstream: StreamId) -> RequestHandle {
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        let exchange = Exchange::new(instance.gateway.clone());
        let (upstream, receives) = (None, false);
        let (heard, ended) = (None, None);
        let entry = Some(Request {
            serial,
            downstream,
            upstream,
            instance,
            exchange,
            receives,
            heard,
            ended,
        });
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
                self.slots.push(None);
                slot
            }
        };
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = entry;
        }
        RequestHandle { vm: self.vm, slot, serial }
    }

    /// The request, if it is known in this VM.
    pub(super) fn find(&mut self, handle: RequestHandle) -> Option<&mut Request> {
        if self.vm != handle.vm {
            return None;
        }
        let request = self.slots.get_mut(handle.slot as usize)?.as_mut();
        request.filter(|request| request.serial == handle.serial)
    }

    /// All of them.
    pub(super) fn handles(&self) -> Vec<RequestHandle> {
        let slots = (0..).zip(&self.slots);
        let open = slots.filter_map(|(slot, request)| Some((slot, request.as_ref()?.serial)));
        open.map(|(slot, serial)| RequestHandle { vm: self.vm, slot, serial }).collect()
    }

    /// Lets go of a request that is over; not of one that Envoy was asked to bring back.
    pub(super) fn close(&mut self, handle: RequestHandle) {
        if self.find(handle).is_some_and(|request| request.exchange.comes_back()) {
            if let Some(lost) = self.redirected.replace(handle) {
                self.forget(lost);
            }
        } else {
            self.forget(handle);
        }
    }

    /// The request that Envoy was asked to bring back, if there is one.
    ///
    /// Envoy ends the stream that it redirects and begins the new one in one go. So whatever arrives
    /// next is that request, or that request will never come.
    pub(super) const fn take_redirected(&mut self) -> Option<RequestHandle> {
        self.redirected.take()
    }

    /// Lets go of a request.
    pub(super) fn forget(&mut self, handle: RequestHandle) {
        if self.find(handle).is_some() {
            if let Some(place) = self.slots.get_mut(handle.slot as usize) {
                *place = None;
            }
            self.free.push(handle.slot);
        }
    }
}

impl RequestHandle {
    /// As it stands in filter state.
    pub(super) fn to_bytes(self) -> [u8; 16] {
        let (slot, serial) = (u128::from(self.slot), u128::from(self.serial));
        (u128::from(self.vm) << 64 | slot << 32 | serial).to_be_bytes()
    }

    /// What stood in filter state.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let all = u128::from_be_bytes(bytes.try_into().ok()?);
        let part = |shift: u32| u32::try_from(all >> shift & u128::from(u32::MAX)).ok();
        Some(Self { vm: u64::try_from(all >> 64).ok()?, slot: part(32)?, serial: part(0)? })
    }
}
