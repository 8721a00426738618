#!/bin/sh
# Makes all release files: dist.sh OUT. Empties OUT first.
. scripts/dist/common.sh

OUT=$1
rm -rf "$OUT"
mkdir -p "$OUT"
sh scripts/dist/binaries.sh "$STAGE/bin"
sh scripts/dist/licences.sh >"$STAGE/licences"
sh scripts/dist/sbom.sh >"$OUT/$NAME-$VERSION.cdx.json"
if command -v cargo-cyclonedx >/dev/null; then
    sh scripts/dist/cyclonedx.sh >"$OUT/$NAME-$VERSION-cargo.cdx.json"
else
    echo 'dist: no bill of materials by cargo-cyclonedx: it is not installed' >&2
fi
# The static binary runs on any distribution. The dynamic one uses the host's C library: name service
# modules work, and fixes arrive with the host's updates.
sh scripts/dist/tarball.sh "$STAGE/bin/static" linux "$STAGE/licences" "$OUT"
sh scripts/dist/tarball.sh "$STAGE/bin/dynamic" linux-gnu "$STAGE/licences" "$OUT"
if command -v dpkg-deb >/dev/null; then
    sh scripts/dist/deb.sh "$STAGE/bin/dynamic" "$STAGE/licences" "$OUT"
else
    echo 'dist: no .deb: dpkg-deb is not installed' >&2
fi
(cd "$OUT" && sha256sum -- "$NAME"* >SHA256SUMS)
cat "$OUT/SHA256SUMS"
