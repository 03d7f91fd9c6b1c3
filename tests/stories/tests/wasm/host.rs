//! A host for the filter: proxy-wasm's ABI 0.2.1 as Envoy implements it, where the filter uses it.
//!
//! | file | calls |
//! |---|---|
//! | `memory.rs` | none: bytes into the VM and out of it |
//! | `headers.rs` | a stream's headers |
//! | `buffers.rs` | bodies and the plugin's configuration |
//! | `metrics.rs` | what is counted |
//! | `state.rs` | properties, shared data, the route cache, the time |
//! | `reply.rs` | the filter's own answers |
//! | `wasi.rs` | environment, output, random bytes |

mod buffers;
mod headers;
mod memory;
mod metrics;
mod reply;
mod state;
mod wasi;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use spillway_model::{Clock, Shared, Stream};
use spillway_stories::Headers;
use wasmtime::{Caller, Engine, Linker, Module, Result};

use crate::writer;

/// The built filter, compiled.
#[derive(Clone)]
pub(crate) struct Filter {
    pub(crate) engine: Engine,
    pub(crate) module: Module,
    /// The last-words filter's module.
    pub(crate) writer: Module,
    pub(crate) linker: std::sync::Arc<Linker<Host>>,
}

/// What the host holds for one VM.
pub(crate) struct Host {
    pub(crate) clock: Clock,
    pub(crate) shared: Shared,
    /// What the VM's environment holds.
    pub(crate) environment: Vec<(String, String)>,
    /// The configuration of the plugin that is being configured.
    pub(crate) plugin_configuration: Vec<u8>,
    /// The names of properties that were declared to outlive a redirect.
    pub(crate) lasting: BTreeSet<String>,
    /// The stream whose callback runs.
    pub(crate) stream: Stream,
    /// The root context of whoever is called.
    pub(crate) root: u32,
    /// The period of each root context's timer that runs, and when it fires next.
    pub(crate) timers: BTreeMap<u32, (Duration, SystemTime)>,
    /// What was defined to be counted, by its id: its kind and its name.
    pub(crate) metrics: Vec<(u32, String)>,
    /// All that the filter has logged.
    pub(crate) log: Vec<String>,
}

/// Which headers a call means.
type Which = fn(&mut Stream) -> Option<&mut Headers>;

impl Filter {
    /// Loads the filter that `make build` has made.
    pub(crate) fn load() -> Result<Self, String> {
        let path = std::env::var_os("SPILLWAY_FILTER").map_or_else(built, PathBuf::from);
        let bytes = std::fs::read(&path).map_err(|error| {
            format!(
                "{}: {error}: build the filter first, with `make build` or `cargo wasm`",
                path.display()
            )
        })?;
        let engine = Engine::default();
        let compile = || {
            let module = Module::new(&engine, bytes)?;
            let writer = Module::new(&engine, writer::shipped())?;
            let mut linker = Linker::new(&engine);
            headers::link(&mut linker)?;
            buffers::link(&mut linker)?;
            state::link(&mut linker)?;
            metrics::link(&mut linker)?;
            reply::link(&mut linker)?;
            wasi::link(&mut linker)?;
            linker.define_unknown_imports_as_traps(&module)?;
            Ok((module, writer, linker))
        };
        let (module, writer, linker) =
            compile().map_err(|error: wasmtime::Error| format!("{error:?}"))?;
        Ok(Self { engine, module, writer, linker: linker.into() })
    }
}

fn built() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target =
        target.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../target").into());
    target.join("wasm32-wasip1/release/spillway.wasm")
}

fn which(map: u32) -> Result<Which> {
    match map {
        0 => Ok(|stream| stream.request.as_mut()),
        1 => Ok(|stream| stream.request_trailers.as_mut()),
        2 => Ok(|stream| stream.response.as_mut()),
        3 => Ok(|stream| stream.response_trailers.as_mut()),
        other => Err(fail(format!("the filter uses the header map {other}"))),
    }
}

fn fail(why: impl Into<String>) -> wasmtime::Error {
    wasmtime::Error::msg(why.into())
}

type Vm<'a> = Caller<'a, Host>;

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const BAD_ARGUMENT: u32 = 2;
const CAS_MISMATCH: u32 = 8;
