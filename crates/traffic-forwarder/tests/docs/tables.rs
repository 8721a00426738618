//! The generated parts of the documents are up to date.

use crate::repository::{BINARY, read, root};
use std::path::Path;

#[test]
fn the_generated_parts_are_up_to_date() {
    let stale = xtask::docs::stale(root(), Path::new(BINARY)).expect("every part can be generated");
    let differences: String = stale.iter().map(ToString::to_string).collect();
    assert!(differences.is_empty(), "run `cargo xtask docs`:\n{differences}");
}

#[test]
fn only_sys_and_the_samplers_contain_unsafe_blocks() {
    let page = read("docs/unsafe.md");
    assert!(!page.contains("no reason is given"), "{page}");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let may_contain_it = |row: &&str| {
        ["crates/sys/", "crates/profile/src/sampling/"].iter().any(|at| row[3..].starts_with(at))
    };
    assert!(rows.len() >= 5 && rows.iter().all(may_contain_it), "{page}");
}
