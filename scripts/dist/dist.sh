#!/bin/sh
# Makes everything that is given out: dist.sh OUT. It empties OUT first.
. scripts/dist/common.sh

OUT=$1
rm -rf "$OUT"
mkdir -p "$OUT"
sh scripts/dist/binaries.sh "$STAGE/bin"
sh scripts/dist/licences.sh >"$STAGE/licences"
sh scripts/dist/sbom.sh >"$OUT/$NAME-$VERSION.cdx.json"
# The static binary runs on any distribution. That of the package uses the host's C library, so that
# its modules for names work, and its fixes arrive with the host's updates.
sh scripts/dist/tarball.sh "$STAGE/bin/static" "$STAGE/licences" "$OUT"
if command -v dpkg-deb >/dev/null; then
    sh scripts/dist/deb.sh "$STAGE/bin/dynamic" "$STAGE/licences" "$OUT"
else
    echo 'dist: no .deb: dpkg-deb is not installed' >&2
fi
(cd "$OUT" && sha256sum -- "$NAME"* >SHA256SUMS)
cat "$OUT/SHA256SUMS"
