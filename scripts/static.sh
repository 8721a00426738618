#!/bin/sh
# Builds a release binary that needs no shared library: static.sh OUT. Names are looked up in
# /etc/hosts and by DNS.
set -eu

OUT=$1
host=$(rustc -vV | sed -n 's/^host: //p')
# With --target, the flag is for the program alone and not for what builds it.
RUSTFLAGS="${RUSTFLAGS-} -C target-feature=+crt-static" \
    cargo build --release --locked -p traffic-forwarder --target "$host"
cp -f "${CARGO_TARGET_DIR:-target}/$host/release/traffic-forwarder" "$OUT"
