#!/usr/bin/env bash
# Removes what was built and installed inside this folder. Rust's wasm targets stay with rustup.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

say "removing dist, demo/out, .tools and what cargo built"
[ ! -d "$target" ] || cargo clean --quiet
rm -rf dist demo/out .tools
