#!/bin/sh
# Packs a binary with its documentation, completions and examples: tarball.sh BINARY LICENCES OUT
. scripts/dist/common.sh

BINARY=$1
LICENCES=$2
OUT=$3

top=$NAME-$VERSION-$PROCESSOR-linux
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
