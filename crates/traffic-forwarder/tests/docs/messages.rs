//! The table of log messages matches the program's.

use crate::repository::{document, files, read, root};
use std::collections::BTreeSet;
use std::fs;

/// Sources of the crates that log, with string literals joined into one line.
fn source() -> String {
    let mut directories: Vec<_> = ["control", "discover", "host", "observe"]
        .map(|crate_name| format!("crates/{crate_name}/src"))
        .into();
    let mut source = String::new();
    while let Some(directory) = directories.pop() {
        source.extend(files(&directory).iter().map(|name| read(name)));
        let entries = fs::read_dir(root().join(&directory)).expect("a directory can be read");
        let entries = entries.map(|entry| entry.expect("a directory entry"));
        let inner = entries.filter(|entry| entry.path().is_dir());
        directories.extend(
            inner.map(|entry| format!("{directory}/{}", entry.file_name().to_string_lossy())),
        );
    }
    source.split_whitespace().collect::<Vec<_>>().join(" ").replace("\\ ", "")
}

/// String literals of a macro's arguments, up to its closing parenthesis.
fn literals(arguments: &str) -> Vec<String> {
    let (mut found, mut depth) = (Vec::new(), 1);
    let mut rest = arguments.chars();
    while let Some(next) = rest.next() {
        match next {
            '"' => found.push(rest.by_ref().take_while(|next| *next != '"').collect()),
            '(' => depth += 1,
            ')' if depth == 1 => return found,
            ')' => depth -= 1,
            _ => {}
        }
    }
    panic!("unclosed: {arguments}")
}

/// Constant prefix of a message, up to its first placeholder.
fn fixed(message: &str) -> String {
    message.split(['{', '…', '`']).next().unwrap_or_default().trim_end().to_owned()
}

/// Each logged message with its level.
fn logged() -> BTreeSet<(String, String)> {
    let source = source();
    let mut logged = BTreeSet::new();
    for level in ["debug", "info", "warn", "error"] {
        for (_, arguments) in source
            .match_indices(&format!("{level}!("))
            .map(|(at, name)| (at, &source[at + name.len()..]))
        {
            let message = literals(arguments).pop().expect("a message");
            logged.insert((level.to_owned(), fixed(&message)));
        }
        // `report_events` names a level and a message.
        let emitted = format!("Level::{}, ", level.to_uppercase());
        for (at, found) in source.match_indices(&emitted) {
            let rest = &source[at + found.len()..];
            let rest = rest.trim_start_matches("format!(");
            if let Some(message) = rest.strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                logged.insert((level.to_owned(), fixed(message)));
            }
        }
    }
    logged
}

/// Each documented message with its level.
fn documented() -> BTreeSet<(String, String)> {
    let document = document("docs/session-record.md");
    let rows = document.table(&["Level", "Message", "When"]);
    let messages = rows.iter().flat_map(|row| {
        let messages = row[1].split('`').skip(1).step_by(2);
        messages.map(|message| (row[0].to_owned(), fixed(message)))
    });
    messages.collect()
}

#[test]
fn every_message_is_explained() {
    let logged = logged();
    assert!(logged.len() >= 30, "{logged:?}");
    let missing: Vec<_> = logged.difference(&documented()).cloned().collect();
    assert!(missing.is_empty(), "not in docs/session-record.md: {missing:#?}");
}

#[test]
fn every_explained_message_is_in_the_program() {
    let source = source();
    for (_, message) in documented() {
        assert!(source.contains(&message), "no message `{message}`");
    }
}
