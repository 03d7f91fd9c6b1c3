//! The built filters in their places: one VM for each worker, both filters in it, and one for the writer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use spillway::failover_mode::FailoverMode;
use spillway_model::http::Headers;
use spillway_model::{Action, Callback, Clock, Place, Runtime, Shared, Stream};
use spillway_stories::story::environment;
use wasmtime::{Instance, Store, TypedFunc, WasmParams, WasmResults};

use crate::host::{Filter, Host};

/// A worker's VMs.
pub(crate) struct Worker {
    store: Store<Host>,
    instance: Instance,
    writer: Writer,
    last: u32,
    /// The root context of each context.
    roots: BTreeMap<u32, u32>,
}

impl Worker {
    /// Starts a VM and configures its filters, the clusters' first, as Envoy does.
    pub(crate) fn start(
        filter: &Filter,
        config: &Value,
        failover: FailoverMode,
        clock: &Clock,
        shared: &Shared,
    ) -> Self {
        let for_filter = |(name, _): &(String, _)| !config["backends"].to_string().contains(name);
        let environment = environment().into_iter().filter(for_filter).collect();
        let writer = Writer::start(filter, host(clock, &Shared::default(), Vec::new()));
        let mut store = Store::new(&filter.engine, host(clock, shared, environment));
        let instance = filter.linker.instantiate(&mut store, &filter.module);
        let instance =
            instance.unwrap_or_else(|error| panic!("the filter does not start: {error:?}"));
        let mut worker =
            Self { store, instance, writer, last: REFUSED_ROOT, roots: BTreeMap::new() };
        worker.call::<_, ()>("_initialize", ());
        worker.configure(BACKEND_ROOT, &json!({ "seat": "backend" }));
        let mut plugin = json!({ "seat": "gateway", "config": config });
        if failover.redirects() {
            plugin["failover"] = json!(failover);
        }
        worker.configure(GATEWAY_ROOT, &plugin);
        worker
    }

    fn configure(&mut self, root: u32, plugin: &Value) {
        assert!(self.takes(root, plugin), "not configured: {:#?}", self.store.data().log);
    }

    /// Whether the filter takes this for a plugin's configuration.
    fn takes(&mut self, root: u32, plugin: &Value) -> bool {
        self.call::<_, ()>("proxy_on_context_create", (root, 0_u32));
        let started: u32 = self.call("proxy_on_vm_start", (root, 0_u32));
        let configuration = plugin.to_string().into_bytes();
        let size = u32::try_from(configuration.len()).expect("a small file");
        self.store.data_mut().plugin_configuration = configuration;
        self.store.data_mut().root = root;
        let configured: u32 = self.call("proxy_on_configure", (root, size));
        (started, configured) == (1, 1)
    }

    /// Why the filter refuses this for the configuration of one more filter.
    pub(crate) fn refusal(&mut self, plugin: &Value) -> String {
        assert!(!self.takes(REFUSED_ROOT, plugin), "{plugin} is taken");
        self.store.data().log.join("\n")
    }

    fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, parameters: P) -> R {
        let function = self.instance.get_typed_func::<P, R>(&mut self.store, name);
        let function = function.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let result = function.call(&mut self.store, parameters);
        result.unwrap_or_else(|error| {
            panic!("{name} trapped: {error:?}\nthe filter's log: {:#?}", self.store.data().log)
        })
    }

    /// Does something with this stream in the host's hands.
    fn with<T>(&mut self, stream: &mut Stream, act: impl FnOnce(&mut Self) -> T) -> T {
        std::mem::swap(&mut self.store.data_mut().stream, stream);
        let result = act(self);
        std::mem::swap(&mut self.store.data_mut().stream, stream);
        result
    }

    /// Fires every timer that is due, of whichever filter, as often as it is.
    fn fire(&mut self) {
        let now = self.store.data().clock.get();
        loop {
            let timers = &mut self.store.data_mut().timers;
            let next = timers.iter_mut().filter(|(_, (_, due))| *due <= now).min_by_key(|t| t.1.1);
            let Some((&root, (period, due))) = next else { return };
            *due += *period;
            self.store.data_mut().root = root;
            self.call::<_, ()>("proxy_on_tick", root);
        }
    }

    fn call_back(&mut self, context: u32, callback: Callback) -> Action {
        let count = |headers: &Option<_>| match headers {
            Some(Headers(all)) => u32::try_from(all.len()).unwrap_or(u32::MAX),
            None => 0,
        };
        let action: u32 = match callback {
            Callback::RequestHeaders { end } => {
                let count = count(&self.store.data().stream.request);
                self.call("proxy_on_request_headers", (context, count, u32::from(end)))
            }
            Callback::RequestBody { size, end } => {
                self.call("proxy_on_request_body", (context, size as u32, u32::from(end)))
            }
            Callback::RequestTrailers => self.call("proxy_on_request_trailers", (context, 1_u32)),
            Callback::ResponseHeaders { end } => {
                let count = count(&self.store.data().stream.response);
                self.call("proxy_on_response_headers", (context, count, u32::from(end)))
            }
            Callback::ResponseBody { size, end } => {
                self.call("proxy_on_response_body", (context, size as u32, u32::from(end)))
            }
            Callback::ResponseTrailers => {
                let count = count(&self.store.data().stream.response_trailers);
                self.call("proxy_on_response_trailers", (context, count))
            }
            Callback::Log => {
                self.call::<_, ()>("proxy_on_log", context);
                CONTINUE
            }
        };
        match action {
            CONTINUE => Action::Continue,
            PAUSE => Action::Pause,
            other => panic!("{callback:?} wants {other}"),
        }
    }
}

