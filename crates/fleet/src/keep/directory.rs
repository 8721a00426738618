//! A directory of the file system that only this process writes to.

use super::disk::{Disk, FoundFile};
use super::error::KeepError;
use rustix::fs::{
    Access, AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, access, flock, fstat, fsync,
    mkdir, open, openat, renameat, stat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Name of the file whose lock is that of the directory.
pub(super) const LOCK: &str = "lock";
/// For the owner only.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const DIRECTORY_MODE: Mode = Mode::RWXU;
/// Permission bits of the group and of others to write.
const OTHERS_WRITE: u32 = 0o022;

/// An open directory. Files in it are reached by its descriptor and never through links.
pub(super) struct Directory {
    directory: OwnedFd,
    /// Holds the lock. Without it, nothing is written.
    _lock: Option<OwnedFd>,
}

impl Directory {
    pub(super) fn open(path: &Path) -> Result<Self, KeepError> {
        let failed = |act: &'static str| {
            move |error: Errno| KeepError::Io { act, path: path.to_owned(), error: error.into() }
        };
        match mkdir(path, DIRECTORY_MODE) {
            Ok(()) => sync_parent(path)?,
            Err(Errno::EXIST) => {}
            // The directory may exist where it must not be created: in a file system that is read-only, or behind
            // the sandbox.
            Err(error) if open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).is_err() => {
                return Err(failed("create")(error));
            }
            Err(_) => {}
        }
        let directory = open_directory(path)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = openat(&directory, LOCK, flags, FILE_MODE).map_err(failed("lock"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { directory, _lock: Some(lock) }),
            Err(Errno::WOULDBLOCK) => Err(KeepError::InUse { path: path.to_owned() }),
            Err(error) => Err(failed("lock")(error)),
        }
    }

    /// Opens an existing directory for reading, and fails where [`open`](Self::open) would fail for its rights.
    pub(super) fn without_lock(path: &Path) -> Result<Self, KeepError> {
        let failed = |act: &'static str| {
            move |error: Errno| KeepError::Io { act, path: path.to_owned(), error: error.into() }
        };
        let directory = open_directory(path)?;
        access(path, Access::WRITE_OK | Access::EXEC_OK).map_err(failed("write to"))?;
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&directory, LOCK, flags, Mode::empty()) {
            Ok(_) | Err(Errno::NOENT) => Ok(Self { directory, _lock: None }),
            Err(error) => Err(failed("lock")(error)),
        }
    }

    /// Whether this directory is the one at `path`.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let (own, found) = (fstat(&self.directory), stat(path));
        matches!((own, found), (Ok(own), Ok(found))
            if (own.st_dev, own.st_ino) == (found.st_dev, found.st_ino))
    }
}

/// Waits until the name of a new directory survives a loss of power.
fn sync_parent(path: &Path) -> Result<(), KeepError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let failed =
        |error: Errno| KeepError::Io { act: "sync", path: parent.to_owned(), error: error.into() };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match open(parent, flags, Mode::empty()) {
        Ok(directory) => fsync(&directory).map_err(failed),
        // A directory may allow new names and no reading.
        Err(Errno::ACCESS) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Opens a directory that no other user can write to.
fn open_directory(path: &Path) -> Result<OwnedFd, KeepError> {
    let failed =
        |error: Errno| KeepError::Io { act: "open", path: path.to_owned(), error: error.into() };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = open(path, flags, Mode::empty()).map_err(failed)?;
    let found = fstat(&directory).map_err(failed)?;
    let user = geteuid().as_raw();
    if (found.st_uid != user && found.st_uid != 0) || found.st_mode & OTHERS_WRITE != 0 {
        let (owner, mode) = (found.st_uid, found.st_mode & 0o7777);
        return Err(KeepError::Exposed { path: path.to_owned(), owner, mode, user });
    }
    Ok(directory)
}

impl Disk for Directory {
    fn read(&self, name: &str, limit: u64) -> io::Result<FoundFile> {
        // NONBLOCK: opening a FIFO must not wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.directory, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(FoundFile::Missing),
            Err(Errno::LOOP) => return Ok(FoundFile::Unusable("is a symbolic link".to_owned())),
            Err(error) => return Err(error.into()),
        };
        if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
            return Ok(FoundFile::Unusable("is not a regular file".to_owned()));
        }
        let mut bytes = Vec::new();
        File::from(file).take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Ok(FoundFile::Unusable(format!("has more than {} MiB", limit >> 20)));
        }
        Ok(FoundFile::Content(bytes))
    }

    fn write_synced(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.directory, name, flags, FILE_MODE)?);
        file.write_all(bytes)?;
        // On the descriptor that wrote: a later one may not get the error of a failed write-back (fsync(2)).
        file.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.directory, from, &self.directory, to)?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(fsync(&self.directory)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.directory)? {
            names.extend(entry?.file_name().to_str().map(str::to_owned));
        }
        Ok(names)
    }
}
