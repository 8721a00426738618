#!/bin/sh
# Tests upgrades in place from an earlier commit's program to the present one: builds the old
# program in a temporary directory, and runs the end-to-end tests of upgrades from it.
#
#   sh scripts/upgrade-from.sh [COMMIT]     all upgrade tests (default: HEAD~1)
#   sh scripts/upgrade-from.sh --previous   from HEAD~1, the tests that every version must pass: sessions
#                                           survive. Skipped, with a message, without such a commit
set -eu
cd "$(dirname "$0")/.."

if [ "${1:-}" = --previous ]; then
    wanted=HEAD~1 tests=upgrade::versions is_optional=yes
else
    wanted=${1:-HEAD~1} tests=upgrade:: is_optional=
fi

# An archive of the sources, and the oldest commit of a clone, have no previous commit.
unavailable() {
    if [ "$is_optional" ]; then
        echo "skipped the upgrade from $wanted: $1"
        exit 0
    fi
    echo "$wanted: $1" >&2
    exit 2
}

command -v git >/dev/null || unavailable "git is not installed"
commit=$(git rev-parse --verify --quiet "$wanted^{commit}") || unavailable "no such commit"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir "$dir/tree"
git archive --output "$dir/tree.tar" "$commit"
tar -xf "$dir/tree.tar" -C "$dir/tree"
(cd "$dir/tree" && CARGO_TARGET_DIR="$dir/target" cargo build -p traffic-forwarder)
old=$dir/target/debug/traffic-forwarder
"$old" --help | grep -q '^  upgrade ' || unavailable "it has no upgrade in place"
echo "upgrading from $(git log -1 --format='%h (%s)' "$commit")"
TRAFFIC_FORWARDER_OLD_BINARY=$old cargo test -p traffic-forwarder --test e2e "$tests"
