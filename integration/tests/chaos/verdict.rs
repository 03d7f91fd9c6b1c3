//! What must hold once everything is over, request by request.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use spillway_integration::outage::Backend;
use spillway_integration::{key_of, log_line};
use spillway_simulator::SeenRequest;

use crate::clients::KEY;
use crate::request_log::{Got, Record, id};

/// All that was noted anywhere: by clients, by backends and by the gateway.
pub(crate) struct Evidence {
    records: Vec<Record>,
    backends: Vec<Arc<Backend>>,
    /// By backend and request id.
    seen: HashMap<(&'static str, String), Vec<SeenRequest>>,
    /// By request id.
    logged: HashMap<String, Vec<Value>>,
}

/// A request that went wrong, and how.
pub(crate) struct Complaint<'a> {
    /// The request.
    pub(crate) about: &'a Record,
    /// What is wrong.
    pub(crate) text: String,
    /// Its lines of the access log.
    pub(crate) logged: &'a [Value],
}

/// A run in numbers.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    /// Answers by backend.
    pub(crate) answered: BTreeMap<String, usize>,
    /// Answers by how many attempts they took.
    pub(crate) attempts: BTreeMap<usize, usize>,
    /// Answers that a dying backend broke off.
    pub(crate) broken_off: usize,
}

impl Evidence {
    /// Sorted by request.
    pub(crate) fn new(records: Vec<Record>, backends: &[Arc<Backend>], log: Vec<Value>) -> Self {
        let mut seen: HashMap<_, Vec<_>> = HashMap::new();
        for backend in backends {
            for request in backend.regions().flat_map(spillway_simulator::Region::requests) {
                let id = request.header("x-request-id").unwrap_or_default().to_owned();
                seen.entry((backend.name, id)).or_default().push(request);
            }
        }
        let mut logged: HashMap<_, Vec<_>> = HashMap::new();
        for line in log {
            let id = line["request_id"].as_str().unwrap_or_default().to_owned();
            logged.entry(id).or_default().push(line);
        }
        Self { records, backends: backends.to_vec(), seen, logged }
    }

    /// Everything that is not as it should be, by request.
    pub(crate) fn complaints(&self) -> Vec<Complaint<'_>> {
        let mut all = Vec::new();
        for about in &self.records {
            let id = id(about.number);
            let logged = self.logged.get(&id).map_or(&[][..], Vec::as_slice);
            let text = self.answer(about, &id).and_then(|()| self.attempts(&id, logged));
            if let Err(text) = text {
                all.push(Complaint { about, text, logged });
            }
        }
        all
    }

    /// What no backend should have seen, from anyone.
    pub(crate) fn leaks(&self) -> Vec<String> {
        let mut all = Vec::new();
        for ((backend, id), requests) in &self.seen {
            for seen in requests {
                let body = seen.body.as_deref().unwrap_or_default();
                let told = seen.headers.iter().any(|(_, value)| holds(value, KEY));
                if told || seen.path.contains(KEY) || body.contains(KEY) {
                    all.push(format!("{backend} saw the client's key in {id}"));
                }
                if seen.header("api-key") != Some(&key_of(backend)) {
                    all.push(format!("{backend} did not get its own key in {id}"));
                }
            }
        }
        all
    }

    /// How much was seen of what.
    pub(crate) fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for record in &self.records {
            let Ok(got) = &record.outcome else { continue };
            *sums.answered.entry(got.backend.clone()).or_default() += 1;
            sums.broken_off += usize::from(self.is_broken_off(record, got));
            let logged = self.logged.get(&id(record.number)).and_then(|lines| lines.first());
            let attempts = logged.map_or(0, |line| tried(line).len());
            *sums.attempts.entry(attempts).or_default() += 1;
        }
        sums
    }

    /// One answer, a good one, and exactly what one backend sent.
    fn answer(&self, about: &Record, id: &str) -> Result<(), String> {
        let got = about.outcome.as_ref().map_err(|error| format!("no answer: {error}"))?;
        if got.status != 200 {
            return Err(format!("status {}: {}", got.status, got.tail));
        }
        if self.is_broken_off(about, got) {
            return Ok(());
        }
        let sha256 = got.sha256.as_ref().map_err(|error| format!("broken off: {error}"))?;
        let backend = self.backends.iter().find(|backend| backend.name == got.backend);
        let backend = backend.ok_or_else(|| format!("nobody is called {:?}", got.backend))?;
        let seen = self.seen.get(&(backend.name, id.to_owned()));
        let seen = seen.ok_or_else(|| format!("{} never saw it", got.backend))?;
        if about.relieved {
            // Less than was sent: the stories say what, byte by byte.
            if got.tail.contains("\"usage\":{") {
                return Err(format!("tokens that nobody asked for: {}", got.tail));
            }
        } else if !seen.iter().any(|seen| seen.sent_sha256.as_ref() == Some(sha256)) {
            return Err(format!("{} sent something else: {}", got.backend, got.tail));
        }
        if about.streamed && !ENDS.iter().any(|end| got.tail.contains(end)) {
            return Err(format!("{} did not end its stream: {}", got.backend, got.tail));
        }
        Ok(())
    }

    /// Nobody twice, neither as the gateway tells it nor as the backends saw it; told once. A request that
    /// is lost on a connection that was closing is sent to the same backend again at once.
    fn attempts(&self, id: &str, logged: &[Value]) -> Result<(), String> {
        let [line] = logged else { return Err(format!("{} lines in the log", logged.len())) };
        let tried = tried(line);
        let again = |pair: &&[Attempt]| pair[0].backend == pair[1].backend && pair[0].lost;
        let repeated = tried.windows(2).filter(again).count();
        let distinct: BTreeSet<_> = tried.iter().map(|attempt| &attempt.backend).collect();
        if tried.is_empty() || distinct.len() + repeated != tried.len() {
            return Err("a backend was tried twice, or none was".to_owned());
        }
        for backend in &self.backends {
            let seen = self.seen.get(&(backend.name, id.to_owned())).map_or(0, Vec::len);
            let told = tried.iter().filter(|attempt| attempt.backend == backend.name).count();
            if seen > told {
                return Err(format!("{} saw it {seen} times, the log says {told}", backend.name));
            }
        }
        Ok(())
    }

    /// A backend died in the middle of its answer. Nobody can take back what the client has, so it
    /// must be able to tell; and it must be true.
    fn is_broken_off(&self, record: &Record, got: &Got) -> bool {
        let whole = got.sha256.is_ok()
            && (!record.streamed || ENDS.iter().any(|end| got.tail.contains(end)));
        let backend = self.backends.iter().find(|backend| backend.name == got.backend);
        got.status == 200
            && !whole
            && backend.is_some_and(|backend| backend.was_cut(record.start, record.end))
    }
}

/// One of a line's `eastus failed 12ms, westus 200 340ms`.
struct Attempt {
    backend: String,
    /// There was no answer.
    lost: bool,
}

fn tried(line: &Value) -> Vec<Attempt> {
    let attempts = log_line::attempts(line);
    let attempt = |one: &str| {
        let (backend, end) = one.split_once(' ')?;
        Some(Attempt { backend: backend.to_owned(), lost: end.starts_with("failed") })
    };
    attempts.split(", ").filter_map(attempt).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// How streams end: of chat, and of Responses.
const ENDS: [&str; 2] = ["data: [DONE]\n\n", "\"type\":\"response.completed\""];
