//! `unsafe` is only in the allowed directories, and every crate enables the lints that deny it
//! elsewhere and require doc comments.

use crate::assert_none;
use crate::sources::{Source, all, rust};

/// Directories that may contain `unsafe`.
const ALLOWED: [&str; 2] = ["crates/sys/src/", "crates/profile/src/sampling/"];

fn blocks(source: &Source) -> Vec<String> {
    let is_unsafe = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|it| code.contains(it))
    };
    let lines = source.text.lines().zip(1..).filter(|(line, _)| is_unsafe(line));
    let instead = "`unsafe`: add a safe function to the crate `sys` and call it";
    lines.map(|(_, number)| format!("{}:{number}: {instead}", source.name)).collect()
}

#[test]
fn unsafe_is_only_in_allowed_files() {
    let sources = rust(&["crates", "bench"]);
    let (allowed, others): (Vec<_>, Vec<_>) = sources
        .into_iter()
        .filter(|source| !source.name.contains("/tests/"))
        .partition(|source| ALLOWED.iter().any(|place| source.name.starts_with(place)));
    assert_none("unsafe", &others.iter().flat_map(blocks).collect::<Vec<_>>());
    let seen = allowed.iter().flat_map(blocks).count();
    assert!(seen > 20, "`unsafe` is not found any more: {seen}");
}

/// These lints require a doc comment on each public item.
#[test]
fn every_crate_has_the_lints() {
    let manifests = all(&["crates", "bench", "xtask"]).into_iter();
    let manifests: Vec<_> = manifests.filter(|it| it.name.ends_with("/Cargo.toml")).collect();
    assert!(manifests.len() > 10, "no manifests");
    let has_lints = |text: &str| {
        text.contains("[lints]\nworkspace = true") || text.contains("missing_docs = \"warn\"")
    };
    let bare = manifests.iter().filter(|manifest| !has_lints(&manifest.text));
    let instead = "add `[lints]` with `workspace = true`";
    let bare: Vec<_> = bare.map(|it| format!("{}:1: {instead}", it.name)).collect();
    assert_none("no lints", &bare);
}
