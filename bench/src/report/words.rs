//! What the page says around its numbers.

pub(super) const HEAD: &str = "# Benchmarks

<!-- Written by `make bench`, from bench/results/latest.json. -->

`make bench` measures what Spillway costs, beside bare Envoy, which is the limit of what a filter in it
can reach, and the gateways that one would pick instead. All do the same work in the same run, in
turns, before the same backends, which answer at once. Every answer is checked: a gateway that fails
requests gets no number.

CPU time comes first: user and system time of the gateway's processes, over the requests that it was
asked. It is what a gateway costs, and it is far steadier than wall time.

";

pub(super) const HOW_TO_READ: &str = "
## How to read it

- Numbers are medians of the rounds, in brackets the least and the most. Ratios and differences are taken
  in each round, between gateways that did the same work seconds apart; the median of those is given.
- One processor is the gateway's (two with two workers), backends and clients have the rest. CPU time is
  read from the processes' CPU clocks, in nanoseconds, with all their children.
- Closed loop: so many clients, each sending its next request when it has its answer. Open loop: requests
  at a constant rate, each timed from when it was due, not from when a connection was free for it, so
  that a gateway that stalls is late for all that were due meanwhile.
- A gateway is started once for works that are held against each other, and stays for all their rounds;
  while one is asked, the others idle. A tenth of a round's requests are sent before it, unmeasured.
  LiteLLM is asked 50 times less than the fast ones, Portkey 10 times.
- Bare Envoy has weighted clusters, a retry policy and the same access log; it reads no key, no model and
  no answer. Its clients are not told apart.
- Portkey as npm installs it answers every stream with 500, since it writes into headers that `fetch` has
  made immutable (Portkey-AI/gateway#1389, #1550). Here it gets a copy of each answer that it may write
  to; without that it would have no number for streams.
";

pub(super) const NOT_MEASURED: &str = "
## What is not measured

- HAProxy: Debian 12's 2.6 cannot retry on 429, and 3.0 needs a whole Debian 13 beside it.
- TLS, HTTP/2, and a real network between client, gateway and backends.
- Gateways that cannot be installed from a package registry: agentgateway, Bifrost, Envoy AI Gateway,
  Higress, Kong, APISIX.
";
