#!/bin/sh
# Fuzzes: fuzz.sh SECONDS [target], each target for so long, all of them by default. The Makefile gives
# NIGHTLY, the cargo argument that chooses a nightly toolchain. What is found lies in
# fuzz/artifacts; fuzz/README.md says what to do with it.
set -eu
# Asking for a toolchain must not download it.
export RUSTUP_AUTO_INSTALL=0

NIGHTLY=${NIGHTLY-+nightly}
SAMPLES=crates/plan/tests/samples
DICTIONARY=fuzz/dictionaries/configuration.dict

if ! cargo $NIGHTLY fuzz --version >/dev/null 2>&1; then
    echo "fuzz: needs a nightly toolchain (rustup toolchain install nightly) and cargo-fuzz" \
        "(cargo install cargo-fuzz --locked)" >&2
    exit 1
fi

seconds=$1
shift
[ "$#" -gt 0 ] || set -- toml_file line_file forward_argument import_file session
for target; do
    echo "fuzz: $target, for $seconds seconds"
    # New inputs go into the first directory; the others are only read.
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
        *) set -- "$@" -max_len=4096 -dict="$DICTIONARY" ;;
    esac
    cargo $NIGHTLY fuzz run "$target" "$@"
done
