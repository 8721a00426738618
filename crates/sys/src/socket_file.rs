//! Files of listening Unix sockets, removed by the process that created them.

use crate::FileId;
use crate::kernel::{Kernel, Linux};
use std::path::{Path, PathBuf};

/// Whether clients can still reach a listening Unix socket by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// The socket's own file is in place.
    Present,
    /// The file was removed: clients cannot reach the socket.
    Missing,
    /// Another file is in its place: clients reach that one.
    Replaced,
}

/// A socket file, identified by device and inode. Dropping it removes the file, unless another one
/// is in its place. This is the only way in which this program removes the file of
/// its listener.
#[derive(Debug)]
pub struct SocketFile<K: Kernel = Linux> {
    kernel: K,
    path: PathBuf,
    id: FileId,
}

impl SocketFile {
    /// The file at `path`, if this process listens on it; otherwise this process may not remove it.
    ///
    /// The kernel records the process that called listen(2) (`SO_PEERCRED`, unix(7)), and execve(2)
    /// keeps the process id.
    pub fn of_this_process(path: &Path) -> Option<Self> {
        let file = Self::at(Linux, path)?;
        if crate::listen::unix_owner(path) == Some(std::process::id()) {
            Some(file)
        } else {
            file.leave();
            None
        }
    }
}

impl<K: Kernel> SocketFile<K> {
    /// The file that bind(2) has just created at `path`; `None` if there is none.
    pub fn at(kernel: K, path: &Path) -> Option<Self> {
        let id = kernel.file_at(path)?;
        Some(Self::known(kernel, path, id))
    }

    /// The file that a previous process image created at `path`. It may be gone.
    pub fn known(kernel: K, path: &Path, id: FileId) -> Self {
        Self { kernel, path: path.to_owned(), id }
    }

    /// Device and inode of the file.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Whether the file is still in place.
    pub fn state(&self) -> FileState {
        match self.kernel.file_at(&self.path) {
            None => FileState::Missing,
            Some(id) if id == self.id => FileState::Present,
            Some(_) => FileState::Replaced,
        }
    }

    /// Keeps the file: the socket outlives this process image.
    pub fn leave(mut self) {
        // An empty path has no file to remove.
        self.path = PathBuf::new();
    }
}

impl<K: Kernel> Drop for SocketFile<K> {
    fn drop(&mut self) {
        if self.state() == FileState::Present {
            self.kernel.remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_file_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("socket"), dir.path().join("other"));
        std::fs::write(&path, "").unwrap();
        let own = SocketFile::at(Linux, &path).unwrap();
        assert_eq!(own.state(), FileState::Present);
        std::fs::write(&other, "").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(own.state(), FileState::Replaced);
        drop(own);
        assert!(path.exists(), "another file");
        SocketFile::at(Linux, &path).unwrap().leave();
        assert!(path.exists(), "kept on purpose");
        let id = SocketFile::at(Linux, &path).map(|file| (file.id(), file.leave()).0).unwrap();
        drop(SocketFile::known(Linux, &path, id));
        assert!(!path.exists());
        assert_eq!(SocketFile::known(Linux, &path, id).state(), FileState::Missing);
    }
}
