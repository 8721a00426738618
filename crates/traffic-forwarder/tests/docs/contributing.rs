//! CONTRIBUTING.md and ARCHITECTURE.md have their sections, and the files, tests and places in the code
//! that they name exist.

use crate::markdown::Document;
use crate::repository::{document, read, root};
use std::fs;
use std::path::Path;

const PAGE: &str = "CONTRIBUTING.md";
const STRUCTURE: &str = "ARCHITECTURE.md";

/// The sections of both pages. No link leads to most of them, so a lost one breaks no other test.
const SECTIONS: [(&str, &[&str]); 2] = [
    (
        PAGE,
        &[
            "Try it",
            "Follow a byte",
            "Run one test",
            "Simulation",
            "Add a close reason",
            "Add a setting",
            "Add a stage",
            "Add a command or an option",
            "Add a forwarder to `import`",
            "Words, style, commits",
        ],
    ),
    (
        STRUCTURE,
        &[
            "Bird's-eye view",
            "The path of a byte",
            "Code map",
            "Words",
            "Invariants, and what checks each",
            "Decisions that are easy to undo by mistake",
            "Panics",
            "Differences from the first design, and why",
        ],
    ),
];

/// Cargo commands in the prose and in the blocks.
fn cargo_commands(page: &Document) -> Vec<String> {
    let blocks = page.blocks();
    let lines = blocks.iter().flat_map(|block| block.text.lines()).map(str::to_owned);
    let commands = lines.chain(page.code_spans());
    commands.filter(|command| without_variables(command).starts_with("cargo ")).collect()
}

/// A command without the environment variables in front of it.
fn without_variables(command: &str) -> &str {
    match command.split_once(' ') {
        Some((word, rest)) if word.contains('=') => without_variables(rest),
        _ => command,
    }
}

/// The names of the environment variables in front of a command.
fn variables(command: &str) -> impl Iterator<Item = &str> {
    command.split(' ').map_while(|word| Some(word.split_once('=')?.0))
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

#[test]
fn pages_have_their_sections() {
    for (page, sections) in SECTIONS {
        let page = document(page);
        let lines = page.prose();
        let found: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(found, sections, "{}", page.name);
    }
}

/// The files that a row of the code map names are in the crate of that row.
#[test]
fn the_code_map_names_every_crate_and_its_files() {
    let page = document(STRUCTURE);
    let rows = page.table(&["crate", "contents", "read first"]);
    let spans = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let mut mapped = Vec::new();
    for row in rows {
        let place = spans(row[0]).remove(0);
        let directory = root().join(&place);
        assert!(directory.is_dir(), "{STRUCTURE}: {place}");
        let named = spans(row[1]).into_iter().chain(spans(row[2]));
        for file in named.filter(|span| span.contains('/') || span.contains(".rs")) {
            let is_there = [".", "src"].iter().any(|at| directory.join(at).join(&file).exists());
            assert!(is_there, "{STRUCTURE}: {place} has no {file}");
        }
        mapped.push(place);
    }
    for entry in fs::read_dir(root().join("crates")).expect("the crates") {
        let name = entry.expect("a crate").file_name();
        let place = format!("crates/{}", name.to_str().expect("a name in ASCII"));
        assert!(mapped.contains(&place), "{STRUCTURE}: {place} is not in the code map");
    }
}

/// Outside of the code map, paths start at the root, at `crates`, or at the crate of the program.
#[test]
fn the_files_of_invariants_and_decisions_exist() {
    let starts = ["", "crates", "crates/traffic-forwarder"].map(|start| root().join(start));
    let text = read(STRUCTURE);
    let (_, text) = text.split_once("## Invariants").expect("the section");
    let page = Document::new(STRUCTURE, text.to_owned());
    let mut found = 0;
    let spans = page.code_spans();
    for path in spans.iter().filter(|span| span.contains('/') && !span.contains(' ')) {
        assert!(starts.iter().any(|start| start.join(path).exists()), "{STRUCTURE}: {path}");
        found += 1;
    }
    assert!(found >= 60, "only {found} files");
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
            None if after("--example").is_some() => "examples",
            Some(test) if package.join(format!("tests/{test}.rs")).exists() => "tests",
            Some(test) => &format!("tests/{test}"),
            None => "src",
        };
        let sources = package.join(sources);
        assert!(sources.is_dir(), "{command}");
        if let Some(example) = after("--example") {
            assert!(sources.join(format!("{example}.rs")).exists(), "{command}");
        }
        for variable in variables(&command) {
            let is_read = reads_variable(&package, variable);
            assert!(is_read, "{command}: {variable} has no effect");
        }
        let words = words.iter().take_while(|word| **word != "--");
        let words = words.filter(|word| Some(**word) != after("--test"));
        if let Some(filter) = words.last().filter(|word| word.contains('_') || word.ends_with("::"))
        {
            assert!(is_named(&sources, filter.trim_end_matches("::")), "{command}: no such test");
        }
        found += 1;
    }
    assert!(found >= 6, "only {found} commands");
}

/// Whether a source in the directory or below has the property: path, text.
fn any_source(directory: &Path, has: &dyn Fn(&Path, &str) -> bool) -> bool {
    let mut entries = fs::read_dir(directory).expect("a directory of sources");
    entries.any(|entry| {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            return any_source(&path, has);
        }
        has(&path, &fs::read_to_string(&path).unwrap_or_default())
    })
}

/// Whether a source reads an environment variable of this name.
fn reads_variable(package: &Path, variable: &str) -> bool {
    any_source(package, &|_, text| text.contains(&format!("\"{variable}\"")))
}

/// Whether a source, or a test in one, has this name.
fn is_named(sources: &Path, name: &str) -> bool {
    any_source(sources, &|path, text| {
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
        ("crates/simulation/src/script/event.rs", "enum Event {"),
        ("crates/simulation/src/script/event.rs", "enum Command {"),
        ("crates/simulation/src/shrink.rs", "fn simpler("),
        ("crates/testkit/src/sim/conditions.rs", "struct Conditions {"),
        ("crates/testkit/src/sim/conditions.rs", "enum Call {"),
        ("crates/plan/tests/samples.rs", "EXPECT=write cargo test -p plan"),
        ("crates/traffic-forwarder/tests/e2e/crossings/settings.rs", "fn fixed_values("),
        ("crates/plan/src/plan.rs", "struct ForwardSettings"),
        ("crates/plan/src/setting.rs", "enum Kind"),
        ("crates/plan/src/field.rs", "words!("),
        ("crates/plan/src/words.rs", "words! {"),
    ] {
        assert!(read(file).contains(name), "{file} has no `{name}` any more");
    }
}
