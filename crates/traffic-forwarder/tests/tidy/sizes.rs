//! Bounds for the lines of files and functions.

use crate::assert_none;
use crate::sources::rust;

/// Maximum lines of a file, tests included.
const FILE: usize = 400;
/// Maximum lines of a function.
const FUNCTION: usize = 50;

/// Longer files with their bounds.
const LONG_FILES: [(&str, usize); 0] = [];
/// Longer functions with their bounds.
const LONG_FUNCTIONS: [(&str, usize); 2] = [("one_file_for_two_purposes", 51), ("happens", 60)];

fn bound(exceptions: &[(&str, usize)], name: &str, usual: usize) -> usize {
    exceptions.iter().find(|(exception, _)| *exception == name).map_or(usual, |(_, bound)| *bound)
}

/// Functions with first line and number of lines. Relies on rustfmt's indentation.
fn functions(source: &str) -> Vec<(&str, usize, usize)> {
    let lines: Vec<&str> = source.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let words = code.split("fn ").next().unwrap_or_default();
        let is_head = words.split_whitespace().all(|word| {
            ["pub", "async", "const", "unsafe", "extern", "\"C\""].contains(&word)
                || word.starts_with("pub(")
        });
        let Some((_, rest)) = code.split_once("fn ").filter(|_| is_head) else { continue };
        let name = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next();
        let indent = &line[..line.len() - code.len()];
        let (end, declared) = (format!("{indent}}}"), format!("{indent})"));
        // The body, or the arguments of a declaration in a trait.
        let is_end =
            |line: &&str| **line == end || line.starts_with(&declared) && line.ends_with(';');
        let is_one_line = code.ends_with('}') || code.ends_with(';');
        let length = lines[at..].iter().position(is_end).filter(|_| !is_one_line);
        found.extend(name.zip(length).map(|(name, length)| (name, at + 1, length + 1)));
    }
    found
}

#[test]
fn no_file_is_long() {
    let long = rust(&["crates", "bench", "xtask"]).into_iter().filter_map(|source| {
        let (lines, most) = (source.text.lines().count(), bound(&LONG_FILES, &source.name, FILE));
        let name = source.name;
        (lines > most).then(|| format!("{name}:{lines}: split it by meaning, at most {most} lines"))
    });
    assert_none("too long", &long.collect::<Vec<_>>());
}

#[test]
fn no_function_is_long() {
    let mut long = Vec::new();
    let mut seen = 0;
    for source in rust(&["crates", "bench", "xtask"]) {
        for (name, line, lines) in functions(&source.text) {
            seen += 1;
            let most = bound(&LONG_FUNCTIONS, name, FUNCTION);
            if lines > most {
                long.push(format!(
                    "{}:{line}: `{name}` has {lines} lines: give a part of it a name, at most {most}",
                    source.name
                ));
            }
        }
    }
    assert_none("too long", &long);
    assert!(seen > 2000, "functions are not found any more: {seen}");
}

#[test]
fn functions_are_measured() {
    let source = "pub(crate) fn a() {\n    one();\n}\n    const fn b() {}\n    fn c() {\n    }\n";
    assert_eq!(functions(source), [("a", 1, 3), ("c", 5, 2)]);
}
