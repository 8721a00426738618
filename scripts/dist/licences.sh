#!/bin/sh
# Prints the licences of all third-party code in the program, and each text once with its crates.
. scripts/dist/common.sh

separator=$(printf '\t')
crates | jq -r '.[] | select(.source) | [.name, .version, .license, .manifest_path] | @tsv' >"$STAGE/list"

mkdir "$STAGE/texts" "$STAGE/users"
note() {
    sum=$(sha256sum <"$1" | cut -d ' ' -f 1)
    cp "$1" "$STAGE/texts/$sum"
    echo "$2, $(basename "$1")" >>"$STAGE/users/$sum"
}

while IFS=$separator read -r name version _ manifest; do
    # Without a licence file, only the crate's Cargo.toml names its licence.
    find "$(dirname "$manifest")" -maxdepth 1 -type f \
        \( -iname 'licen[sc]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort |
        while read -r file; do
            note "$file" "$name $version"
        done
done <"$STAGE/list"
vendored >"$STAGE/vendored"
while read -r name version _ file; do
    note "$file" "$name $version"
done <"$STAGE/vendored"

printf '%s contains these crates and libraries:\n\n' "$NAME"
cut -f 1-3 "$STAGE/list" | sed -e "s/$separator/ /" -e "s/$separator/: /"
sed 's/ \([^ ]*\) [^ ]*$/: \1/' "$STAGE/vendored"
for users in "$STAGE"/users/*; do
    printf '\n=====\n'
    cat "$users"
    printf '%s\n\n' '-----'
    cat "$STAGE/texts/$(basename "$users")"
done
