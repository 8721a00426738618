//! The table of findings: which history found a fault, and by which rule. Written by
//! `cargo xtask sim-faults`; the documents show it.

use super::{DIRECTORY, Error};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The first history that broke a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its seed. Histories run from seed 0 on.
    pub seed: u64,
    /// The function that checks the rule.
    pub rule: String,
    /// The broken rule, with `N` for numbers.
    pub message: String,
}

/// The findings by name of the fault.
#[derive(Debug, Default)]
pub struct Findings(BTreeMap<String, Finding>);

impl Findings {
    /// Reads the table; no file is an empty table.
    ///
    /// # Errors
    /// If the file cannot be read or is malformed.
    pub fn read(root: &Path) -> Result<Self, Error> {
        let path = path(root);
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(&path).map_err(|error| Error::File(path.clone(), error))?;
        let findings: Option<BTreeMap<_, _>> = text.lines().map(parse).collect();
        let findings = findings.ok_or("a line has not four fields");
        findings.map(Self).map_err(|what| Error::Malformed(path, what.to_owned()))
    }

    /// Writes the table.
    pub(super) fn write(&self, root: &Path) -> Result<(), Error> {
        let line = |(name, finding): (&String, &Finding)| {
            let Finding { seed, rule, message } = finding;
            format!("{name}\t{seed}\t{rule}\t{message}\n")
        };
        let text: String = self.0.iter().map(line).collect();
        let path = path(root);
        fs::write(&path, text).map_err(|error| Error::File(path, error))
    }

    /// The finding of a fault.
    pub fn get(&self, fault: &str) -> Option<&Finding> {
        self.0.get(fault)
    }

    /// The names of faults with a finding.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn set(&mut self, fault: &str, finding: Finding) {
        self.0.insert(fault.to_owned(), finding);
    }

    pub(super) fn remove(&mut self, fault: &str) {
        self.0.remove(fault);
    }
}

fn path(root: &Path) -> PathBuf {
    root.join(DIRECTORY).join("found.tsv")
}

fn parse(line: &str) -> Option<(String, Finding)> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, seed, rule, message] = fields[..] else { return None };
    let finding =
        Finding { seed: seed.parse().ok()?, rule: rule.to_owned(), message: message.to_owned() };
    Some((name.to_owned(), finding))
}

impl Finding {
    /// The finding of a failed run. `place` is the line of the code that found it, in the sources at
    /// `root`.
    pub(super) fn new(root: &Path, seed: u64, place: &str, message: &str) -> Self {
        Self { seed, rule: rule_at(root, place), message: without_numbers(message) }
    }
}

/// The module and the function at `FILE:LINE:COLUMN`.
fn rule_at(root: &Path, place: &str) -> String {
    let mut parts = place.rsplitn(3, ':').skip(1);
    let line = parts.next().and_then(|line| line.parse().ok()).unwrap_or(0);
    let file = Path::new(parts.next().unwrap_or(place));
    let module = file.file_stem().unwrap_or_default().to_string_lossy();
    let text = fs::read_to_string(root.join(file)).unwrap_or_default();
    let before: Vec<&str> = text.lines().take(line).collect();
    let function = before.iter().rev().find_map(|line| {
        let (head, rest) = line.split_once("fn ")?;
        let is_head = head.split_whitespace().all(|word| word.starts_with("pub"));
        is_head.then(|| rest.split(['(', '<']).next().unwrap_or_default())
    });
    function.map_or_else(|| module.to_string(), |function| format!("{module}::{function}"))
}

/// Longest part of a message that is shown.
const LONGEST: usize = 100;

/// The first line of a message, with `N` for each number, and shortened.
fn without_numbers(message: &str) -> String {
    let message = message.strip_prefix("assertion `left == right` failed: ").unwrap_or(message);
    let mut text = String::new();
    let mut in_number = false;
    for c in message.lines().next().unwrap_or_default().chars() {
        if c.is_ascii_digit() {
            text.extend((!in_number).then_some('N'));
        } else {
            text.push(if c == '\t' { ' ' } else { c });
        }
        in_number = c.is_ascii_digit();
    }
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_by_its_function() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let line = line!();
        let rule = rule_at(root, &format!("xtask/src/sim_faults/findings.rs:{line}:9"));
        assert_eq!(rule, "findings::a_place_is_named_by_its_function");
        assert_eq!(rule_at(root, "/nowhere/option.rs:10:9"), "option");
    }

    #[test]
    fn messages_of_one_rule_are_equal() {
        let [one, other] = [
            "session 7: 1200 bytes\nmore",
            "assertion `left == right` failed: session 12: 3 bytes",
        ]
        .map(without_numbers);
        assert_eq!((&*one, one.clone()), ("session N: N bytes", other));
        assert_eq!(without_numbers(&"x".repeat(101)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn the_table_comes_back() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(DIRECTORY)).unwrap();
        let mut findings = Findings::read(root.path()).unwrap();
        let finding = Finding { seed: 5, rule: "a::b".into(), message: "c d".into() };
        findings.set("01-it", finding.clone());
        findings.write(root.path()).unwrap();
        assert_eq!(Findings::read(root.path()).unwrap().get("01-it"), Some(&finding));
        fs::write(path(root.path()), "01-it\tx\n").unwrap();
        assert!(Findings::read(root.path()).is_err());
    }
}
