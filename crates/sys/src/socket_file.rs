//! Files of listening Unix sockets, removed by the process that created them.

use rustix::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

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

    /// The file of an open descriptor. `None` if fstat(2) fails.
    pub fn of_descriptor(descriptor: impl AsFd) -> Option<Self> {
        let file = rustix::fs::fstat(descriptor).ok()?;
        Some(Self { device: file.st_dev, inode: file.st_ino })
    }

    fn of(file: &std::fs::Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino() }
    }
}

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
pub struct SocketFile {
    path: PathBuf,
    id: FileId,
}

impl SocketFile {
    /// The file that bind(2) has just created at `path`; `None` if there is none.
    pub fn at(path: &Path) -> Option<Self> {
        Some(Self::known(path, FileId::at(path)?))
    }

    /// The file that a previous process image created at `path`. It may be gone.
    pub fn known(path: &Path, id: FileId) -> Self {
        Self { path: path.to_owned(), id }
    }

    /// The file at `path`, if this process listens on it; otherwise this process may not remove it.
    ///
    /// The kernel records the process that called listen(2) (`SO_PEERCRED`, unix(7)), and execve(2)
    /// keeps the process id.
    pub fn of_this_process(path: &Path) -> Option<Self> {
        let file = Self::at(path)?;
        if crate::listen::unix_owner(path) == Some(std::process::id()) {
            Some(file)
        } else {
            file.leave();
            None
        }
    }

    /// Whether the file at `path` is a socket.
    pub fn is_at(path: &Path) -> bool {
        std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
    }

    /// Device and inode of the file.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Whether the file is still in place.
    pub fn state(&self) -> FileState {
        match FileId::at(&self.path) {
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

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.state() == FileState::Present {
            // The file may be gone already.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_process_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        assert!(SocketFile::of_this_process(&path).is_none(), "no file");
        let socket = crate::listen::unix(&path).unwrap();
        drop(SocketFile::of_this_process(&path).unwrap());
        assert!(!path.exists(), "this process's own file");
        drop(socket);
        let script = "import socket, sys, time\ns = socket.socket(socket.AF_UNIX)\n\
                      s.bind(sys.argv[1])\ns.listen()\nprint(flush=True)\ntime.sleep(60)";
        let mut other = std::process::Command::new("python3")
            .args(["-c", script])
            .arg(&path)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut listens = [0];
        std::io::Read::read_exact(other.stdout.as_mut().unwrap(), &mut listens).unwrap();
        assert!(SocketFile::of_this_process(&path).is_none());
        assert!(path.exists(), "another process listens");
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(SocketFile::of_this_process(&path).is_none(), "no process listens");
        assert!(path.exists());
    }

    #[test]
    fn only_its_own_file_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("socket"), dir.path().join("other"));
        std::fs::write(&path, "").unwrap();
        let own = SocketFile::at(&path).unwrap();
        assert_eq!(own.state(), FileState::Present);
        std::fs::write(&other, "").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(own.state(), FileState::Replaced);
        drop(own);
        assert!(path.exists(), "another file");
        SocketFile::at(&path).unwrap().leave();
        assert!(path.exists(), "kept on purpose");
        let id = SocketFile::at(&path).map(|file| (file.id(), file.leave()).0).unwrap();
        drop(SocketFile::known(&path, id));
        assert!(!path.exists());
        assert_eq!(SocketFile::known(&path, id).state(), FileState::Missing);
    }

    #[test]
    fn every_spelling_of_a_path_reaches_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let _listener = crate::listen::unix(&path("socket")).unwrap();
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
