#!/bin/sh
# Form, lints and dependencies: lint.sh [fmt] [clippy] [deny], all of them by default. A tool that
# is not installed is skipped, and this is said.
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
        # What only a build that takes profiles has.
        cargo clippy -p traffic-forwarder --features profile --all-targets -- -D warnings
    fi
}

# Without advisories: those need the network.
deny() {
    if has deny "cargo-deny is not installed (cargo install cargo-deny --locked)"; then
        cargo deny --offline check bans licenses sources
    fi
}

[ "$#" -gt 0 ] || set -- fmt clippy deny
for what; do
    "$what"
done
