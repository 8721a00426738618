//! File operations on `keep`, so that tests can fail each of them.

use std::io;

/// The result of reading a file.
pub(super) enum FoundFile {
    Missing,
    Content(Vec<u8>),
    /// The name leads to something else. A sentence about it, without its subject.
    Unusable(String),
}

/// A directory. Names are names of files in it.
pub(super) trait Disk {
    /// Reads a regular file of at most `limit` bytes.
    fn read(&self, name: &str, limit: u64) -> io::Result<FoundFile>;

    /// Creates a file, and waits until its content survives a loss of power. Fails if the name exists.
    fn write_synced(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Renames a file over another one.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Waits until the names of the directory survive a loss of power.
    fn sync(&self) -> io::Result<()>;

    /// Removes a file, if it exists.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;
}
