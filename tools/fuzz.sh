#!/usr/bin/env bash
# Has libFuzzer look for bytes that break what must hold: fuzz.sh [TARGET…], a minute for each.
#
# FUZZ_SECONDS changes the time. New finds go to .tools/fuzz/TARGET; what is worth keeping is copied
# to fuzz/corpus/TARGET, which `make test` replays. What breaks it is kept as fuzz/artifacts/TARGET-*.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

seconds=${FUZZ_SECONDS:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || fail "FUZZ_SECONDS must be a number of seconds, not $seconds"
mapfile -t all < <(sed -n 's/^    ("\([a-z]*\)", .*::run),$/\1/p' fuzz/src/lib.rs)
[ $# -gt 0 ] || set -- "${all[@]}"
for name; do
    [[ " ${all[*]} " == *" $name "* ]] || fail "there is no target $name; there are: ${all[*]}"
done

tools/setup.sh fuzz

# libFuzzer's coverage is behind flags that a stable compiler takes when it is told that we mean it.
# No sanitizer: this code has no `unsafe`.
fuzz() {
    RUSTC_BOOTSTRAP=1 PATH=$tools/bin:$PATH CARGO_PROFILE_RELEASE_LTO=off \
        cargo fuzz "$1" --sanitizer none --features libfuzzer --fuzz-dir fuzz \
        --target-dir "$target/fuzz" "${@:2}"
}

say "fuzz: building"
quietly fuzz-build "the fuzz targets do not build" fuzz build any
for name; do
    say "$name: $seconds s"
    mkdir -p "$tools/fuzz/$name" "fuzz/corpus/$name" fuzz/artifacts
    TARGET=$name quietly "fuzz-$name" "$name: found bytes that break it, fuzz/artifacts/$name-*" \
        fuzz run any "$tools/fuzz/$name" "fuzz/corpus/$name" -- -max_total_time="$seconds" \
        -max_len=16384 -print_final_stats=1 -artifact_prefix="fuzz/artifacts/$name-"
    say "$name: $(awk '/number_of_executed_units/ { print $2 }' "$logs/fuzz-$name.log") inputs," \
        "nothing broke"
done
