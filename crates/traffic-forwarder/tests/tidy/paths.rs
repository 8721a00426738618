//! No text names a path of its author's machine. Names of home and mounted directories are
//! arbitrary, so the rule lists the allowed ones.

use crate::assert_none;
use crate::sources::{Source, all, has_extension};

/// Allowed directories of the Filesystem Hierarchy Standard.
const STANDARD: [&str; 15] = [
    "bin", "dev", "etc", "lib", "mnt", "opt", "proc", "run", "sbin", "srv", "sys", "tmp", "usr",
    "var", "boot",
];
/// Examples in tests, and first components of our URLs and of build paths.
const OTHERS: [&str; 13] = [
    "a", "cargo", "d", "debug", "e", "no", "nobody", "nowhere", "page", "path", "some", "src",
    "tests",
];

const PLACES: [&str; 17] = [
    ".ci",
    ".github",
    "bench",
    "crates",
    "docs",
    "etc",
    "examples",
    "fuzz",
    "packaging",
    "scripts",
    "xtask",
    "Makefile",
    "Dockerfile",
    "README.md",
    "README.zh-CN.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
];

/// First components of the absolute paths in a line.
fn tops(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices('/').filter_map(|(at, _)| {
        let before = line[..at].chars().next_back();
        let begins = before.is_none_or(|c| c.is_whitespace() || "\"'`(=:".contains(c));
        let (top, rest) = line[at + 1..].split_once('/')?;
        let is_name = !top.is_empty() && top.bytes().all(|byte| byte.is_ascii_lowercase());
        (begins && is_name && rest.starts_with(|c: char| c.is_ascii_lowercase())).then_some(top)
    })
}

fn foreign(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (line, number) in source.text.lines().zip(1..) {
        let unknown = tops(line).filter(|top| !STANDARD.contains(top) && !OTHERS.contains(top));
        found.extend(unknown.map(|top| {
            format!("{}:{number}: `/{top}`: name a standard directory, or `/path`", source.name)
        }));
    }
    found
}

#[test]
fn no_text_names_a_machine_path() {
    let texts = all(&PLACES).into_iter().filter(|it| !has_extension(&it.name, &["svg", "lock"]));
    let found: Vec<_> = texts.flat_map(|source| foreign(&source)).collect();
    assert_none("paths of a machine", &found);
}

#[test]
fn a_home_directory_is_found() {
    // Split, or the rule would report this line.
    let text = concat!("one\ncd '/", "home/me' # in /var/lib, see https://e.example/home/me\n");
    let text = text.to_owned();
    let found = foreign(&Source { name: "a.sh".to_owned(), text });
    assert_eq!(found, ["a.sh:2: `/home`: name a standard directory, or `/path`"]);
}
