#!/bin/sh
# Builds the last commit twice, in two directories of different names, and fails unless all files are
# identical.
. scripts/dist/common.sh

for copy in one another; do
    git clone -q . "$STAGE/$copy"
    (
        cd "$STAGE/$copy"
        # Variables of a calling make or cargo would make both builds share a target directory.
        env -u CARGO_TARGET_DIR -u VERSION sh scripts/dist/dist.sh dist >/dev/null
    )
done
diff "$STAGE/one/dist/SHA256SUMS" "$STAGE/another/dist/SHA256SUMS"
echo 'built twice, identical:'
cat "$STAGE/one/dist/SHA256SUMS"
