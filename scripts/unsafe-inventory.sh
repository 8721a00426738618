#!/bin/sh
# Every `unsafe` block of the program, with the reason why it is sound, as Markdown: the text of
# docs/unsafe.md. Run by `make unsafe-inventory`; a test compares the two.
set -eu
cd "$(dirname "$0")/.."

cat <<'HEAD'
# `unsafe` in this program

Written by `make unsafe-inventory`; a test fails if it is out of date. The crate `sys` may hold `unsafe` where no
library has a safe form of a system call, and so may the samplers of `profile`, which only a profiling build contains
(`unsafe_code = "forbid"` holds for all other crates). Each block stands below a comment that says why it is sound
(`undocumented_unsafe_blocks` is denied).

| File | In | Why it is sound |
|---|---|---|
HEAD

find crates bench -name '*.rs' -path '*/src/*' | LC_ALL=C sort | while read -r file; do
    awk -v file="$file" '
        # The last function that began.
        match($0, /fn [a-z][a-z_0-9]*/) { name = substr($0, RSTART + 3, RLENGTH - 3) }
        /^ *\/\/ SAFETY: / { sub(/^ *\/\/ SAFETY: /, ""); reason = $0; open = 1; next }
        open && /^ *\/\/ / { sub(/^ *\/\/ /, ""); reason = reason " " $0; next }
        { open = 0 }
        /^[^\/]*unsafe (\{|impl|extern)/ {
            if (reason == "") reason = "**no reason is given**"
            gsub(/\|/, "\\|", reason)
            printf "| `%s` | `%s` | %s |\n", file, name, reason
            reason = ""
        }
    ' "$file"
done
