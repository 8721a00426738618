#!/bin/sh
# Checks formatting, lints and dependencies: lint.sh [fmt] [clippy] [deny], all by default. Skips a
# missing tool, and prints that. `lint.sh advisories` checks dependencies for known vulnerabilities.
set -eu

has() {
    cargo "$1" --version >/dev/null 2>&1 && return 0
    echo "lint: skipped $1: $2" >&2
    return 1
}

fmt() {
    if has fmt "rustfmt is not installed (rustup component add rustfmt)"; then
        cargo fmt --all --check
    fi
}

clippy() {
    if has clippy "clippy is not installed (rustup component add clippy)"; then
        cargo clippy --workspace --all-targets -- -D warnings
        # The code behind the feature `profile`.
        cargo clippy -p traffic-forwarder --features profile --all-targets -- -D warnings
    fi
}

NO_DENY="cargo-deny is not installed (cargo install cargo-deny --locked)"

deny() {
    if has deny "$NO_DENY"; then
        cargo deny --offline check bans licenses sources
    fi
}

# Uses the current RustSec database. Without a network, uses the last fetched one; cargo-deny
# refuses it after ninety days.
advisories() {
    if has deny "$NO_DENY"; then
        cargo deny fetch db ||
            echo "lint: advisories: cannot fetch the database; using the one fetched before" >&2
        cargo deny --offline check advisories
    fi
}

[ "$#" -gt 0 ] || set -- fmt clippy deny
for what; do
    "$what"
done
