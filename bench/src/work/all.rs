//! The list. Works of the same group stand together.

use super::{Absent, Asks, First, Group, On, Pace, Proof, Scene, Work};
use crate::gateways::{LITELLM, LUA, NGINX, PORTKEY, TENSORZERO};

/// All of it.
pub(crate) const ALL: &[Work] = &[
    Work {
        scene: Scene { on: On::Nothing, ..PRODUCTION },
        ..chat("chat_1k", "A chat request of 1 KB, routed by its path", 1 << 10, BUSY)
    },
    chat(EVERYTHING, "A chat request of 1 KB with all that production has on", 1 << 10, BUSY),
    chat("chat_64k", "A chat request of 64 KB, routed by its path", 64 << 10, closed(16, 3_000)),
    chat("chat_1m", "A chat request of 1 MB, routed by its path", 1 << 20, closed(8, 300)),
    Work {
        absent: &[(PORTKEY, ONE_AT_A_TIME), (LITELLM, ONE_AT_A_TIME)],
        ..chat("chat_1k_alone", "One connection, one request after another", 1 << 10, ALONE)
    },
    Work {
        absent: &[(LITELLM, "it does not keep up with 300 requests a second on one processor")],
        ..chat("chat_1k_paced", "300 requests a second, whatever becomes of them", 1 << 10, PACED)
    },
    stream("stream_500", "A stream of 500 chunks, whose client asks for its tokens", true, STREAMS),
    stream(
        "stream_500_unasked",
        "The same, whose client does not ask: Spillway does, and takes that chunk out",
        false,
        STREAMS,
    ),
    Work {
        absent: &[(PORTKEY, ONE_AT_A_TIME), (LITELLM, ONE_AT_A_TIME), (TENSORZERO, ONE_AT_A_TIME)],
        ..stream("stream_500_alone", "One stream at a time", true, closed(1, 10))
    },
    Work {
        asks: Asks::ChatWithCookie,
        proof: Proof::Pinned,
        absent: NO_PEERS,
        ..chat(
            "chat_1k_affinity",
            "A chat request of 1 KB that brings its cookie and is pinned by it",
            1 << 10,
            BUSY,
        )
    },
    Work {
        scene: Scene { on: On::AllButKeys, ..PRODUCTION },
        absent: NO_PEERS,
        ..chat("chat_1k_no_keys", "All but clients' keys: what these add", 1 << 10, BUSY)
    },
    Work {
        scene: Scene { on: On::AllButStreamUsage, ..PRODUCTION },
        absent: NO_PEERS,
        ..stream(
            "stream_500_plain",
            "A stream of 500 chunks whose tokens nobody asks for or counts",
            false,
            STREAMS,
        )
    },
    responses("responses_1k", "A Responses request of 1 KB, routed by its body", 1 << 10, BUSY),
    responses(
        "responses_64k",
        "A Responses request of 64 KB, routed by its body",
        64 << 10,
        closed(16, 3_000),
    ),
    responses(
        "responses_1m",
        "A Responses request of 1 MB, routed by its body",
        1 << 20,
        closed(8, 300),
    ),
    pool("pool_2", "A pool of two members", &[2]),
    pool("pool_20", "A pool of 20 members", &[20]),
    pool("pool_200", "A pool of 200 members", &[200]),
    pool("pool_1000", "A pool of 1,000 members", &[1000]),
    Work {
        group: Group::Workers,
        scene: Scene { workers: 2, ..PRODUCTION },
        absent: &[
            (PORTKEY, "it has one worker"),
            (LITELLM, "it is asked with one worker alone, to keep the run short"),
        ],
        ..chat("workers_2", "Two workers", 1 << 10, BUSY)
    },
    Work {
        group: Group::Failover,
        absent: NO_PEERS,
        ..chat(
            "chat_1k_spaced",
            "One connection, with a pause of 2 ms: what a failover is held against",
            1 << 10,
            SPACED,
        )
    },
    Work {
        group: Group::Failover,
        scene: Scene { tiers: TWO_TIERS, first: First::Throttles(1), ..PRODUCTION },
        proof: Proof::FailsOver,
        absent: NO_PEERS,
        ..chat("failover_each", "Each request fails over", 1 << 10, SPACED)
    },
    Work {
        group: Group::Failover,
        scene: THROTTLED,
        absent: NO_TIERS,
        ..chat("failover_announced", "`Retry-After: 1`, 16 connections", 1 << 10, BUSY)
    },
    Work {
        group: Group::Failover,
        scene: THROTTLED,
        absent: NO_PEERS,
        ..chat(
            "failover_announced_alone",
            "`Retry-After: 1`, one connection",
            1 << 10,
            closed(1, 6_000),
        )
    },
    Work {
        group: Group::FailoverOfTwo,
        scene: Scene { workers: 2, ..THROTTLED },
        absent: NO_PEERS,
        ..chat(
            "failover_announced_2",
            "`Retry-After: 1`, two connections to two workers",
            1 << 10,
            closed(2, 12_000),
        )
    },
];

