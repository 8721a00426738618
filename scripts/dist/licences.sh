#!/bin/sh
# Prints the licences of all crates in the program, and each text once with the crates that have it.
. scripts/dist/common.sh

separator=$(printf '\t')
crates | jq -r '.[] | select(.source) | [.name, .version, .license, .manifest_path] | @tsv' >"$STAGE/list"

mkdir "$STAGE/texts" "$STAGE/users"
while IFS=$separator read -r name version _ manifest; do
    # A crate that holds no such file says its licence in its Cargo.toml alone.
    find "$(dirname "$manifest")" -maxdepth 1 -type f \
        \( -iname 'licen[sc]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort |
        while read -r file; do
            sum=$(sha256sum <"$file" | cut -d ' ' -f 1)
            cp "$file" "$STAGE/texts/$sum"
            echo "$name $version, $(basename "$file")" >>"$STAGE/users/$sum"
        done
done <"$STAGE/list"

printf '%s contains these crates:\n\n' "$NAME"
cut -f 1-3 "$STAGE/list" | sed -e "s/$separator/ /" -e "s/$separator/: /"
for users in "$STAGE"/users/*; do
    printf '\n=====\n'
    cat "$users"
    printf '%s\n\n' '-----'
    cat "$STAGE/texts/$(basename "$users")"
done
