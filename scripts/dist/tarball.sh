#!/bin/sh
# Packs a binary with its documentation, completions and examples:
# tarball.sh BINARY SYSTEM LICENCES OUT. SYSTEM, at the end of the file's name, is what the binary needs:
# `linux`, or `linux-gnu` with the host's C library.
. scripts/dist/common.sh

BINARY=$1
SYSTEM=$2
LICENCES=$3
OUT=$4

top=$NAME-$VERSION-$PROCESSOR-$SYSTEM
root=$STAGE/$top
install -D -m 755 "$BINARY" "$root/$NAME"
manuals "$BINARY" "$root/man"
completions "$BINARY" "$root/completions/$NAME.bash" "$root/completions/_$NAME" \
    "$root/completions/$NAME.fish"
cp -R examples docs "$root"
cp README.md README.zh-CN.md CHANGELOG.md SECURITY.md LICENSE "$root"
cp etc/traffic-forwarder.conf.example "$root/examples"
cp "$LICENCES" "$root/THIRD-PARTY-LICENCES"
chmod -R u=rwX,go=rX "$root"
tar --create --directory "$STAGE" --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" \
    --owner=0 --group=0 --numeric-owner "$top" | gzip -n -9 >"$OUT/$top.tar.gz"
