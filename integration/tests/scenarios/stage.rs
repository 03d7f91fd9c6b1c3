//! A gateway, four backends and a client, for one story.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use spillway_integration::{Gateway, Lent, Raw, Setup, eventually, log_line};
use spillway_stories::http::{Answer, Headers, Reaction, Received, Request};
use spillway_stories::stage::Stage;
use spillway_stories::story::{Need, REGIONS, Story, environment};
use tokio::runtime::Runtime;

use super::backend::Backend;

/// The stage.
pub(super) struct OnEnvoy {
    // Ended before the backends' runtime is.
    gateway: Lent,
    /// Whether it has counted nothing before.
    counts: bool,
    backends: BTreeMap<&'static str, Backend>,
    runtime: Runtime,
    sent: usize,
    /// When the last request began that each backend was asked for, as far as can be known of one
    /// that cannot be reached.
    asked: BTreeMap<&'static str, Instant>,
    unreachable: BTreeSet<String>,
}

impl OnEnvoy {
    /// One worker: whose turn it is, is known to each worker for itself. Most stories are told on a
    /// gateway that others were told on before, with backends of their own.
    pub(super) fn set(story: &Story, setup: impl FnOnce(Setup) -> Setup) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let counts = story.needs.contains(&Need::Counts);
        let (backends, gateway) = runtime.block_on(async {
            let backends: BTreeMap<_, _> =
                REGIONS.into_iter().map(|name| (name, Backend::start(name))).collect();
            let config = story.config(|name| format!("http://{}", backends[name].address));
            let environment = environment().into_iter().collect();
            let gateway = Gateway::of(config.to_string(), environment).workers(1);
            let gateway = setup(gateway);
            let gateway = if counts {
                Lent::from(gateway.start().await)
            } else {
                gateway.lend_after(Some(FIRST)).await
            };
            (backends, gateway)
        });
        Self {
            gateway,
            counts,
            backends,
            runtime,
            sent: 0,
            asked: BTreeMap::new(),
            unreachable: BTreeSet::new(),
        }
    }
}

impl Stage for OnEnvoy {
    #[allow(clippy::disallowed_methods, reason = "Envoy looks at the clock on the wall")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn authority(&self, backend: &str) -> String {
        self.backends[backend].address.to_string()
    }

    fn script(&mut self, backend: &str, reactions: Vec<Reaction>) {
        self.backends[backend].script(reactions);
    }

    fn set_reachable(&mut self, backend: &str, reachable: bool) {
        if reachable {
            self.unreachable.remove(backend);
        } else {
            self.unreachable.insert(backend.to_owned());
        }
        let backend = self.backends.get_mut(backend).expect("a backend");
        self.runtime
            .block_on(async { if reachable { backend.listen() } else { backend.refuse().await } });
    }

    fn send(&mut self, request: &Request) -> Answer {
        self.sent += 1;
        let before = REGIONS.map(|name| self.received(name).len());
        let (at, started) = (self.gateway.at, Instant::now());
        let answer = self.runtime.block_on(async {
            let mut raw = Raw::connect(at).await;
            let parts = wire(request);
            let cut = parts.len() > 1;
            for part in parts {
                raw.write_what_is_taken(&part).await;
                if cut {
                    tokio::time::sleep(BETWEEN_PARTS).await;
                }
            }
            raw.answer().await
        });
        for (name, before) in REGIONS.into_iter().zip(before) {
            if self.received(name).len() > before || self.unreachable.contains(name) {
                self.asked.insert(name, started);
            }
        }
        let headers = Headers(answer.headers);
        let (status, body, broken) = (answer.status, answer.body, answer.broken);
        let trailers = Headers(answer.trailers);
        Answer { status, headers, body, cuts: Vec::new(), broken, trailers }
    }

    fn received(&self, backend: &str) -> Vec<Received> {
        self.backends[backend].received()
    }

    fn noted(&self, word: &str) -> String {
        let line = self.runtime.block_on(eventually("the access log", async || {
            let lines = self.gateway.log_lines();
            (lines.len() >= self.sent).then(|| lines.last().cloned()).flatten()
        }));
        if let Some(of) = word.strip_suffix("_tokens") {
            return log_line::tokens(&line)[of]
                .as_u64()
                .map(|count| count.to_string())
                .unwrap_or_default();
        }
        if word == "marks" {
            let marks = ["pinned", "stream"].into_iter().filter(|mark| line[mark] == true);
            let marks = marks.collect::<Vec<_>>().join(" ");
            return if marks.is_empty() { "none".to_owned() } else { marks };
        }
        match word {
            "attempts" => return log_line::attempts(&line),
            "model" => return log_line::model(&line).as_str().unwrap_or_default().to_owned(),
            _ => {}
        }
        line[word].as_str().unwrap_or_default().to_owned()
    }

    fn expect_counted(&mut self, name: &str, labels: &[(&str, &str)], amount: u64) {
        assert!(self.counts, "this story needs `Need::Counts`");
        let what = format!("{name} {labels:?} to be {amount}");
        // A request is counted when it is over, a little after its client has the answer.
        self.runtime.block_on(eventually(&what, async || {
            (self.gateway.metrics().await.sum(name, labels) == amount as f64).then_some(())
        }));
    }

    fn expect_rest(&mut self, backend: &str, rest: Duration, probe: &Request) {
        let told = self.asked.get(backend).copied().expect("it was told something");
        let before = self.received(backend).len();
        let over = loop {
            self.send(probe);
            if self.received(backend).len() > before {
                break told.elapsed();
            }
            assert!(told.elapsed() < rest + LATE, "{backend} rests longer than {rest:?}");
            std::thread::sleep(PAUSE);
        };
        // From before it was told until after it was asked: never less, however slow we are.
        assert!(over + EARLY >= rest, "{backend} rested {over:?} of {rest:?}");
    }
}

