#!/usr/bin/env bash
# Builds the command, the simulator and the filter, optimised, into dist/: build.sh [PART…]
#
# Parts: filter, command, simulator; without one, all. And traps: the filter with a trap in it, for
# the test of what survives one.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

tools/setup.sh rust

# build WHAT ARTEFACT NAME CARGO-ARGUMENT…: builds, then copies the artefact to dist/NAME.
build() {
    local what=$1 artefact=$target/$2 name=$3
    shift 3
    say "$what: building dist/$name"
    quietly "build-$name" "$what does not build" cargo build --release "$@"
    # Replaced, not overwritten: a gateway that is running keeps the file it has open.
    cp "$artefact" "$dist/.$name"
    mv "$dist/.$name" "$dist/$name"
}

# Where libraries panic, the filter names their files: not by where this machine keeps them.
registry=${CARGO_HOME:-$HOME/.cargo}/registry/src
shorter="target.wasm32-wasip1.rustflags=['--remap-path-prefix=$registry=registry']"

mkdir -p "$dist"
[ $# -gt 0 ] || set -- filter command simulator
for part; do
    case $part in
        filter) build "the filter" wasm32-wasip1/release/spillway.wasm spillway.wasm \
            -p spillway --lib --target wasm32-wasip1 --config "$shorter" ;;
        # In a folder of its own: in one, the two filters have one name, and each build undoes the
        # other's.
        traps) build "the filter that traps" traps/wasm32-wasip1/release/spillway.wasm traps.wasm \
            -p spillway --lib --target wasm32-wasip1 --config "$shorter" --features traps \
            --target-dir "$target/traps" ;;
        command) build "the command" release/spillway spillway -p spillway-command --bin spillway ;;
        simulator) build "the simulator" release/azure-openai-simulator azure-openai-simulator \
            -p spillway-simulator --bin azure-openai-simulator ;;
        *) fail "tools/build.sh knows no part $part" ;;
    esac
done
