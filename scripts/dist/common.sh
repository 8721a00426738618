# What the scripts of `make dist` share: each of them sources it, in the repository's root.
# shellcheck shell=sh
set -eu
# Files come out the same whoever makes them, whenever and wherever.
umask 022
export LC_ALL=C TZ=UTC

NAME=traffic-forwarder
VERSION=${VERSION:-$(cargo pkgid --offline -p "$NAME" | sed 's/.*[#@]//')}
# As Rust calls this host, and its processor.
HOST=$(rustc -vV | sed -n 's/^host: //p')
PROCESSOR=${HOST%%-*}
# The time of all files: that of the commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# The directory that is filled before it is packed. It goes away with the script.
STAGE=$(mktemp -d)
trap 'rm -rf "$STAGE"' EXIT
trap 'exit 1' INT TERM

# Puts manual pages and completions into directories; the program itself writes them.
# manuals BINARY DIR; completions BINARY BASH_FILE ZSH_FILE FISH_FILE
manuals() {
    mkdir -p "$2"
    "$1" man "$2"
}

completions() {
    mkdir -p "$(dirname "$2")" "$(dirname "$3")" "$(dirname "$4")"
    "$1" completions bash >"$2"
    "$1" completions zsh >"$3"
    "$1" completions fish >"$4"
}

# What ends up in the program and is no crate: "NAME VERSION LICENCE FILE-OF-LICENCE" in a line each. The
# charts of the web page name their version in the first line.
vendored() {
    directory=crates/control/src/admin/page/vendor
    version=$(sed -n '1s/.*(v\([0-9.]*\)).*/\1/p' "$directory/uPlot.iife.min.js")
    echo "uPlot $version MIT $directory/LICENSE-uPlot"
}

# The crates that end up in the program, as `cargo metadata` describes them: one JSON array.
crates() {
    cargo metadata --format-version 1 --locked --filter-platform "$HOST" | jq -c --arg root "$NAME" '
        # What the program needs to run: no tests, no build scripts.
        def needs: [.deps[] | select(any(.dep_kinds[]; .kind == null)) | .pkg];
        ([.resolve.nodes[] | {key: .id, value: needs}] | from_entries) as $graph
        | def closure: . as $known | ($known + ($known | map($graph[.]) | add) | unique)
            | if length == ($known | length) then . else closure end;
        ([.packages[] | select(.name == $root) | .id] | closure) as $used
        | [.packages[] | select(.id | IN($used[]))] | sort_by(.name, .version)'
}
