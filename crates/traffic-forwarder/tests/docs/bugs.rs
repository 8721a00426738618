//! The list of bugs that our tests catch names tests that there are.

use crate::repository::{files, read};

const PLACES: [&str; 8] = [
    "crates/traffic-forwarder/tests/e2e",
    "crates/traffic-forwarder/tests/e2e/fidelity",
    "crates/traffic-forwarder/tests/faults",
    "crates/traffic-forwarder/tests/budgets",
    "crates/testkit/src/cases",
    "crates/flow/src",
    "crates/flow/tests",
    "crates/engine/src",
];

/// Our tests are sentences; a function of the program is seldom one.
fn is_a_test(name: &str) -> bool {
    let words = name.split('_');
    words.clone().count() > 3
        && words
            .clone()
            .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
}

#[test]
fn the_tests_that_catch_bugs_exist() {
    let document = read("docs/reliability/bugs-we-can-catch.md");
    let sources: String =
        PLACES.iter().flat_map(|place| files(place)).map(|name| read(&name)).collect();
    let quoted = document.split('`').skip(1).step_by(2);
    let names = quoted.filter_map(|text| text.rsplit("::").next()).filter(|name| is_a_test(name));
    let mut count = 0;
    for name in names {
        assert!(sources.contains(name), "no test `{name}`");
        count += 1;
    }
    assert!(count >= 26, "only {count} tests are named");
}