impl Runtime for Worker {
    fn open(&mut self, place: Place) -> u32 {
        self.last += 1;
        let root = match place {
            Place::Downstream => GATEWAY_ROOT,
            Place::Upstream => BACKEND_ROOT,
            Place::LastWords => return WRITER,
        };
        self.roots.insert(self.last, root);
        self.call::<_, ()>("proxy_on_context_create", (self.last, root));
        self.last
    }

    fn on(&mut self, context: u32, callback: Callback, stream: &mut Stream) -> Action {
        if context == WRITER {
            return self.writer.on(callback, stream);
        }
        self.store.data_mut().root = self.roots[&context];
        self.with(stream, |worker| worker.call_back(context, callback))
    }

    fn close(&mut self, context: u32, stream: &mut Stream) {
        if context == WRITER {
            return;
        }
        self.store.data_mut().root = self.roots[&context];
        self.with(stream, |worker| {
            let done: u32 = worker.call("proxy_on_done", context);
            assert_eq!(done, 1, "the filter holds on to a stream that is over");
            worker.call::<_, ()>("proxy_on_delete", context);
        });
    }

    fn time_has_passed(&mut self) {
        self.fire();
    }

    fn timer(&self) -> Option<Duration> {
        let Host { clock, timers, .. } = self.store.data();
        let first = timers.values().map(|(_, due)| *due).min()?;
        Some(first.duration_since(clock.get()).unwrap_or_default().max(Duration::from_millis(1)))
    }

    fn tick(&mut self, stream: &mut Stream) {
        self.with(stream, Self::fire);
    }
}

/// The last-words filter's module, which knows only parts of an answer.
struct Writer {
    store: Store<Host>,
    part: TypedFunc<(u32, u32, u32), u32>,
}

impl Writer {
    fn start(filter: &Filter, host: Host) -> Self {
        let mut store = Store::new(&filter.engine, host);
        let instance = filter.linker.instantiate(&mut store, &filter.writer);
        let instance = instance.expect("the writer starts");
        let part = instance.get_typed_func(&mut store, "proxy_on_response_body");
        Self { part: part.expect("exported"), store }
    }

    fn on(&mut self, callback: Callback, stream: &mut Stream) -> Action {
        let Callback::ResponseBody { size, end } = callback else { return Action::Continue };
        std::mem::swap(&mut self.store.data_mut().stream, stream);
        let action = self.part.call(&mut self.store, (WRITER, size as u32, u32::from(end)));
        std::mem::swap(&mut self.store.data_mut().stream, stream);
        assert_eq!(action.expect("no trap"), CONTINUE);
        Action::Continue
    }
}

fn host(clock: &Clock, shared: &Shared, environment: Vec<(String, String)>) -> Host {
    Host {
        clock: clock.clone(),
        shared: shared.clone(),
        environment,
        plugin_configuration: Vec::new(),
        stream: Stream::default(),
        lasting: BTreeSet::new(),
        root: 0,
        timers: BTreeMap::new(),
        metrics: Vec::new(),
        log: Vec::new(),
    }
}

const GATEWAY_ROOT: u32 = 1;
const BACKEND_ROOT: u32 = 2;
const REFUSED_ROOT: u32 = 3;
/// Every stream's: the writer's module is told of no context.
const WRITER: u32 = u32::MAX;
const CONTINUE: u32 = 0;
const PAUSE: u32 = 1;
