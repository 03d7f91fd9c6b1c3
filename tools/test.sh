#!/usr/bin/env bash
# Sets up and runs stages of the tests: test.sh STAGE… or test.sh all
#
# Quiet when green, complete when red: a stage writes to a log, which is shown only if the stage
# fails. A failed stage does not stop the others. A stage that ran no test has failed: nothing is
# skipped without a word.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# What cargo built for the tests, a line each: package, target, the package's folder, executable.
built=$target/tests.tsv

stages=(check core simulator demo wasm envoy page older compose counts)

# check: formatting; clippy for the command and for the filter; what is documented; what is depended
# on.
stage_check() {
    cargo fmt --all --check &&
        cargo clippy --quiet --workspace --all-targets -- -D warnings &&
        cargo clippy --quiet -p spillway --lib --target wasm32-wasip1 -- -D warnings &&
        RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" \
            cargo doc --quiet --workspace --no-deps --document-private-items &&
        dependencies
}

# What is depended on, as deny.toml has it. Advisories are a list on the network. Without a way to it,
# the last one that was fetched is asked, and that is said.
dependencies() {
    local deny=("$tools/deny/bin/cargo-deny" --workspace --locked) lists
    "${deny[@]}" check bans licenses sources || return
    if ! "${deny[@]}" fetch db; then
        lists=("${CARGO_HOME:-$HOME/.cargo}"/advisory-dbs/*/crates)
        if [ ! -d "${lists[0]}" ]; then
            echo "check: no advisory was asked for: there is no way to RustSec's list"
            return
        fi
        echo "check: advisories are those of an older list: there is no way to RustSec's"
    fi
    "${deny[@]}" check --disable-fetch advisories
}

# core: unit tests, properties, transcripts, scenarios on the core and on the built filter, and
# what fuzzing has found worth keeping, numbers and charts, and how the benchmark reckons and writes its
# page.
stage_core() {
    local package failed=0
    for package in spillway spillway-command spillway-figures spillway-stories spillway-fuzz \
        spillway-bench; do
        tests_of "$package" || failed=1
    done
    cargo test --workspace --doc || failed=1
    return $failed
}

stage_simulator() {
    tests_of spillway-simulator
}

# demo: the demo's verdicts and pictures, from runs that are written down.
stage_demo() {
    "$tools/demo/bin/python" -m unittest discover --start-directory demo
}

# wasm: the pure core where usize has 32 bits.
stage_wasm() {
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$tools/bin/wasm-bindgen-test-runner \
        cargo test -p spillway --lib --target wasm32-unknown-unknown
}

# envoy: everything on the real Envoy. These tests mostly wait, and take turns at what is no waiting
# (integration/src/turn.rs), so three targets run at once, the longest first, each with more threads
# than processors. Those that put the machine under load run alone.
stage_envoy() {
    local path name running=0 failed=0 all=(scenarios envoy istio) alone=(reload_under_load chaos)
    for path in integration/tests/*; do
        name=$(basename "$path" .rs)
        [[ " page ${all[*]} ${alone[*]} " = *" $name "* ]] || all+=("$name")
    done
    tests_of spillway-integration lib || failed=1
    for name in "${all[@]}"; do
        if [ $running = 3 ]; then
            wait -n || failed=1
            running=2
        fi
        RUST_TEST_THREADS=$((2 * $(nproc))) envoy_target "$name" &
        running=$((running + 1))
    done
    while [ $running -gt 0 ]; do
        wait -n || failed=1
        running=$((running - 1))
    done
    for name in "${alone[@]}"; do envoy_target "$name" || failed=1; done
    for name in "${all[@]}" "${alone[@]}"; do cat "$logs/envoy-$name.log"; done
    return $failed
}

envoy_target() {
    tests_of spillway-integration "$1" >"$logs/envoy-$1.log" 2>&1
}

# page: the status page in a browser; screenshots are left in .tools/screenshots.
stage_page() {
    cargo test --workspace --test page
}

# older: the stories of failover (behaviours 5 to 8) on the oldest Envoy, which fails over in
# another way. `make versions` tells all stories on every Envoy, and these in a mesh too.
stage_older() {
    SPILLWAY_ENVOY=$tools/envoys/$oldest/bin/envoy SHOWS=5,6,7,8 \
        tests_of spillway-integration scenarios
}

# chaos: a minute of bad weather, or CHAOS_SECONDS. Stage envoy has a short form of it.
stage_chaos() {
    CHAOS_SECONDS=${CHAOS_SECONDS:-60} tests_of spillway-integration chaos --nocapture
}

# operator: what clients see, which alerts fire and what panels say, in docs/what-an-operator-sees.md. Stage
# envoy plays it too, four times as fast.
stage_operator() {
    OPERATOR_TABLE=$root/docs/what-an-operator-sees.md \
        tests_of spillway-integration operator sees_is_true --nocapture
}

# series: how many there are, in docs/metrics.md.
stage_series() {
    SERIES_TABLE=$root/command/src/cli/docs/series.md \
        tests_of spillway-integration operator as_many_series --nocapture &&
        cargo run --quiet -p spillway-command --bin spillway -- docs
}

# compose: docker-compose.yml and a rendered one, as they are written, on a real Docker engine.
stage_compose() {
    python3 -m unittest deploy/test_compose.py
}

# counts: instructions of the core, and how they changed. It fails where something cannot be counted,
# and never by a number.
stage_counts() {
    tests_of spillway-bench-core lib && tools/counts.sh | sed 's/^/counts: /'
}

stage_clients() {
    tests_of spillway-integration clients
}

needs_filter_and_command() {
    tools/build.sh filter
    needs_tests
}

# All tests, and the command with them, in one build: which features a library has depends on who is
# built with it, and package by package, cargo would compile much of it once for each.
needs_tests() {
    [ -z "${tests_are_built:-}" ] || return 0
    say "the tests: building"
    quietly build-tests "the tests do not build" cargo test --workspace --no-run
    cargo test --workspace --no-run --quiet --message-format json 2>/dev/null | python3 -c '
import json, os, sys
for line in sys.stdin:
    built = json.loads(line)
    if built.get("executable") and built["profile"]["test"]:
        package, target = built["package_id"], built["target"]
        name = package.rpartition("#")[2].rpartition("@")[0] or package.rpartition("/")[2].partition("#")[0]
        kind = target["kind"][0]
        print(name, target["name"] if kind == "test" else "bin" if kind == "bin" else "lib",
              os.path.dirname(built["manifest_path"]), built["executable"], sep="\t")
' >"$built"
    tests_are_built=yes
}

# tests_of PACKAGE [TARGET [ARGUMENT…]]: runs the tests of a target (lib, bin, or a name), or all of a
# package, where cargo would run them.
tests_of() {
    local package=$1 wanted=${2:-} name target folder executable failed=0 found=0
    shift $(($# < 2 ? $# : 2))
    while IFS=$'\t' read -r name target folder executable; do
        [[ $name = "$package" && ($wanted = "$target" || -z $wanted) ]] || continue
        found=1
        printf 'Running %s, %s\n' "$package" "$target"
        CARGO_MANIFEST_DIR=$folder env -C "$folder" "$executable" "$@" </dev/null || failed=1
    done <"$built"
    [ $found = 1 ] || { echo "no test target ${wanted:-of} $package"; return 1; }
    return $failed
}

# What a stage needs before it runs.
needs() {
    case $1 in
        check) tools/setup.sh rust deny ;;
        core) needs_filter_and_command ;;
        simulator)
            tools/setup.sh rust
            needs_tests
            ;;
        demo) tools/setup.sh demo ;;
        compose) python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
            fail "python3 is not there, or older than 3.10" ;;
        wasm) tools/setup.sh node ;;
        counts)
            tools/setup.sh counts
            needs_tests
            ;;
        chaos | operator | series)
            tools/setup.sh envoy prometheus
            needs_filter_and_command
            ;;
        envoy | clients)
            tools/setup.sh envoy clients prometheus server nginx otel
            # The filter last, so that its artefact is what cargo leaves behind.
            tools/build.sh traps
            needs_filter_and_command
            ;;
        page)
            tools/setup.sh envoy browser
            needs_filter_and_command
            ;;
        older)
            tools/setup.sh oldest-envoy
            needs_filter_and_command
            ;;
        *) fail "tools/test.sh knows no stage $1: ${stages[*]} clients chaos operator series" ;;
    esac
}

# Why a stage cannot run on this machine, if it cannot. An engine for containers is not for us to
# install: it belongs to the machine (tools/engine.sh starts one, where it may). And not every machine
# has a Valgrind to be had.
cannot_run() {
    if [ "$1" = counts ]; then
        command -v valgrind >/dev/null || [ -x "$tools/valgrind/valgrind" ] && return 1
        echo "valgrind is not there, and cannot be fetched"
        return
    fi
    [ "$1" = compose ] || return 1
    if ! docker info >/dev/null 2>&1; then
        echo "no Docker engine answers"
    elif ! docker compose version >/dev/null 2>&1; then
        echo "this Docker has no compose"
    else
        return 1
    fi
}

# How many tests passed, by what cargo, wasm-bindgen or unittest printed at the end.
passed() {
    awk '/^test result: ok\./ { sum += $4 } /^Ran [0-9]+ test/ { sum += $2 } END { print sum + 0 }' "$1"
}

run() {
    local stage=$1 log=$logs/test-$1.log start=$SECONDS outcome=ok count=0 why
    if why=$(cannot_run "$stage"); then
        say "$stage: skipped: $why"
        skipped+=", $stage skipped"
        summary+=("$(printf '%-10s skipped           %s' "$stage" "$why")")
        return
    fi
    say "$stage: running"
    if ! "stage_$stage" >"$log" 2>&1 </dev/null; then
        outcome=FAILED
        cat "$log"
    fi
    # What a green stage wants to be known, such as what it had to leave out.
    grep "^$stage: " "$log" || true
    if [ "$stage" != check ]; then
        count=$(passed "$log")
        if [ $outcome = ok ] && [ "$count" = 0 ]; then
            outcome=FAILED
            cat "$log"
            say "$stage: no test ran"
        fi
    fi
    total=$((total + count))
    summary+=("$(printf '%-10s %-7s %4d s' "$stage" $outcome $((SECONDS - start)))$(
        [ "$count" = 0 ] || printf '  %5d tests' "$count"
    )")
    [ $outcome = ok ]
}

oldest=$(awk '!/^#/ { print $1; exit }' envoy/VERSIONS)

# Where the tests find the real parts. The command is the one cargo builds for its tests.
export SPILLWAY_ENVOY=$tools/envoy/bin/envoy
export SPILLWAY_BIN=$target/debug/spillway
export SPILLWAY_FILTER=$dist/spillway.wasm
export SPILLWAY_TRAPS=$dist/traps.wasm
export SPILLWAY_PYTHON_OLD=$tools/openai-oldest/bin/python
export SPILLWAY_PYTHON_1=$tools/openai-1/bin/python
export SPILLWAY_PYTHON_2=$tools/openai-2/bin/python
export SPILLWAY_PYTHON_NEW=$tools/openai-newest/bin/python
export SPILLWAY_PYTHON_BROWSER=$tools/browser/bin/python
export SPILLWAY_PYTHON_SERVER=$tools/server/bin/python
export SPILLWAY_NGINX=$tools/nginx/nginx
export SPILLWAY_OTEL=$tools/otel/bin

[ $# -gt 0 ] || fail "usage: tools/test.sh STAGE… or all"
[ "$*" != all ] || set -- "${stages[@]}"

summary=()
total=0
failed=0
skipped=
for stage; do needs "$stage"; done
preparation=$SECONDS
for stage; do run "$stage" || failed=1; done

say ""
say "$(printf '%-10s %-7s %4d s' setup ok "$preparation")"
printf '%s\n' "${summary[@]}"
[ $failed = 0 ] || fail "not every stage passed; the logs are in .tools/logs"
say "all stages passed in $SECONDS s$skipped"
say "tests: $total passed, 0 failed"
