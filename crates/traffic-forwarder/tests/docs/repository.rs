//! Reading files of this repository.

use crate::markdown::Document;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_traffic-forwarder");

/// Root directory of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Reads a file by its path from the root.
pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Paths of the files directly in a directory.
pub(crate) fn files(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(directory));
    let entries = entries.unwrap_or_else(|error| panic!("{directory}: {error}"));
    let paths = entries.map(|entry| entry.expect("a directory can be read").path());
    let paths = paths.filter(|path| path.is_file());
    let name = |path: PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<String> = paths.filter_map(name).collect();
    names.sort_unstable();
    names.into_iter().map(|name| format!("{directory}/{name}")).collect()
}

/// The English and the Chinese README.
pub(crate) fn readmes() -> [Document; 2] {
    ["README.md", "README.zh-CN.md"].map(document)
}

/// The READMEs and all documents in `docs`.
pub(crate) fn documents() -> Vec<Document> {
    let is_markdown = |name: &String| Path::new(name).extension().is_some_and(|end| end == "md");
    let docs = files("docs").into_iter().filter(is_markdown);
    readmes().into_iter().chain(docs.map(|name| document(&name))).collect()
}

/// Reads and parses one document.
pub(crate) fn document(name: &str) -> Document {
    Document::new(name, read(name))
}
