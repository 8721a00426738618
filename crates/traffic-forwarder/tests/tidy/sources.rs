//! The files that the rules apply to. They are found by walking directories and not by git, so that a
//! file is checked before its first commit, and in an archive of the sources.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Directories with files that others wrote, or that builds, tests and packages leave.
const FOREIGN: [&str; 9] =
    ["target", ".git", "node_modules", "vendor", "corpus", "artifacts", "dist", "samples", "seeds"];

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A file, under its name from the root.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The Rust files below these directories of the root.
pub(crate) fn rust(directories: &[&str]) -> Vec<Source> {
    let mut sources = all(directories);
    sources.retain(|source| has_extension(&source.name, &["rs"]));
    assert!(sources.len() > 10, "no Rust files in {directories:?}");
    sources
}

/// The text files below these directories or files of the root.
pub(crate) fn all(places: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for place in places {
        collect(&root().join(place), &mut paths);
    }
    paths.sort_unstable();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).expect("it is below the root");
        let name = name.to_string_lossy().trim_start_matches("./").to_owned();
        // A file that is no text has no rules.
        fs::read_to_string(&path).ok().map(|text| Source { name, text })
    };
    paths.into_iter().filter_map(read).collect()
}

/// Whether a file's name ends with a dot and one of these words.
pub(crate) fn has_extension(name: &str, extensions: &[&str]) -> bool {
    let extension = Path::new(name).extension().and_then(OsStr::to_str);
    extension.is_some_and(|extension| extensions.contains(&extension))
}

fn collect(path: &Path, paths: &mut Vec<PathBuf>) {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    if !path.is_dir() {
        paths.extend(path.is_file().then(|| path.to_owned()));
    } else if !FOREIGN.contains(&name) {
        let entries = fs::read_dir(path).expect("sources can be listed");
        entries.for_each(|entry| collect(&entry.expect("a directory can be read").path(), paths));
    }
}
