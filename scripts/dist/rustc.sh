#!/bin/sh
# Cargo's RUSTC_WRAPPER: keeps this machine's paths out of all compiled code, including macros and
# build scripts, which RUSTFLAGS would not reach.
exec "$@" --remap-path-prefix="$DIST_SOURCE=/src" --remap-path-prefix="$DIST_CARGO=/cargo"