/// The request as it is written, in the parts that it is written in.
fn wire(request: &Request) -> Vec<Vec<u8>> {
    let mut head = format!("{} ", request.method).into_bytes();
    head.extend(&request.path);
    head.extend(b" HTTP/1.1\r\n");
    if request.headers.get("host").is_none() {
        head.extend(b"host: gateway\r\n");
    }
    for (name, value) in &request.headers.0 {
        head.extend(name.as_bytes());
        head.extend(b": ");
        head.extend(value);
        head.extend(b"\r\n");
    }
    if request.streamed {
        head.extend(b"transfer-encoding: chunked\r\n");
    } else if request.headers.get("content-length").is_none()
        && (!request.body.is_empty() || request.method == "POST")
    {
        head.extend(format!("content-length: {}\r\n", request.body.len()).bytes());
    }
    head.extend(b"\r\n");
    let chunk = |part: Vec<u8>| {
        if request.streamed {
            [format!("{:x}\r\n", part.len()).as_bytes(), &part, b"\r\n"].concat()
        } else {
            part
        }
    };
    let mut parts: Vec<Vec<u8>> = request.parts().into_iter().map(chunk).collect();
    match parts.first_mut() {
        Some(first) if request.cuts.is_empty() => *first = [head, std::mem::take(first)].concat(),
        _ => parts.insert(0, head),
    }
    if request.streamed {
        let mut end = b"0\r\n".to_vec();
        for (name, value) in &request.trailers.0 {
            end.extend(name.as_bytes());
            end.extend(b": ");
            end.extend(value);
            end.extend(b"\r\n");
        }
        end.extend(b"\r\n");
        parts.push(end);
    }
    parts
}

/// What a gateway begins with: it names every variable that a story's clients have keys in.
const FIRST: &str = r#"
backends: { first: { url: "http://127.0.0.1:1", api_key: "${EASTUS_KEY}" } }
models: { first: { pool: [first] } }
clients: [{ name: chat, key: "${CHAT_KEY}" }, { name: batch, key: "${BATCH_KEY}" }]
"#;
const BETWEEN_PARTS: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(5);
const EARLY: Duration = Duration::from_millis(5);
const LATE: Duration = Duration::from_secs(4);
