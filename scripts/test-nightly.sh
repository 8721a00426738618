#!/bin/sh
# Runs the tests that take hours. A step that fails does not stop the others; one whose tool is missing
# is skipped, and the last lines say so. The Makefile gives NIGHTLY, TARGET_DIR, FUZZ_SECONDS and
# HISTORIES.
set -u
# Asking for a toolchain must not download it.
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

# Loom, miri and AddressSanitizer; it names those that it skips.
step race sh scripts/test-race.sh
step soak cargo xtask soak-sim "$HISTORIES"
# Tests that build the program anew: budgets of system calls and instructions, the static binary.
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
