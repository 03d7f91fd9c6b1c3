#!/usr/bin/env bash
# Measures what Spillway costs, beside bare Envoy and other gateways: bench.sh [ARGUMENT…]
#
# Arguments go to the benchmark (`--help` lists them). A whole run writes bench/results/latest.json,
# docs/benchmarks.md and its charts; one of fewer works, gateways or rounds writes the same into
# bench/results/partial/. Nothing else should run on the machine meanwhile.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

for part in taskset setpriv; do
    command -v "$part" >/dev/null || fail "$part is not there: run sudo apt-get install util-linux"
done
tools/setup.sh rust envoy peers
tools/build.sh filter command
say "the benchmark: building"
quietly build-bench "the benchmark does not build" cargo build --release -p spillway-bench
"$target/release/spillway-bench" "$@"
