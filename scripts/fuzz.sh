#!/bin/sh
# Fuzzes one target, or each one by default, for SECONDS: fuzz.sh SECONDS [target]. The Makefile
# sets NIGHTLY, the cargo argument that selects a nightly toolchain. Failing inputs are stored in
# fuzz/artifacts; fuzz/README.md explains how to use them.
set -eu
# The check must not download a toolchain.
export RUSTUP_AUTO_INSTALL=0

NIGHTLY=${NIGHTLY-+nightly}
SAMPLES=crates/plan/tests/samples
DICTIONARIES=fuzz/dictionaries

if ! cargo $NIGHTLY fuzz --version >/dev/null 2>&1; then
    echo "fuzz: needs a nightly toolchain (rustup toolchain install nightly) and cargo-fuzz" \
        "(cargo install cargo-fuzz --locked)" >&2
    exit 1
fi

seconds=$1
shift
[ "$#" -gt 0 ] || set -- toml_file line_file forward_argument import_file proxy_header client_hello session engine
for target; do
    echo "fuzz: $target, for $seconds seconds"
    # New inputs go into the first directory; the others are read only.
    corpus=fuzz/corpus/$target
    mkdir -p "$corpus"
    set -- "$corpus"
    [ ! -d "fuzz/seeds/$target" ] || set -- "$@" "fuzz/seeds/$target"
    case $target in
        toml_file | line_file) set -- "$@" "$SAMPLES/valid" "$SAMPLES/invalid" ;;
    esac
    set -- "$@" -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1
    case $target in
        session) set -- "$@" -max_len=512 ;;
        engine) set -- "$@" -max_len=1024 ;;
        client_hello) set -- "$@" -max_len=8192 -dict="$DICTIONARIES/$target.dict" ;;
        proxy_header) set -- "$@" -max_len=4200 -dict="$DICTIONARIES/$target.dict" ;;
        *) set -- "$@" -max_len=4096 -dict="$DICTIONARIES/configuration.dict" ;;
    esac
    cargo $NIGHTLY fuzz run "$target" "$@"
done
