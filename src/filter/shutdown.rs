//! The end of the process: whoever still waits for an answer is told.
//!
//! Envoy cuts off what runs when it ends. `spillway up` therefore puts another filter in the gateway's
//! place before ([`super::Plugin::Closed`]). A worker ends its requests at the next tick: a configuration
//! is read outside of any stream, and a timer's callback is where streams may be entered.

use super::Call;
use super::requests::RequestHandle;
use crate::exchange::Exchange;
use crate::exchange::flow::Farewell;
use crate::time::Timestamp;

impl Call<'_> {
    /// The process ends: what runs is over at the next tick.
    pub(super) fn shut_down(&mut self) {
        let now = self.host.now();
        self.worker.shuts_down = true;
        self.wanted(now, now);
    }

    /// Ends what still runs, where the process ends.
    pub(super) fn end_all(&mut self) -> Option<Timestamp> {
        if std::mem::take(&mut self.worker.shuts_down) {
            for handle in self.worker.requests.handles() {
                self.end(handle);
            }
        }
        None
    }

    fn end(&mut self, handle: RequestHandle) {
        let Some(request) = self.worker.requests.find(handle) else { return };
        // What becomes of its attempt says nothing about the backend.
        request.ended = request.upstream;
        request.heard = None;
        let downstream = request.downstream;
        if !self.host.enter(downstream) {
            return;
        }
        let farewell = self.on(handle, Exchange::on_shutdown);
        if !self.host.enter(downstream) {
            return;
        }
        match farewell {
            Some(Farewell::Reply(reply)) => {
                self.refuse(&reply);
            }
            Some(Farewell::Cut) => self.host.end_response(),
            None => {}
        }
    }
}
