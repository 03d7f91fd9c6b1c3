#!/usr/bin/env bash
# Counts the instructions of what the core does most, and says how they changed: counts.sh [--accept]
#
# With --accept, these counts are the ones that others are compared with from now on: it writes
# bench/core/counts.json and docs/micro-benchmarks.md.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

valgrind=$(command -v valgrind || echo "$tools/valgrind/valgrind")
[ -x "$valgrind" ] || fail "valgrind is not there: run sudo apt-get install valgrind"

export GUNGRAUN_RUNNER=$tools/bin/gungraun-runner GUNGRAUN_VALGRIND_BIN=$valgrind
export GUNGRAUN_HOME=$target/counts GUNGRAUN_SAVE_SUMMARY=json GUNGRAUN_PARALLEL=2
rm -rf "$GUNGRAUN_HOME"
# What each benchmark printed is of use only where one of them failed.
quietly counts "a benchmark does not build, or has crashed" cargo bench -p spillway-bench-core --bench core

with="rustc $(rustc --version | cut -d ' ' -f 2), $("$valgrind" --version), glibc $(getconf GNU_LIBC_VERSION | cut -d ' ' -f 2), $(uname -m)"
cargo run --quiet -p spillway-bench-core --example report -- "$GUNGRAUN_HOME/spillway-bench-core/core/core" "$with" "$@"
