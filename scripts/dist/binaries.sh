#!/bin/sh
# Builds the release binaries, reproducibly in any directory: binaries.sh OUT writes OUT/static and
# OUT/dynamic.
. scripts/dist/common.sh

OUT=$1
TARGET_DIR=${CARGO_TARGET_DIR:-target}
# Read by rustc.sh, which cargo calls.
export RUSTC_WRAPPER="$PWD/scripts/dist/rustc.sh"
export DIST_SOURCE="$PWD" DIST_CARGO="${CARGO_HOME:-$HOME/.cargo}"

# build TO [FLAGS]
build() {
    RUSTFLAGS=${2-} cargo build --release --locked -p "$NAME" --target "$HOST"
    cp "$TARGET_DIR/$HOST/release/$NAME" "$1"
    strip "$1"
}

mkdir -p "$OUT"
build "$OUT/static" -Ctarget-feature=+crt-static
build "$OUT/dynamic"
