#!/bin/sh
# Cargo's RUSTC_WRAPPER: keeps the paths of this machine out of all that is compiled, macros and build
# scripts included, which RUSTFLAGS would not reach.
exec "$@" --remap-path-prefix="$DIST_SOURCE=/src" --remap-path-prefix="$DIST_CARGO=/cargo"
