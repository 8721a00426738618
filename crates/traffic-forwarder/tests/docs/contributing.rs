//! The files, tests and functions named in CONTRIBUTING.md exist.

use crate::markdown::Document;
use crate::repository::{document, root};
use std::fs;

const PAGE: &str = "CONTRIBUTING.md";

/// Cargo commands in the prose and in the blocks.
fn cargo_commands(page: &Document) -> Vec<String> {
    let blocks = page.blocks();
    let lines = blocks.iter().flat_map(|block| block.text.lines()).map(str::to_owned);
    let commands = lines.chain(page.code_spans());
    commands.filter(|command| command.starts_with("cargo ")).collect()
}

#[test]
fn named_files_exist() {
    let mut found = 0;
    for path in document(PAGE).code_spans().iter().filter(|span| is_path(span)) {
        assert!(root().join(path).exists(), "{PAGE}: {path} does not exist");
        found += 1;
    }
    assert!(found >= 18, "only {found} files");
}

fn is_path(span: &str) -> bool {
    ["crates/", "docs/", "examples/"].iter().any(|start| span.starts_with(start))
}

#[test]
fn named_tests_exist() {
    let mut found = 0;
    for command in cargo_commands(&document(PAGE)) {
        let words: Vec<_> = command.split(' ').collect();
        let after = |flag: &str| {
            let at = words.iter().position(|word| *word == flag)?;
            words.get(at + 1).copied()
        };
        let Some(package) = after("-p") else { continue };
        let package = root().join("crates").join(package);
        assert!(package.is_dir(), "{command}");
        let sources = match after("--test") {
            Some(test) if package.join(format!("tests/{test}.rs")).exists() => "tests",
            Some(test) => &format!("tests/{test}"),
            None => "src",
        };
        let sources = package.join(sources);
        assert!(sources.is_dir(), "{command}");
        if let Some(filter) = words.last().filter(|word| word.contains('_') || word.ends_with("::"))
        {
            assert!(is_named(&sources, filter.trim_end_matches("::")), "{command}: no such test");
        }
        found += 1;
    }
    assert!(found >= 6, "only {found} commands");
}

/// Whether a file in the directory, or a test in one of them, has this name.
fn is_named(sources: &std::path::Path, name: &str) -> bool {
    let entries = fs::read_dir(sources).expect("a directory of tests");
    let mut files = entries.map(|entry| entry.expect("a directory entry").path());
    files.any(|path| {
        let text = fs::read_to_string(&path).unwrap_or_default();
        path.file_stem().is_some_and(|stem| stem == name) || text.contains(&format!("fn {name}"))
    })
}

#[test]
fn named_places_in_the_code_exist() {
    for (file, name) in [
        ("crates/flow/src/close/reason.rs", "Cause {"),
        ("crates/flow/src/saved.rs", "const CAUSES"),
        ("crates/flow/src/deadlines.rs", "fn deadline("),
        ("crates/flow/src/deadlines.rs", "fn limit_reached("),
        ("crates/flow/src/deadlines.rs", "struct Timeouts"),
        ("crates/flow/src/session.rs", "fn next"),
        ("crates/flow/src/session.rs", "enum Stage {"),
        ("crates/handover/src/messages/worker.rs", "struct Session {"),
        ("crates/engine/src/permit.rs", "struct Permit {"),
        ("crates/engine/src/rules.rs", "fn are_stricter_than("),
        ("crates/engine/src/worker.rs", "fn session_event"),
        ("crates/engine/src/worker/begin.rs", "fn begin"),
        ("crates/engine/src/worker/timers.rs", "fn fired"),
        ("crates/plan/src/settings.rs", "rows! { Section::ForwardDefaults, ForwardSettings {"),
        ("crates/plan/src/settings.rs", "rows! { Section::Process, Process {"),
        ("crates/plan/src/settings.rs", "rows! { Section::Log, Log {"),
        ("crates/plan/src/settings.rs", "inline_table!"),
        ("crates/plan/tests/samples.rs", "EXPECT=write cargo test -p plan"),
        ("crates/traffic-forwarder/tests/e2e/crossings/settings.rs", "fn fixed_values("),
        ("crates/plan/src/plan.rs", "struct ForwardSettings"),
        ("crates/plan/src/setting.rs", "enum Kind"),
        ("crates/plan/src/field.rs", "words!("),
        ("crates/plan/src/words.rs", "words! {"),
    ] {
        assert!(crate::repository::read(file).contains(name), "{file} has no `{name}` any more");
    }
}
