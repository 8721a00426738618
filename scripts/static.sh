#!/bin/sh
# Builds a release binary without shared libraries: static.sh OUT. It resolves names by /etc/hosts
# and DNS.
set -eu

OUT=$1
host=$(rustc -vV | sed -n 's/^host: //p')
# With --target, the flag applies to the program, not to build scripts and macros.
RUSTFLAGS="${RUSTFLAGS-} -C target-feature=+crt-static" \
    cargo build --release --locked -p traffic-forwarder --target "$host"
cp -f "${CARGO_TARGET_DIR:-target}/$host/release/traffic-forwarder" "$OUT"
