#!/bin/sh
# Takes the README's picture of the web page: a forwarder under load for a minute, in a headless
# browser. capture-page.sh [FILE]
set -eu

sh scripts/test-deps-npm.sh
picture=${1:-docs/images/page.png}
mkdir -p "$(dirname "$picture")"
directory=$(cd "$(dirname "$picture")" && pwd)
PAGE_PICTURE=$directory/$(basename "$picture") \
    cargo test -p traffic-forwarder --test page -- --ignored --exact capture::capture_the_picture_of_the_readme
