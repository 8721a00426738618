#!/bin/sh
# Installs what steers the browser in the tests of the web page, beside these tests, unless it is
# there already. The lock file names every version and its hash.
set -eu

cd crates/traffic-forwarder/tests/page
installed=node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ package-lock.json -nt "$installed" ]; then
    npm ci --ignore-scripts
fi
