#!/bin/sh
# Prints the bill of materials of the program: CycloneDX 1.5 as JSON.
. scripts/dist/common.sh

time=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
crates | jq --arg root "$NAME" --arg version "$VERSION" --arg time "$time" \
    --rawfile lock Cargo.lock --arg vendored "$(vendored)" '
    def purl: "pkg:cargo/\(.name)@\(.version)";
    # Cargo.lock has the checksum of each registry crate.
    ([$lock | scan("name = \"([^\"]+)\"\nversion = \"([^\"]+)\"\nsource = [^\n]+\nchecksum = \"([0-9a-f]+)\"")
        | {key: "\(.[0])@\(.[1])", value: .[2]}] | from_entries) as $sums
    | def component(kind):
        {type: kind, "bom-ref": purl, name, version, purl: purl, description}
        + (if .license then {licenses: [{expression: (.license | gsub("/"; " OR "))}]} else {} end)
        + ($sums["\(.name)@\(.version)"] as $sum
            | if $sum then {hashes: [{alg: "SHA-256", content: $sum}]} else {} end)
        | del(..|nulls);
    {
        bomFormat: "CycloneDX",
        specVersion: "1.5",
        version: 1,
        metadata: {
            timestamp: $time,
            component: (.[] | select(.name == $root) | .version = $version | component("application"))
        },
        components: ([.[] | select(.name != $root) | component("library")]
            + [$vendored | splits("\n") | split(" ") | {name: .[0], version: .[1], licence: .[2]}
                | "pkg:npm/\(.name | ascii_downcase)@\(.version)" as $purl
                | {type: "library", "bom-ref": $purl, name, version, purl: $purl,
                    licenses: [{expression: .licence}]}])
    }'
