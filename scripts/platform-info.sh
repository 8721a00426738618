#!/bin/sh
# Prints the system, and the tools that the Makefile uses.
set -eu

show() {
    printf '  %-16s %s\n' "$1" "$2"
}

version() {
    "$@" 2>/dev/null | head -n 1 || true
}

tool() {
    name=$1
    shift
    found=$(version "$@")
    show "$name" "${found:-not found}"
}

echo 'System:'
show OS "$(uname -s) $(uname -r)"
show architecture "$(uname -m)"
show CPUs "$(nproc)"
show 'open files' "$(ulimit -Sn), hard limit $(ulimit -Hn)"
echo 'Tools:'
tool cargo cargo --version
tool rustc rustc --version
tool target sh -c "rustc -vV | sed -n 's/^host: //p'"
tool rustfmt cargo fmt --version
tool clippy cargo clippy --version
tool cargo-deny cargo deny --version
# shellcheck disable=SC2086 # one argument, or none
tool nightly rustc ${NIGHTLY-+nightly} --version
# shellcheck disable=SC2086
tool miri cargo ${NIGHTLY-+nightly} miri --version
