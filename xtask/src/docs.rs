//! The generated parts of the documents.
//!
//! A part stands between `<!-- generated: NAME -->` and `<!-- /generated -->`; its text comes from
//! the code. [`stale`] finds the documents whose parts differ, and [`Stale::write`] renews one.

pub mod commands;
mod found_faults;
mod make;
mod markers;
mod tables;
mod unsafe_blocks;

use crate::sim_faults;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{error, fmt, fs, io};

/// A document with parts that are out of date. Displays the lines that differ.
#[derive(Debug)]
pub struct Stale {
    path: PathBuf,
    current: String,
    generated: String,
}

impl Stale {
    /// Replaces the parts in the file.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        fs::write(root.join(&self.path), &self.generated)
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:", self.path.display())?;
        let lines = |text: &'_ str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let (old, new) = (lines(&self.current), lines(&self.generated));
        for line in old.iter().filter(|line| !new.contains(line)) {
            writeln!(f, "- {line}")?;
        }
        for line in new.iter().filter(|line| !old.contains(line)) {
            writeln!(f, "+ {line}")?;
        }
        Ok(())
    }
}

/// Why the parts cannot be generated.
#[derive(Debug)]
pub enum Error {
    /// A file or the program could not be read.
    Read(PathBuf, io::Error),
    /// A marker names no part, or is not closed.
    Marker(PathBuf, markers::Fault),
    /// No document shows this part.
    Unused(&'static str),
    /// The faults of the simulation cannot be read.
    Faults(sim_faults::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Marker(path, fault) => write!(f, "{}: {fault}", path.display()),
            Self::Unused(part) => write!(f, "no document has the part `{part}`"),
            Self::Faults(error) => error.fmt(f),
        }
    }
}

impl error::Error for Error {}

/// Every part by its name.
type Parts = BTreeMap<&'static str, String>;

/// The documents of the repository at `root` whose generated parts differ from the code, with the
/// commands as `program` describes them.
///
/// # Errors
/// If a source cannot be read, a marker is wrong, or a part stands in no document.
pub fn stale(root: &Path, program: &Path) -> Result<Vec<Stale>, Error> {
    let parts = parts(root, program)?;
    let mut used = Vec::new();
    let mut stale = Vec::new();
    for path in documents(root)? {
        let current = read(&root.join(&path))?;
        let filled = markers::fill(&current, |name| {
            let (name, text) = parts.get_key_value(name)?;
            used.push(*name);
            Some(text.as_str())
        });
        let generated = filled.map_err(|fault| Error::Marker(path.clone(), fault))?;
        if generated != current {
            stale.push(Stale { path, current, generated });
        }
    }
    match parts.keys().find(|name| !used.contains(name)) {
        Some(name) => Err(Error::Unused(name)),
        None => Ok(stale),
    }
}

fn parts(root: &Path, program: &Path) -> Result<Parts, Error> {
    let mut parts = tables::parts();
    let commands =
        commands::read(program).map_err(|error| Error::Read(program.to_owned(), error))?;
    parts.insert("commands.list", commands::list(&commands));
    parts.insert("commands", commands::reference(&commands));
    parts.insert("make.targets", make::targets(&read(&root.join("Makefile"))?));
    let blocks = unsafe_blocks::inventory(root).map_err(|error| Error::Read(root.into(), error))?;
    parts.insert("unsafe", blocks);
    parts.insert("faults.simulation", found_faults::faults(root)?);
    Ok(parts)
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::Read(path.to_owned(), error))
}

/// The Markdown files of the root and of the directories with generated parts, relative to the root.
fn documents(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut documents = Vec::new();
    for directory in ["", "docs", "docs/reliability"] {
        let files = files_in(&root.join(directory));
        let files = files.map_err(|error| Error::Read(root.join(directory), error))?;
        let names = files.iter().filter_map(|file| file.file_name());
        documents.extend(names.map(|name| Path::new(directory).join(name)));
    }
    documents.retain(|path| path.extension().is_some_and(|end| end == "md"));
    Ok(documents)
}

/// The entries of a directory, sorted.
fn files_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?.map(|entry| Ok(entry?.path()));
    let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
    entries.sort_unstable();
    Ok(entries)
}

/// A name of the program, in the form in which documents show it.
pub fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A Markdown table. Vertical bars in cells are escaped.
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let head = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    let line = |row: Vec<String>| {
        let cells: Vec<_> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    rows.into_iter().map(line).fold(head, |table, line| table + &line)
}
