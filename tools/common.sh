# shellcheck shell=bash disable=SC2034 # the names are for those who source this
# What the scripts here share: where things are, and how they speak.
#
# A script says what it is about to do in one line, and where it cannot go on it says in one line
# what is missing and how to get it. The output of the tools it calls goes to a log.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

tools=$root/.tools
logs=$tools/logs
dist=$root/dist
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

# A shell that was open when rustup was installed does not know it yet.
export PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

# The words that rust-toolchain.toml has for this key.
toolchain() { sed -n "s/^$1 = //p" rust-toolchain.toml | tr -d '[]",'; }

mkdir -p "$logs"

say() { printf '%s\n' "$*"; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# quietly LOG HINT COMMAND…: the command's output goes to a log, its end is shown if it fails.
quietly() {
    local log=$logs/$1.log hint=$2
    shift 2
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        fail "$hint (all of it: ${log#"$root"/})"
    fi
}
