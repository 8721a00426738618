//! The inventory of `unsafe` blocks, from the comments above them.

use super::{code, files_in, table};
use std::path::Path;
use std::{fs, io};

const NO_REASON: &str = "**no reason is given**";

/// A table of the `unsafe` blocks in the sources of `crates` and `bench`, each with its file, the
/// function around it, and its `SAFETY:` comment.
pub(super) fn inventory(root: &Path) -> io::Result<String> {
    let mut rows = Vec::new();
    for directory in ["crates", "bench"] {
        collect(root, &root.join(directory), &mut rows)?;
    }
    Ok(table(&["File", "In", "Why it is sound"], rows))
}

fn collect(root: &Path, directory: &Path, rows: &mut Vec<Vec<String>>) -> io::Result<()> {
    for path in files_in(directory)? {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        if path.is_dir() {
            collect(root, &path, rows)?;
        } else if name.contains("/src/") && path.extension().is_some_and(|end| end == "rs") {
            for (function, reason) in blocks(&fs::read_to_string(&path)?) {
                rows.push(vec![code(&name), code(&function), reason]);
            }
        }
    }
    Ok(())
}

/// Each `unsafe` block of a source: the last function that began above it, and its reason.
fn blocks(source: &str) -> Vec<(String, String)> {
    let (mut function, mut reason) = (String::new(), String::new());
    let mut blocks = Vec::new();
    let mut open = false;
    for line in source.lines().map(str::trim) {
        if let Some(begun) = line.strip_prefix("// SAFETY: ") {
            begun.clone_into(&mut reason);
            open = true;
            continue;
        }
        if let Some(more) = line.strip_prefix("// ").filter(|_| open) {
            reason.extend([" ", more]);
            continue;
        }
        open = false;
        if let Some(name) = function_name(line) {
            name.clone_into(&mut function);
        }
        if is_unsafe(line) {
            let reason = std::mem::take(&mut reason);
            let reason = if reason.is_empty() { NO_REASON.to_owned() } else { reason };
            blocks.push((function.clone(), reason));
        }
    }
    blocks
}

fn function_name(line: &str) -> Option<&str> {
    let after = line.match_indices("fn ").map(|(at, word)| &line[at + word.len()..]);
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let mut names = after.filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
    names.next().map(|rest| &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())])
}

fn is_unsafe(line: &str) -> bool {
    let code = line.split('/').next().unwrap_or_default();
    ["unsafe {", "unsafe impl", "unsafe extern"].iter().any(|form| code.contains(form))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_listed_with_its_function_and_reason() {
        let source = "fn one() {\n// SAFETY: it lives\n// long enough.\nunsafe { two() }\n}\n";
        assert_eq!(blocks(source), [("one".to_owned(), "it lives long enough.".to_owned())]);
        let source = "fn three() {\n    // a note on unsafe { }\n    unsafe { four() }\n}\n";
        assert_eq!(blocks(source), [("three".to_owned(), NO_REASON.to_owned())]);
    }
}
