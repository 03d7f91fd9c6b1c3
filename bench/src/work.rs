//! The work that is measured: what is asked, of which pool, how often.

use bytes::Bytes;

use crate::gateways::Running;
use crate::load::{Shot, Wants};

/// One kind of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// Its name in results.
    pub(crate) key: &'static str,
    /// The same in words.
    pub(crate) title: &'static str,
    /// What is asked.
    pub(crate) asks: Asks,
    /// Members of the pool, by tier.
    pub(crate) tiers: &'static [usize],
    /// What production would have on.
    pub(crate) everything: bool,
    /// How the clients ask.
    pub(crate) pace: Pace,
    /// Worker threads of the gateway.
    pub(crate) workers: usize,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// A chat completion, routed by its path, in so many bytes.
    Chat(usize),
    /// A streamed chat completion; the flag: whether its client asks for the usage.
    Stream(bool),
}

/// How the clients ask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// So many connections, each sending its next request when it has its answer.
    Closed {
        /// Connections.
        clients: usize,
        /// Requests in a round.
        requests: u64,
    },
    /// So many requests a second, whatever becomes of them.
    Open {
        /// Requests a second.
        rate: u32,
        /// Requests in a round.
        requests: u32,
    },
}

impl Asks {
    /// The request for a gateway there.
    pub(crate) fn shot(self, to: &Running) -> Shot {
        let deployment = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21";
        let chat = to.path.as_deref().unwrap_or(deployment);
        let start = format!(r#"{{"model":"{}","messages":["#, to.model);
        let (path, body, wants) = match self {
            Self::Chat(size) => (chat, padded(&start, "]}", size), Wants::Json),
            Self::Stream(usage) => {
                let options =
                    if usage { r#","stream_options":{"include_usage":true}"# } else { "" };
                let end = format!(r#"],"stream":true{options}}}"#);
                let body = padded(&start, &end, 1024);
                (chat, body, Wants::Stream { usage })
            }
        };
        Shot { path: path.into(), headers: to.headers.clone(), body, wants }
    }
}

/// A body of so many bytes, its prompt as long as that takes.
fn padded(start: &str, end: &str, size: usize) -> Bytes {
    let (open, close) = (r#"{"role":"user","content":""#, r#""}"#);
    let fixed = start.len() + open.len() + close.len() + end.len();
    let prompt = PROMPT.repeat(size / PROMPT.len() + 1);
    let prompt = prompt.get(..size.saturating_sub(fixed)).unwrap_or_default();
    Bytes::from([start, open, prompt, close, end].concat())
}

const PROMPT: &str = "What is the capital of France, and on which river does it lie? ";

const PAIR: &[usize] = &[2];
const STREAMS: Pace = Pace::Closed { clients: 16, requests: 64 };
const BUSY: Pace = Pace::Closed { clients: 16, requests: 20_000 };

/// All of it.
pub(crate) const ALL: &[Work] = &[
    Work {
        key: "chat_1k",
        title: "A chat request of 1 KB, routed by its path",
        asks: Asks::Chat(1024),
        tiers: PAIR,
        everything: false,
        pace: BUSY,
        workers: 1,
    },
    Work {
        key: "chat_1k_everything",
        title: "A chat request of 1 KB with all that production has on",
        asks: Asks::Chat(1024),
        tiers: PAIR,
        everything: true,
        pace: BUSY,
        workers: 1,
    },
    Work {
        key: "chat_1k_latency",
        title: "The same, 300 requests a second, for its latency",
        asks: Asks::Chat(1024),
        tiers: PAIR,
        everything: true,
        pace: Pace::Open { rate: 300, requests: 1500 },
        workers: 1,
    },
    Work {
        key: "stream_500",
        title: "A stream of 500 chunks, whose client asks for its tokens",
        asks: Asks::Stream(true),
        tiers: PAIR,
        everything: true,
        pace: STREAMS,
        workers: 1,
    },
    Work {
        key: "stream_500_unasked",
        title: "The same, whose client does not ask: Spillway does, and takes that chunk out",
        asks: Asks::Stream(false),
        tiers: PAIR,
        everything: true,
        pace: STREAMS,
        workers: 1,
    },
];
