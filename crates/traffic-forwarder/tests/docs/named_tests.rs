//! Tests named in the documents exist.

use crate::repository::{files, read, root};
use std::fs;
use std::path::Path;

/// Test names have more than three words; other function names seldom do.
fn is_a_test(name: &str) -> bool {
    let words = name.split('_');
    words.clone().count() > 3
        && words.clone().all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

/// Text of all sources below a directory.
fn sources(directory: &str) -> String {
    let is_rust = |name: &String| Path::new(name).extension().is_some_and(|end| end == "rs");
    let own = files(directory).into_iter().filter(is_rust);
    let own: String = own.map(|name| read(&name)).collect();
    let entries = fs::read_dir(root().join(directory)).expect("a directory can be read");
    let entries = entries.map(|entry| entry.expect("a directory entry"));
    let below = entries.filter(|entry| entry.path().is_dir());
    let below = below.map(|entry| format!("{directory}/{}", entry.file_name().to_string_lossy()));
    below.fold(own, |text, directory| text + &sources(&directory))
}

/// Checks that each test named in a document exists, and that there are at least `least`.
fn names_tests(document: &str, least: usize) {
    let sources = sources("crates");
    let text = read(document);
    let quoted = text.split('`').skip(1).step_by(2);
    let names: Vec<_> =
        quoted.filter_map(|text| text.rsplit("::").next()).filter(|name| is_a_test(name)).collect();
    for name in &names {
        assert!(sources.contains(name), "{document}: no test `{name}`");
    }
    assert!(names.len() >= least, "{document}: only {} tests are named", names.len());
}

#[test]
fn the_tests_that_catch_bugs_exist() {
    names_tests("docs/reliability/bugs-we-can-catch.md", 26);
}

#[test]
fn the_tests_that_show_what_attacks_cost_exist() {
    names_tests("docs/reliability/abuse.md", 9);
}

#[test]
fn the_tests_that_security_rests_on_exist() {
    names_tests("SECURITY.md", 28);
}
