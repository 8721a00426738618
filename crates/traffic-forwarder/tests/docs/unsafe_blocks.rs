//! The inventory of `unsafe` is what the source holds.

use crate::repository::{read, root};
use testkit::{LIMIT, Tool};

#[test]
fn the_inventory_of_unsafe_blocks_is_up_to_date() {
    let script = root().join("scripts/unsafe-inventory.sh");
    let written = Tool::find("sh").run([&script], LIMIT).text();
    let page = read("docs/unsafe.md");
    assert!(page == written, "docs/unsafe.md is out of date: run `make unsafe-inventory`");
    assert!(!page.contains("no reason is given"), "{page}");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let may_hold_it = |row: &&str| {
        ["crates/sys/", "crates/profile/src/sampling/"].iter().any(|at| row[3..].starts_with(at))
    };
    assert!(rows.len() >= 5 && rows.iter().all(may_hold_it), "{page}");
}
