#!/bin/sh
# Upgrades in place from the program of an earlier commit to the present one: builds it in a directory
# of its own, and runs end-to-end tests of upgrades with it as the program that is upgraded from.
#
#   sh scripts/upgrade-from.sh [COMMIT]     all of these tests (default: HEAD~1)
#   sh scripts/upgrade-from.sh --previous   from HEAD~1, what every version owes: sessions go on. Where
#                                           there is no such commit to build, it says so, and that is all
set -eu
cd "$(dirname "$0")/.."

if [ "${1:-}" = --previous ]; then
    wanted=HEAD~1 tests=upgrade::versions is_optional=yes
else
    wanted=${1:-HEAD~1} tests=upgrade:: is_optional=
fi

# An archive of the sources, and the first commit of a clone, have no commit before them.
give_up() {
    if [ "$is_optional" ]; then
        echo "not upgraded from $wanted: $1"
        exit 0
    fi
    echo "$wanted: $1" >&2
    exit 2
}

commit=$(git rev-parse --verify --quiet "$wanted^{commit}") || give_up "there is no such commit here"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir "$dir/tree"
git archive --output "$dir/tree.tar" "$commit"
tar -xf "$dir/tree.tar" -C "$dir/tree"
[ -n "$(find "$dir/tree/crates/control/src" -type d -name upgrade)" ] ||
    give_up "it cannot be upgraded in place yet"
(cd "$dir/tree" && CARGO_TARGET_DIR="$dir/target" cargo build -p traffic-forwarder)
echo "upgrading from $(git log -1 --format='%h (%s)' "$commit")"
TRAFFIC_FORWARDER_OLD_BINARY="$dir/target/debug/traffic-forwarder" \
    cargo test -p traffic-forwarder --test e2e "$tests"
