#!/bin/sh
# Looks for races and memory errors: test-race.sh [loom] [miri] [asan], all by default. Skips a part
# without its tool, and prints that. The Makefile sets NIGHTLY, the cargo argument that selects a
# nightly toolchain, and TARGET_DIR.
set -eu
# The check must not download a toolchain.
export RUSTUP_AUTO_INSTALL=0

NIGHTLY=${NIGHTLY-+nightly}
TARGET_DIR=${TARGET_DIR:-target}
HOST=$(rustc -vV | sed -n 's/^host: //p')
done_parts=
skipped_parts=

skip() {
    echo "test-race: skipped $1: $2" >&2
    skipped_parts="$skipped_parts $1"
}

begin() {
    echo "test-race: $1: $2"
    done_parts="$done_parts $1"
}

# Explores the relevant thread interleavings around a mailbox and a gate.
loom() {
    begin loom "all interleavings around the mailbox and the gate"
    RUSTFLAGS='--cfg loom' cargo test -p engine --lib --release \
        --target-dir "$TARGET_DIR/loom" loom
}

# Runs the pure crates in an interpreter that detects undefined behaviour.
miri() {
    if ! cargo $NIGHTLY miri --version >/dev/null 2>&1; then
        skip miri "no nightly with miri (rustup toolchain install nightly -c miri,rust-src)"
        return 0
    fi
    begin miri "the crates flow and plan, interpreted"
    export MIRIFLAGS="${MIRIFLAGS--Zmiri-disable-isolation}"
    # Each case is slow under miri.
    export PROPTEST_CASES="${PROPTEST_CASES:-4}"
    miri_test -p flow
    # Excludes tests that read files: miri does not support opening with O_NONBLOCK.
    miri_test -p plan --lib -- --skip every_setting_reaches_the_plan \
        --skip the_written_defaults_are_the_typed_ones
    miri_test -p plan --test reading -- one_line
}

miri_test() {
    cargo $NIGHTLY miri test --target-dir "$TARGET_DIR/miri" "$@"
}

# Runs the end-to-end tests with the program under AddressSanitizer.
asan() {
    if ! sysroot=$(rustc $NIGHTLY --print sysroot 2>/dev/null); then
        skip asan "no nightly toolchain (rustup toolchain install nightly)"
        return 0
    fi
    if ! ls "$sysroot/lib/rustlib/$HOST/lib/"librustc*_rt.asan.a >/dev/null 2>&1; then
        skip asan "this toolchain has no AddressSanitizer for $HOST"
        return 0
    fi
    begin asan "the end-to-end tests with AddressSanitizer"
    # `scale` measures memory use, which the sanitizer multiplies.
    RUSTFLAGS='-Zsanitizer=address' cargo $NIGHTLY test -p traffic-forwarder --test e2e \
        --target "$HOST" --target-dir "$TARGET_DIR/asan" -- --skip scale::
}

[ "$#" -gt 0 ] || set -- loom miri asan
for part; do
    "$part"
done
echo "test-race: passed:${done_parts:- nothing}; skipped:${skipped_parts:- nothing}"
