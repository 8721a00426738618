#!/bin/sh
# Runs the tests that take hours. A failed step does not stop the others; a step without its tool is
# skipped, and the last line lists it. The Makefile sets NIGHTLY, TARGET_DIR, FUZZ_SECONDS,
# HISTORIES and ENGINE_SECONDS.
set -u
# The check must not download a toolchain.
export RUSTUP_AUTO_INSTALL=0

passed= failed= skipped=

# step NAME COMMAND...
step() {
    name=$1
    shift
    echo "test-nightly: $name"
    if "$@"; then
        passed="$passed $name"
    else
        echo "test-nightly: failed: $name" >&2
        failed="$failed $name"
    fi
}

skip() {
    echo "test-nightly: skipped $1: $2" >&2
    skipped="$skipped $1"
}

# Loom, miri and AddressSanitizer; the script prints skipped ones.
step race sh scripts/test-race.sh
step soak-flow cargo xtask soak-flow "$HISTORIES"
step soak-engine cargo xtask soak-engine --seconds "$ENGINE_SECONDS"
# Tests that build other binaries: budgets of system calls and instructions, the static binary.
step budgets cargo test -p traffic-forwarder --test budgets -- --include-ignored
step static cargo test -p traffic-forwarder --test e2e -- --ignored
step profile make --no-print-directory test-profile
step faults cargo xtask faults
step dist-check make --no-print-directory dist-check

if [ "$(id -u)" = 0 ]; then
    step systemd cargo xtask systemd-test
else
    skip systemd "it needs root"
fi
# shellcheck disable=SC2086 # one argument, or none
if cargo $NIGHTLY fuzz --version >/dev/null 2>&1; then
    step fuzz cargo xtask fuzz --seconds "$FUZZ_SECONDS"
else
    skip fuzz "no nightly toolchain with cargo-fuzz (cargo install cargo-fuzz --locked)"
fi
step benchmarks cargo xtask bench-compare
if [ "$(nproc)" -lt 2 ]; then
    skip two-cpus "the benchmark page for two CPUs needs two"
fi

echo "test-nightly: passed:${passed:- nothing}; failed:${failed:- nothing}; skipped:${skipped:- nothing}"
[ -z "$failed" ]
