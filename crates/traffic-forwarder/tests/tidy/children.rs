//! Unit tests in `src` start no processes. Until it calls execve(2), a child holds copies of all
//! descriptors of its process: a pipe end or socket that another test drops at that moment stays open.
//! A test that needs a child is in `tests`, in a separate test program. So is the comparison of the
//! simulated kernel with this one, which sees every close of a descriptor.

use crate::assert_none;
use crate::sources::{Source, rust};

/// Sources with tests that start children: starting them is what they test, or they need the private
/// parts of a program. Other tests of the same test program wait until a descriptor is closed.
const EXCEPTIONS: [&str; 4] = [
    "bench/src/compare/affinity.rs",
    "bench/src/compare/tree.rs",
    "crates/testkit/src/",
    "crates/traffic-forwarder/src/top/terminal.rs",
];

/// The test program that compares descriptors of the simulated kernel with this kernel's.
const COMPARISON: &str = "crates/testkit/tests/kernel_model/";

/// Calls that start a process, by the standard library and by `testkit`.
const STARTS: [&str; 4] = ["Command::new(", "Forwarder::", "Terminal::open(", "Tool::find("];

/// Lines of a source that belong to its unit tests, with their numbers.
fn test_lines(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let is_for_tests = source.name.ends_with("/tests.rs") || source.name.contains("/tests/");
    let is_start = move |line: &str| is_for_tests || line.trim_start().starts_with("mod tests {");
    let lines = (1..).zip(source.text.lines());
    lines.skip_while(move |(_, line)| !is_start(line))
}

fn starts(source: &Source) -> Vec<String> {
    let is_start = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        STARTS.iter().any(|start| code.contains(start))
    };
    let lines = test_lines(source).filter(|(_, line)| is_start(line));
    let instead = "starts a process: move the test to `tests`, in a separate test program";
    lines.map(|(number, _)| format!("{}:{number}: {instead}", source.name)).collect()
}

#[test]
fn unit_tests_start_no_processes() {
    let mut sources = rust(&["crates", "bench", "xtask"]);
    sources.retain(|source| source.name.contains("/src/") || source.name.starts_with(COMPARISON));
    let mut found: Vec<_> = sources.iter().flat_map(starts).collect();
    assert!(sources.iter().any(|source| source.name.starts_with(COMPARISON)), "{COMPARISON}");
    for exception in EXCEPTIONS {
        let before = found.len();
        found.retain(|place| !place.starts_with(exception));
        assert!(found.len() < before, "an exception without need: {exception}");
    }
    assert_none("unit tests with children", &found);
}

#[test]
fn a_start_is_found_in_tests_only() {
    let text =
        "fn a() { Command::new(\"a\") }\nmod tests {\n// Command::new(\n    Command::new(\"b\")\n";
    let source = |name: &str| Source { name: name.to_owned(), text: text.to_owned() };
    let lines =
        |name: &str| test_lines(&source(name)).map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!((lines("a.rs"), lines("a/tests.rs")), (vec![2, 3, 4], vec![1, 2, 3, 4]));
    assert_eq!(starts(&source("a.rs")).len(), 1);
    assert!(starts(&source("a.rs"))[0].starts_with("a.rs:4: starts a process"));
}
