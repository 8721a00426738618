#!/bin/sh
# Builds the last commit twice, in two directories of different names, and fails unless every file
# comes out the same.
. scripts/dist/common.sh

for copy in one another; do
    git clone -q . "$STAGE/$copy"
    (
        cd "$STAGE/$copy"
        # What a calling make or cargo sets would make the two share what they build.
        env -u CARGO_TARGET_DIR -u VERSION sh scripts/dist/dist.sh dist >/dev/null
    )
done
diff "$STAGE/one/dist/SHA256SUMS" "$STAGE/another/dist/SHA256SUMS"
echo 'built twice, identical:'
cat "$STAGE/one/dist/SHA256SUMS"
