#!/bin/sh
# Upgrades in place from the program of an earlier commit to the present one: builds it in a work tree
# of its own, and runs the end-to-end tests of upgrades with it as the program that is upgraded from.
#
#   sh scripts/upgrade-from.sh [COMMIT]    (default: HEAD~1)
set -eu
cd "$(dirname "$0")/.."

commit=$(git rev-parse --verify "${1:-HEAD~1}^{commit}")
dir=$(mktemp -d)
cleanup() {
    git worktree remove --force "$dir/tree" >/dev/null 2>&1 || true
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

git worktree add --quiet --detach "$dir/tree" "$commit"
if [ ! -d "$dir/tree/crates/control/src/upgrade" ]; then
    echo "$commit cannot be upgraded in place yet: name a later one" >&2
    exit 2
fi
(cd "$dir/tree" && CARGO_TARGET_DIR="$dir/target" cargo build -p traffic-forwarder)
echo "upgrading from $(git log -1 --format='%h (%s)' "$commit")"
TRAFFIC_FORWARDER_OLD_BINARY="$dir/target/debug/traffic-forwarder" \
    cargo test -p traffic-forwarder --test e2e upgrade::
