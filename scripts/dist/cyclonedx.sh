#!/bin/sh
# Prints the bill of materials by cargo-cyclonedx: the crates of sbom.sh, with the graph of their
# dependencies. It does not replace sbom.sh, because it knows crates only, not the vendored library of
# the web page, and must be installed. Fails if the two name different crates.
. scripts/dist/common.sh

# The tool has no output directory: it writes this file beside each manifest of the workspace.
made=cargo-cyclonedx.$$
cargo cyclonedx --quiet --format json --spec-version 1.5 --no-build-deps --override-filename "$made" \
    --manifest-path "crates/$NAME/Cargo.toml"
mv "crates/$NAME/$made.json" "$STAGE/whole"
rm "bench/$made.json" crates/*/"$made.json" "xtask/$made.json"

# Identifiers of our crates begin with the directory of the build.
id=$(cargo pkgid --offline -p "$NAME")
jq --arg root "${id%"crates/$NAME#"*}" \
    'walk(if type == "string" then split($root) | join("path+file:///") else . end)' \
    "$STAGE/whole" >"$STAGE/bill"

names() {
    jq -r '.components[] | select(.purl | startswith("pkg:cargo/")) | "\(.name) \(.version)"' | sort
}
names <"$STAGE/bill" >"$STAGE/theirs"
sh scripts/dist/sbom.sh | names >"$STAGE/ours"
diff "$STAGE/theirs" "$STAGE/ours" >&2
cat "$STAGE/bill"
