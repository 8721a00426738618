#!/bin/sh
# Builds the release binaries so that they come out the same in any directory: binaries.sh OUT writes
# OUT/static and OUT/dynamic.
. scripts/dist/common.sh

OUT=$1
TARGET_DIR=${CARGO_TARGET_DIR:-target}
CARGO_DIR=${CARGO_HOME:-$HOME/.cargo}

# build OUT [FLAG]: paths of this machine do not get into the binary.
build() {
    separator=$(printf '\037')
    flags="--remap-path-prefix=$PWD=/src$separator--remap-path-prefix=$CARGO_DIR=/cargo"
    CARGO_ENCODED_RUSTFLAGS="$flags${2:+$separator$2}" \
        cargo build --release --locked -p "$NAME" --target "$HOST"
    mkdir -p "$OUT"
    cp "$TARGET_DIR/$HOST/release/$NAME" "$1"
    strip "$1"
}

build "$OUT/static" -Ctarget-feature=+crt-static
build "$OUT/dynamic"
