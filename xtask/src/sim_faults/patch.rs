//! The patches: unified diffs behind a head of a few lines.
//!
//! ```text
//! A short send(2) counts as a whole one.
//! Production: bytes are missing in the middle of streams to slow readers
//! Known: bugs of other programs of this kind
//! --- a/crates/flow/src/relay.rs
//! +++ b/crates/flow/src/relay.rs
//! @@ -1,3 +1,3 @@
//! ```
//!
//! Line numbers are ignored: a hunk applies where its old lines are, which must be one place.

use super::{DIRECTORY, Error};
use std::fs;
use std::path::{Path, PathBuf};

/// A fault to put into the sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Name of its file, without the extension.
    pub name: String,
    /// What is wrong in the sources.
    pub title: String,
    /// What it would do in production.
    pub production: String,
    /// Known bugs of this kind in other programs; may be empty.
    pub known: String,
    /// The changed files, with their changes.
    changes: Vec<(PathBuf, Vec<Hunk>)>,
}

/// A block of lines, and the lines that replace it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Hunk {
    old: String,
    new: String,
}

/// All faults, by name.
///
/// # Errors
/// If a patch cannot be read or is malformed.
pub fn all(root: &Path) -> Result<Vec<Fault>, Error> {
    let directory = root.join(DIRECTORY);
    let entries =
        fs::read_dir(&directory).map_err(|error| Error::File(directory.clone(), error))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|error| Error::File(directory.clone(), error))?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|end| end == "patch"));
    paths.sort_unstable();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Fault, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::File(path.to_owned(), error))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    parse(&name, &text).map_err(|what| Error::Malformed(path.to_owned(), what))
}

fn parse(name: &str, text: &str) -> Result<Fault, String> {
    let at = text.find("--- a/").ok_or("no `--- a/` line")?;
    let (head, diff) = text.split_at(at);
    let mut head = head.lines();
    let title = head.next().unwrap_or_default().to_owned();
    let mut fault = Fault {
        name: name.to_owned(),
        title,
        production: String::new(),
        known: String::new(),
        changes: changes(diff)?,
    };
    for line in head {
        match line.split_once(": ") {
            Some(("Production", text)) => text.clone_into(&mut fault.production),
            Some(("Known", text)) => text.clone_into(&mut fault.known),
            _ => return Err(format!("`{line}` is no line of a head")),
        }
    }
    if fault.title.is_empty() || fault.production.is_empty() {
        return Err("the head names no fault, or no effect in production".to_owned());
    }
    Ok(fault)
}

fn changes(diff: &str) -> Result<Vec<(PathBuf, Vec<Hunk>)>, String> {
    let mut changes: Vec<(PathBuf, Vec<Hunk>)> = Vec::new();
    for line in diff.lines() {
        if let Some(path) = line.strip_prefix("--- a/") {
            changes.push((path.into(), Vec::new()));
            continue;
        }
        if line.starts_with("+++ b/") {
            continue;
        }
        let (_, hunks) = changes.last_mut().ok_or("a hunk without a file")?;
        if line.starts_with("@@ ") {
            hunks.push(Hunk::default());
            continue;
        }
        let Hunk { old, new } = hunks.last_mut().ok_or("a line outside of a hunk")?;
        let (sign, text) = line.split_at_checked(1).unwrap_or((" ", ""));
        for (in_it, side) in [(sign != "+", old), (sign != "-", new)] {
            if in_it {
                side.extend([text, "\n"]);
            }
        }
        if ![" ", "+", "-"].contains(&sign) {
            return Err(format!("`{line}` is no line of a diff"));
        }
    }
    Ok(changes)
}

impl Fault {
    /// The files that it changes.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.changes.iter().map(|(path, _)| path.as_path())
    }

    /// The changed files in the sources at `root`, with the fault in their text.
    ///
    /// # Errors
    /// If a file cannot be read, or a hunk does not apply to it.
    pub fn applied(&self, root: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
        let apply = |(path, hunks): &(PathBuf, Vec<Hunk>)| {
            let full = root.join(path);
            let text = fs::read_to_string(&full).map_err(|error| Error::File(full, error))?;
            Ok((path.clone(), self.apply(path, hunks, text)?))
        };
        self.changes.iter().map(apply).collect()
    }

    fn apply(&self, path: &Path, hunks: &[Hunk], mut text: String) -> Result<String, Error> {
        for Hunk { old, new } in hunks {
            let whole_lines = |(at, _): &(usize, &str)| text[..*at].ends_with('\n') || *at == 0;
            let places = text.match_indices(old.as_str()).filter(whole_lines);
            let places: Vec<usize> = places.map(|(at, _)| at).collect();
            let [at] = places[..] else {
                return Err(Error::Stale {
                    fault: self.name.clone(),
                    path: path.to_owned(),
                    block: old.clone(),
                    count: places.len(),
                });
            };
            text.replace_range(at..at + old.len(), new);
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "A fault.\nProduction: it hurts\n--- a/x.rs\n+++ b/x.rs\n@@ -8,3 +8,3 @@\n a\n-b\n+c\n+\n d\n";

    fn applied(text: &str) -> Result<String, Error> {
        let fault = parse("01-it", PATCH).unwrap();
        let (path, hunks) = &fault.changes[0];
        fault.apply(path, hunks, text.to_owned())
    }

    #[test]
    fn a_hunk_applies_where_its_lines_are() {
        assert_eq!(applied("1\na\nb\nd\n2\n").unwrap(), "1\na\nc\n\nd\n2\n");
    }

    #[test]
    fn a_hunk_without_one_place_is_stale() {
        for (text, times) in [("a\nd\n", 0), ("a\nb\nd\na\nb\nd\n", 2), ("xa\nb\nd\n", 0)] {
            let Err(Error::Stale { count, .. }) = applied(text) else { panic!("{text}") };
            assert_eq!(count, times);
        }
    }

    #[test]
    fn a_patch_has_a_head() {
        let fault = parse("01-it", PATCH).unwrap();
        assert_eq!(
            (&*fault.title, &*fault.production, &*fault.known),
            ("A fault.", "it hurts", "")
        );
        assert_eq!(fault.files().collect::<Vec<_>>(), [Path::new("x.rs")]);
        for wrong in [
            &PATCH[9..],
            "A fault.\nProduction: it hurts\n",
            &PATCH.replace("@@ -8,3 +8,3 @@\n", ""),
            &PATCH.replace("Production", "Effect"),
            &PATCH.replace("-b", "*b"),
        ] {
            assert!(parse("01-it", wrong).is_err(), "{wrong}");
        }
    }
}
