//! In which order the works stand on the page, and what is said about them.

/// Works that are read together.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) words: &'static str,
    /// Files of its charts, with their titles.
    pub(super) charts: &'static [(&'static str, &'static str)],
    /// Keys of its works.
    pub(super) works: &'static [&'static str],
}

/// All of them.
pub(super) const SECTIONS: &[Section] = &[
    Section {
        title: "A request routed by its path",
        words: "\
A chat completion, 16 connections at once (8 for 1 MB). \"All that production has\" is client keys,
circuits, session affinity, tokens counted, metrics, and an access log that is written; bare Envoy and
Envoy with Lua write the same log, nginx one like it, the others as they do by themselves.",
        charts: &[
            ("cpu-of-a-request.svg", "CPU of a chat request, by gateway"),
            ("cpu-by-body.svg", "CPU of a request, by the size of its body"),
        ],
        works: &["chat_1k", "chat_1k_everything", "chat_64k", "chat_1m"],
    },
    Section {
        title: "A request routed by its body",
        words: "\
The Responses API names the model in the body alone. Bare Envoy holds the body with its `buffer` filter
here, as whoever looks into it must.",
        charts: &[],
        works: &["responses_1k", "responses_64k", "responses_1m"],
    },
    Section {
        title: "Streams",
        words: "\
500 chunks, one each 2 ms, 16 streams at once. A chunk's time is from the backend's sending it to the
client's having it, on one clock. A chunk is late that comes when the backend has sent the next one
already: a gateway that waits for what follows has none but late chunks, and one that passes each on as
it comes has as many as the machine makes late, by giving it or the client no time. So the bar for one
stream is what Spillway has beyond bare Envoy, in percentage points (pp), round by round. A slow gateway
is asked for fewer streams.",
        charts: &[("cpu-of-a-stream.svg", "CPU of a stream of 500 chunks, by gateway")],
        works: &["stream_500", "stream_500_unasked", "stream_500_plain", "stream_500_alone"],
    },
    Section {
        title: "Latency",
        words: "\
Of a chat request of 1 KB with all that production has on: first one connection that sends its next
request when it has its answer, then a constant rate, each request timed from when it was due.",
        charts: &[],
        works: &["chat_1k_alone", "chat_1k_paced"],
    },
    Section {
        title: "Affinity and client keys",
        words: "\
With a cookie the backend is not chosen but looked up, and the answer brings no new cookie; all answers
were checked to come from the pinned backend. Bare Envoy gets the same cookie and ignores it.",
        charts: &[],
        works: &["chat_1k_affinity", "chat_1k_no_keys"],
    },
    Section {
        title: "Large pools",
        words: "\
The chat request of 1 KB with all that production has on, to one pool after another. Bare Envoy has as
many weighted clusters. Every member is a listener of its own and was checked to have been asked. More
members are more connections, for every gateway.",
        charts: &[("cpu-by-pool.svg", "CPU of a request, by the size of the pool")],
        works: &["pool_2", "pool_20", "pool_200", "pool_1000"],
    },
    Section {
        title: "Two workers",
        words: "\
Where there are only two processors, backends and clients compete with the gateway for them here, so
times say little; CPU does.",
        charts: &[],
        works: &["workers_2"],
    },
    Section {
        title: "Failover",
        words: "\
The first tier's backend always says 429, the second tier's answers. Where each request fails over, it
asks to be left alone for a millisecond (`retry-after-ms: 1`) and the next request comes 2 ms after the
last answer, so that each one finds that time over, is throttled and goes to the second tier: the
backends' counts prove it, or there is no number. The first table is the same without a failover. In
the others it asks for a second: what counts is how many requests reach it all the same, with the one that
it was announced to. With 16 connections those are among them that were on their way when the first 429
came: nobody can call them back, and after the announced time traffic returns in full. So those that come
100 ms later are counted on their own: they were sent by somebody who could have known. Bare Envoy has the
tiers as priorities of one cluster, and knows no announced time.",
        charts: &[],
        works: &["chat_1k_spaced", "failover_each", "failover_announced_alone", "failover_announced_2", "failover_announced"],
    },
];