/// The work that `cpu_ratio_to_bare_envoy` is about.
pub(crate) const EVERYTHING: &str = "chat_1k_everything";

const PRODUCTION: Scene = Scene {
    tiers: &[2],
    first: First::Serves,
    workers: 1,
    on: On::Everything,
    model_in_body: false,
};
const TWO_TIERS: &[usize] = &[1, 1];
const THROTTLED: Scene = Scene { tiers: TWO_TIERS, first: First::Throttles(1000), ..PRODUCTION };

const BUSY: Pace = closed(16, 10_000);
const STREAMS: Pace = closed(16, 32);
const ALONE: Pace = closed(1, 3_000);
const SPACED: Pace = Pace::Spaced { requests: 500 };
const PACED: Pace = Pace::Open { rate: 300, requests: 600 };

const ONE_AT_A_TIME: &str = "its latency is far from those that differ by microseconds";
const ENVOYS: &str = "this is about what Spillway adds to Envoy";
const NO_PEERS: &[Absent] =
    &[(LUA, ENVOYS), (NGINX, ENVOYS), (TENSORZERO, ENVOYS), (PORTKEY, ENVOYS), (LITELLM, ENVOYS)];
const NO_TIERS: &[Absent] =
    &[(LUA, "its script knows no tiers"), (NGINX, "its script knows no tiers")];

const fn closed(clients: usize, requests: u64) -> Pace {
    Pace::Closed { clients, requests }
}

const fn chat(key: &'static str, title: &'static str, size: usize, pace: Pace) -> Work {
    let asks = Asks::Chat(size);
    Work {
        key,
        title,
        asks,
        group: Group::Pair,
        scene: PRODUCTION,
        pace,
        proof: Proof::None,
        absent: &[],
    }
}

const fn stream(key: &'static str, title: &'static str, usage: bool, pace: Pace) -> Work {
    Work { asks: Asks::Stream(usage), ..chat(key, title, 1 << 10, pace) }
}

const fn responses(key: &'static str, title: &'static str, size: usize, pace: Pace) -> Work {
    Work {
        group: Group::Body,
        asks: Asks::Responses(size),
        scene: Scene { model_in_body: true, ..PRODUCTION },
        absent: &[
            (NGINX, "its script reads no body"),
            (TENSORZERO, "it has no Responses API for its clients"),
        ],
        ..chat(key, title, size, pace)
    }
}

const fn pool(key: &'static str, title: &'static str, tiers: &'static [usize]) -> Work {
    Work {
        group: Group::Pools,
        scene: Scene { tiers, ..PRODUCTION },
        proof: Proof::Spread,
        absent: &[
            (TENSORZERO, "it tries a model's providers in their order, and spreads nothing"),
            (
                PORTKEY,
                "its pool stands in a header of each request, where a thousand members do not fit",
            ),
            (LITELLM, "it is asked before two members alone, to keep the run short"),
        ],
        // Twenty for each of a thousand members: chance leaves none of them out.
        ..chat(key, title, 1 << 10, closed(16, 20_000))
    }
}
