#!/usr/bin/env bash
# Sets up what the demo needs and starts it: demo.sh demo|up
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

tools/setup.sh rust envoy demo
tools/build.sh
say ""
# exec: Ctrl-C and SIGTERM reach the demo itself, which stops what it started.
exec "$tools/demo/bin/python" demo/play.py "$1" \
    --spillway "$dist/spillway" --simulator "$dist/azure-openai-simulator" \
    --filter "$dist/spillway.wasm" --envoy "$tools/envoy/bin/envoy"
