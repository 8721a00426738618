#!/bin/sh
# Writes the reference of the commands from what the program says of itself with --help.
#
#   sh scripts/commands.sh [BINARY] > docs/commands.md    (default: ./traffic-forwarder)
set -eu

binary=${1:-./traffic-forwarder}

# Without a terminal, COLUMNS is the width: no description is broken over lines.
help() {
    COLUMNS=10000 "$binary" "$@" --help </dev/null 2>&1
}

# One table of the arguments and options in a help text. A description stands behind two spaces, or
# indented below what it describes.
table() {
    awk '
        function print_row() {
            if (name != "" && name !~ /--help$/) printf "| `%s` | %s |\n", name, text
            name = text = ""
        }
        BEGIN { print "| Argument or option | Meaning |\n|---|---|" }
        /^(Arguments|Options):$/ { inside = 1; next }
        /^[^ ]/ { inside = 0; print_row() }
        !inside { next }
        { gsub(/\|/, "\\|"); indent = match($0, /[^ ]/) - 1 }
        indent < 0 { next }
        indent < 8 {
            print_row()
            line = substr($0, indent + 1)
            gap = match(line, /  +/)
            name = gap ? substr(line, 1, gap - 1) : line
            if (gap) text = substr(line, gap + RLENGTH)
            next
        }
        { sub(/^ +/, "") }
        { text = text (text == "" ? "" : " ") $0 }
        END { print_row() }
    '
}

# The synopsis: one for each way to call it.
usage() {
    awk '
        sub(/^Usage: /, "") { inside = 1 }
        /^$/ { inside = 0 }
        inside { sub(/^ +/, ""); printf "%s`%s`", comma, $0; comma = ", " }
    '
}

section() {
    printf '\n## %s\n\n' "$1"
    shift
    text=$(help "$@")
    printf '%s\n' "$text" | sed -n '1s/$/./p'
    printf '\nUsage: %s\n\n' "$(printf '%s\n' "$text" | usage)"
    printf '%s\n' "$text" | table
}

names() {
    help | sed -n '/^Commands:$/,/^$/s/^  \([a-z]*\)  .*/\1/p'
}

cat <<'END'
# Commands

Every command with its arguments and options, as the program itself describes them with `--help`: `sh
scripts/commands.sh > docs/commands.md` makes this page from that. `-h`, `--help` and `help COMMAND` say the same.

- What the commands print and how they are used day by day: [operations.md](operations.md).
- Commands that ask the running process do so over its [admin interface](admin.md).
- Exit codes and signals: [README](../README.md#command-line).
- An option with one dash is understood for `--conf`, `--timeout`, `--max-conns`, `--help` and `--version`, as the older
  program had it.
END
section "Without a command"
for name in $(names); do
    section "$name" "$name"
done
