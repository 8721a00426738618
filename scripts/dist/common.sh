# Shared by the scripts of `make dist`; each sources it in the repository's root.
# shellcheck shell=sh
set -eu
# Independent of user, time and place: builds are reproducible.
umask 022
export LC_ALL=C TZ=UTC

NAME=traffic-forwarder
VERSION=${VERSION:-$(cargo pkgid --offline -p "$NAME" | sed 's/.*[#@]//')}
# Rust's names of this host and its processor.
HOST=$(rustc -vV | sed -n 's/^host: //p')
PROCESSOR=${HOST%%-*}
# Modification time of all files: the commit's.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# Staging directory, removed at the script's exit.
STAGE=$(mktemp -d)
trap 'rm -rf "$STAGE"' EXIT
trap 'exit 1' INT TERM

# Write manual pages and completions, which the program generates:
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

# Prints third-party code that is no crate, one "NAME VERSION LICENCE FILE-OF-LICENCE" a line. The
# chart library of the web page has its version in the first line.
vendored() {
    directory=crates/control/src/admin/page/vendor
    version=$(sed -n '1s/.*(v\([0-9.]*\)).*/\1/p' "$directory/uPlot.iife.min.js")
    echo "uPlot $version MIT $directory/LICENSE-uPlot"
}

# Prints the crates linked into the program, as a JSON array of `cargo metadata` packages.
crates() {
    cargo metadata --format-version 1 --locked --filter-platform "$HOST" | jq -c --arg root "$NAME" '
        # Runtime dependencies: none of tests or build scripts.
        def needs: [.deps[] | select(any(.dep_kinds[]; .kind == null)) | .pkg];
        ([.resolve.nodes[] | {key: .id, value: needs}] | from_entries) as $graph
        | def closure: . as $known | ($known + ($known | map($graph[.]) | add) | unique)
            | if length == ($known | length) then . else closure end;
        ([.packages[] | select(.name == $root) | .id] | closure) as $used
        | [.packages[] | select(.id | IN($used[]))] | sort_by(.name, .version)'
}
