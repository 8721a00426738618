//! The file of a listening Unix socket, which its maker removes at the end.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A socket's file, and which one it is. Removed on `Drop`, unless somebody has put another one in
/// its place meanwhile.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    /// The file that is at `path` now; `None` if there is none.
    pub fn at(path: &Path) -> Option<Self> {
        Some(Self { path: path.to_owned(), identity: identity(path)? })
    }

    /// Whether there is a socket's file at `path`.
    pub fn is_at(path: &Path) -> bool {
        std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
    }

    /// Leaves the file where it is: the socket outlives its owner.
    pub fn leave(mut self) {
        // No file is there.
        self.path = PathBuf::new();
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path) == Some(self.identity) {
            // Gone already is as good as removed.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Device and inode.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let file = std::fs::symlink_metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_file_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("socket"), dir.path().join("other"));
        std::fs::write(&path, "").unwrap();
        let own = SocketFile::at(&path).unwrap();
        std::fs::write(&other, "").unwrap();
        std::fs::rename(&other, &path).unwrap();
        drop(own);
        assert!(path.exists(), "it is somebody else's");
        SocketFile::at(&path).unwrap().leave();
        assert!(path.exists(), "it was left");
        drop(SocketFile::at(&path));
        assert!(!path.exists());
    }
}
