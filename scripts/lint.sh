#!/bin/sh
# Form, lints and dependencies: lint.sh [fmt] [clippy] [deny], all of them by default. A tool that
# is not installed is skipped, and this is said. With lint.sh advisories, known faults of what we
# depend on.
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

NO_DENY="cargo-deny is not installed (cargo install cargo-deny --locked)"

deny() {
    if has deny "$NO_DENY"; then
        cargo deny --offline check bans licenses sources
    fi
}

# By the RustSec database as it is now. Without a network, by the last one that was fetched, unless it
# is older than ninety days: then cargo-deny refuses it.
advisories() {
    if has deny "$NO_DENY"; then
        cargo deny fetch db ||
            echo "lint: advisories: no news could be fetched; judged by what was fetched before" >&2
        cargo deny --offline check advisories
    fi
}

[ "$#" -gt 0 ] || set -- fmt clippy deny
for what; do
    "$what"
done
