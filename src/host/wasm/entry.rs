//! The VM's entry: Envoy's callbacks, handed to the filters with this worker's state.

use std::cell::RefCell;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, BufferType, ContextType, LogLevel};

use super::Wasm;
use crate::filter::{Action as Goes, Call, Filter, Plugin, Worker};
use crate::host::StreamId;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}

thread_local! {
    /// One VM runs on one thread, and all of its filters share this.
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

/// Calls a filter with this worker's state. No host call brings Envoy back into the VM while one of its
/// callbacks runs, so the state is never taken twice; should it be, nothing is done.
fn call<R>(with: impl FnOnce(&mut Call<'_>) -> R) -> Option<R> {
    WORKER.with(|worker| {
        let mut worker = worker.try_borrow_mut().ok()?;
        let worker = worker.get_or_insert_with(|| Worker::new(&Wasm));
        Some(with(&mut Call { worker, host: &Wasm }))
    })
}

#[derive(Debug, Default)]
struct Root(Plugin);

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        let bytes =
            proxy_wasm::hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX);
        let bytes = bytes.ok().flatten().unwrap_or_default();
        match call(|call| Plugin::configure(&bytes, &Wasm, call)) {
            Some(Ok(plugin)) => {
                self.0 = plugin;
                true
            }
            Some(Err(problems)) => {
                for problem in problems {
                    log::error!("spillway: {problem}");
                }
                false
            }
            None => false,
        }
    }

    fn on_tick(&mut self) {
        call(|call| {
            call.on_tick();
        });
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        let filter = call(|call| self.0.filter(StreamId(context), call))??;
        Some(Box::new(Http(filter)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One stream.
#[derive(Debug)]
struct Http(Filter);

impl Http {
    fn call(&mut self, with: impl FnOnce(&mut Filter, &mut Call<'_>) -> Goes) -> Action {
        match call(|call| with(&mut self.0, call)) {
            Some(Goes::Continue) | None => Action::Continue,
            Some(Goes::Pause) => Action::Pause,
        }
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        call(|call| self.0.on_delete(call));
    }
}

impl Context for Http {
    fn on_done(&mut self) -> bool {
        call(|call| self.0.on_done(call));
        true
    }
}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _: usize, end: bool) -> Action {
        #[cfg(feature = "traps")]
        if matches!(self.0, Filter::Downstream(_))
            && super::Stream::header(&Wasm, super::Map::Request, "x-spillway-trap").is_some()
        {
            std::process::abort();
        }
        self.call(|filter, call| filter.on_request_headers(end, call))
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        self.call(|filter, call| filter.on_request_body(size, end, call))
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.call(Filter::on_request_trailers)
    }

    fn on_http_response_headers(&mut self, _: usize, end: bool) -> Action {
        self.call(|filter, call| filter.on_response_headers(end, call))
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        self.call(|filter, call| filter.on_response_body(size, end, call))
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.call(Filter::on_response_trailers)
    }

    fn on_log(&mut self) {
        call(|call| self.0.on_log(call));
    }
}
