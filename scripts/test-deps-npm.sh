#!/bin/sh
# Installs the browser driver of the web page's tests beside them, unless it is up to date. The lock
# file pins every version and its hash.
set -eu

cd crates/traffic-forwarder/tests/page
installed=node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ package-lock.json -nt "$installed" ]; then
    npm ci --ignore-scripts
fi
