//! The steps of which reading and writing the directory consist.

use std::io;

/// A directory. Names are names of files in it.
pub(super) trait Disk {
    /// The content of a regular file of at most `limit` bytes; `None` if there is no such file.
    fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>>;

    /// Creates a file. Fails if the name exists.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Waits until the content of a file survives a loss of power.
    fn sync_file(&self, name: &str) -> io::Result<()>;

    /// Renames a file over another one.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Waits until the names of the directory survive a loss of power.
    fn sync(&self) -> io::Result<()>;

    /// Removes a file, if it exists.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;
}
