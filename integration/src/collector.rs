//! A collector of spans that nobody here wrote: Rotel, as PyPI has it.
//!
//! It takes OTLP over HTTP and gRPC, decodes it, and writes what it understood into its log, which is
//! read here: ids, parents, names, kinds, states, and each attribute with its type.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::{eventually, find};

/// A running collector. It ends when it is dropped.
#[derive(Debug)]
pub struct Collector {
    /// Where it takes OTLP over HTTP.
    pub http: SocketAddr,
    /// Where it takes OTLP over gRPC.
    pub grpc: SocketAddr,
    process: Child,
    directory: TempDir,
}

/// A span as the collector understood it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// The trace that it belongs to.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// Its parent's; empty: it has none.
    pub parent: String,
    /// What it is called.
    pub name: String,
    /// `SPAN_KIND_CLIENT` and so on.
    pub kind: String,
    /// Its status, such as `STATUS_CODE_ERROR`; empty: unset.
    pub status: String,
    /// Its attributes, each with its type: `Str(chat)`.
    pub attributes: BTreeMap<String, String>,
    /// Those of whoever made it.
    pub resource: BTreeMap<String, String>,
}

impl Collector {
    /// Starts one, and waits until it takes connections.
    pub async fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("spillway-test-").tempdir().expect("tmp");
        // It cannot say which ports it took: two that are free now are asked for.
        let free = || TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (http, grpc) = (free(), free());
        let at = |listener: &TcpListener| listener.local_addr().expect("an address");
        let (http, grpc) = (at(&http), at(&grpc));
        let log = File::create(directory.path().join(LOG)).expect("a log");
        let mut command = Command::new(find::otel("python"));
        command
            .args(["-c", RUN, "start", "--exporter", "blackhole", "--disable-batching"])
            .args(["--debug-log", "traces", "--debug-log-verbosity", "detailed"])
            .args(["--otlp-http-endpoint", &http.to_string()])
            .args(["--otlp-grpc-endpoint", &grpc.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log);
        let process = command.spawn().expect("Rotel starts");
        let started = Self { http, grpc, process, directory };
        for address in [http, grpc] {
            let connects = async || TcpStream::connect(address).await.ok().map(drop);
            eventually("the collector to listen", connects).await;
        }
        started
    }

    /// All that it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join(LOG)).unwrap_or_default()
    }

    /// The spans that it has got.
    pub fn spans(&self) -> Vec<Span> {
        let log = self.log();
        // What is not complete yet is for the next time.
        let whole = log.rfind('\n').map_or("", |end| &log[..end]);
        read(whole)
    }

    /// Those of this trace.
    pub fn of(&self, trace: &str) -> Vec<Span> {
        self.spans().into_iter().filter(|span| span.trace == trace).collect()
    }

    /// Those of this trace, once there are so many, and it has written all of them.
    pub async fn get(&self, trace: &str, count: usize) -> Vec<Span> {
        let last = Cell::new(0);
        let there = async || {
            let length = self.log().len();
            let is_still = last.replace(length) == length;
            Some(self.of(trace)).filter(|spans| is_still && spans.len() >= count)
        };
        eventually("the trace's spans", there).await
    }
}

impl Span {
    /// A text among its attributes.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.strip_prefix("Str(")?.strip_suffix(')')
    }

    /// Whether it failed.
    pub fn is_error(&self) -> bool {
        self.status == "STATUS_CODE_ERROR"
    }
}

fn read(log: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut resource = BTreeMap::new();
    let mut in_resource = false;
    for line in log.lines() {
        let text = line.trim();
        if text.starts_with("ResourceSpans #") {
            (resource, in_resource) = (BTreeMap::new(), true);
        } else if text.starts_with("ScopeSpans #") {
            in_resource = false;
        } else if text.starts_with("Span #") {
            spans.push(Span { resource: resource.clone(), ..Span::default() });
        } else if let Some((name, value)) =
            text.strip_prefix("-> ").and_then(|t| t.split_once(": "))
        {
            let (name, value) = (name.to_owned(), value.to_owned());
            match spans.last_mut() {
                _ if in_resource => resource.insert(name, value),
                Some(span) => span.attributes.insert(name, value),
                None => None,
            };
        } else if let (Some((field, value)), Some(span)) = (text.split_once(':'), spans.last_mut())
        {
            let value = value.trim().to_owned();
            match field.trim() {
                "Trace ID" => span.trace = value,
                "Parent ID" => span.parent = value,
                "ID" => span.id = value,
                "Name" => span.name = value,
                "Kind" => span.kind = value,
                "Status code" => span.status = value,
                _ => {}
            }
        }
    }
    spans
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const LOG: &str = "rotel.log";

/// The package keeps its program beside its modules.
const RUN: &str = "import os, sys, rotel; \
    agent = os.path.join(os.path.dirname(rotel.__file__), 'rotel-agent'); \
    os.execv(agent, [agent] + sys.argv[1:])";
