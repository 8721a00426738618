//! Identity of files, as far as the files of Unix sockets need it.

use rustix::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Device and inode, equal for every spelling of a path. While a Unix socket is open, no other file
/// can get the numbers of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    /// Device of the file system (`st_dev`).
    pub device: u64,
    /// Inode number on that device (`st_ino`).
    pub inode: u64,
}

impl FileId {
    /// The file at `path`, without following a symbolic link. `None` if there is none.
    pub fn at(path: &Path) -> Option<Self> {
        std::fs::symlink_metadata(path).ok().map(|file| Self::of(&file))
    }

    /// The file that connect(2) to `path` reaches, after following symbolic links. `None` if there
    /// is none.
    pub fn reached_by(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|file| Self::of(&file))
    }

    /// Removes the file at `path`, unless another one is in its place.
    pub(crate) fn remove_from(self, path: &Path) {
        if Self::at(path) == Some(self) {
            // The file may be gone already.
            let _ = std::fs::remove_file(path);
        }
    }

    /// The file of an open descriptor. `None` if fstat(2) fails.
    pub fn of_descriptor(descriptor: impl AsFd) -> Option<Self> {
        let file = rustix::fs::fstat(descriptor).ok()?;
        Some(Self { device: file.st_dev, inode: file.st_ino })
    }

    fn of(file: &std::fs::Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino() }
    }
}

/// Whether the file at `path` is a socket.
pub fn is_socket_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_reaches_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let _listener = crate::listen::unix(&path("socket"), &flow::SocketRights::AUTO).unwrap();
        let own = FileId::at(&path("socket"));
        std::os::unix::fs::symlink(path("socket"), path("link")).unwrap();
        std::os::unix::fs::symlink(dir.path(), path("directory")).unwrap();
        std::fs::hard_link(path("socket"), path("hard")).unwrap();
        for spelling in ["socket", "link", "hard", "directory/link", "directory/socket"] {
            assert_eq!(FileId::reached_by(&path(spelling)), own, "{spelling}");
        }
        assert_ne!(FileId::at(&path("link")), own);
    }
}
