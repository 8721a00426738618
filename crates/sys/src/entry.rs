//! Directory entries that a privileged process creates, renames and removes where other users may
//! write. No symbolic link of another user can redirect it to a different directory.
//!
//! The kernel protects only sticky directories, and only with `fs.protected_symlinks`
//! (proc_sys_fs(5)).

use crate::path_walk::{PathEnd, Step, Walk};
use crate::writers::{TrustedAccount, Writers};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, fcntl_setfl, fstat, openat, renameat, statat, unlinkat,
};
use rustix::process::geteuid;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

mod streams;

const TO_APPEND: OFlags =
    OFlags::WRONLY.union(OFlags::APPEND).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A name in an open directory. Later changes of the directory's path have no effect.
#[derive(Debug)]
pub struct Entry(PathEnd);

impl Entry {
    /// The file that the path leads to. Every symbolic link on the way must belong to root or this
    /// user, because its owner can point it anywhere.
    pub fn reached_by(path: &Path) -> Result<Self> {
        resolve(path, true)
    }

    /// The last component of the path itself, even if it is a symbolic link.
    pub fn at(path: &Path) -> Result<Self> {
        resolve(path, false)
    }

    /// Name of the entry in its directory.
    pub fn name(&self) -> &OsStr {
        &self.0.name
    }

    /// Whether it is a descriptor, such as `/dev/stdout`: another name for a file that is already
    /// open.
    pub fn is_descriptor(&self) -> bool {
        self.0.is_descriptor
    }

    /// Opens the file for appending, and creates it with `mode` if needed. A pipe is an error;
    /// opening it does not block.
    pub fn open_to_append(&self, mode: u32) -> Result<File> {
        let mut flags = TO_APPEND | OFlags::CREATE | OFlags::NONBLOCK;
        if self.0.is_descriptor {
            flags.remove(OFlags::NOFOLLOW | OFlags::CREATE);
        }
        let opened = openat(&self.0.directory, &self.0.name, flags, Mode::from_raw_mode(mode));
        let is_pipe = |stat: &Stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo;
        let file = match opened {
            // A pipe without a reader.
            Err(rustix::io::Errno::NXIO) => return Err(pipe()),
            opened => opened?,
        };
        let stat = fstat(&file)?;
        if is_pipe(&stat) {
            return Err(pipe());
        }
        let is_regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if is_regular && stat.st_nlink > 1 && self.writers()?.is_some() {
            return Err(self.hard_link(stat.st_nlink));
        }
        fcntl_setfl(&file, OFlags::APPEND)?;
        Ok(file.into())
    }

    /// Creates `name` for appending, replacing an existing file or link.
    pub fn make_anew(&self, name: &OsStr, mode: u32) -> Result<File> {
        match self.remove(name) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let flags = TO_APPEND | OFlags::CREATE | OFlags::EXCL;
        Ok(openat(&self.0.directory, name, flags, Mode::from_raw_mode(mode))?.into())
    }

    /// Renames within the directory. Does not follow symbolic links.
    pub fn rename(&self, from: &OsStr, to: &OsStr) -> Result<()> {
        Ok(renameat(&self.0.directory, from, &self.0.directory, to)?)
    }

    /// Removes `name` from the directory. Does not follow symbolic links.
    pub fn remove(&self, name: &OsStr) -> Result<()> {
        Ok(unlinkat(&self.0.directory, name, AtFlags::empty())?)
    }

    /// Whether the directory has an entry `name`, dangling links included.
    pub fn has(&self, name: &OsStr) -> bool {
        statat(&self.0.directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Other users that can change the directory, if any. Its group is trusted.
    pub fn writers(&self) -> Result<Option<Writers>> {
        let stat = fstat(&self.0.directory)?;
        let trusted = TrustedAccount { user: geteuid().as_raw(), group: stat.st_gid };
        Ok(Writers::by_stat(&self.0.directory, &stat, trusted))
    }

    fn hard_link(&self, names: impl fmt::Display) -> Error {
        let name = self.0.name.to_string_lossy();
        let message = format!(
            "`{}` is one of {names} names of a file, in a directory where others may write: it could \
             be any file of this disk",
            name.escape_debug()
        );
        Error::new(ErrorKind::InvalidInput, message)
    }
}

fn pipe() -> Error {
    // Opening a pipe blocks until a reader comes, and a write blocks on a slow reader.
    Error::new(ErrorKind::InvalidInput, "it is a pipe, and a file is needed")
}

fn is_trusted(owner: u32) -> bool {
    owner == 0 || owner == geteuid().as_raw()
}

/// Resolves a path, as long as no link of another user is on it.
fn resolve(path: &Path, follow_last: bool) -> Result<Entry> {
    let check = |step: &Step<'_>| match step.found {
        Some(link) if step.is_link() && !is_trusted(link.st_uid) => {
            Err(foreign_link(&step.path(), link.st_uid))
        }
        _ => Ok(()),
    };
    Walk::new(path, check).resolve(follow_last).map(Entry)
}

fn foreign_link(path: &Path, owner: u32) -> Error {
    let path = path.display().to_string();
    let message = format!(
        "`{}` is a symbolic link of the user with the id {owner}, who could point it at any file",
        path.escape_debug()
    );
    Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::{MetadataExt as _, lchown, symlink};
    use std::path::PathBuf;

    /// User id of another user.
    const OTHER: u32 = 64_999;
    const MODE: u32 = 0o640;

    fn append(path: &Path, text: &str) -> Result<()> {
        Entry::reached_by(path)?.open_to_append(MODE)?.write_all(text.as_bytes())
    }

    #[test]
    fn own_links_are_followed_as_by_the_kernel() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("a/b")).unwrap();
        for (target, link) in [
            ("a/b", "into"),
            ("../b/file", "a/b/dots"),
            ("into/dots", "chain"),
            (at("a").to_str().unwrap(), "absolute"),
        ] {
            symlink(target, at(link)).unwrap();
        }
        for path in ["chain", "into/file", "absolute/b/file", "a/../a/./b/dots", "a/b/file"] {
            append(&at(path), path).unwrap();
            let text = fs::read_to_string(at("a/b/file")).unwrap();
            assert!(text.ends_with(path), "{path}: {text}");
        }
        assert_eq!(fs::metadata(at("a/b/file")).unwrap().mode() & 0o777, MODE);
        symlink("loop", at("loop")).unwrap();
        let error = append(&at("loop"), "").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::LOOP.raw_os_error()));
        for missing in ["none/file", "a/b/file/none"] {
            assert!(append(&at(missing), "").is_err(), "{missing}");
        }
    }

    #[test]
    fn devices_are_opened_and_pipes_do_not_block() {
        append(Path::new("/dev/null"), "text").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .unwrap();
        assert!(append(&path, "").unwrap_err().to_string().contains("it is a pipe"));
        let reader = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        assert!(append(&path, "").unwrap_err().to_string().contains("it is a pipe"));
        drop(reader);
    }

    #[test]
    fn a_descriptor_is_opened_whatever_its_link_says() {
        use std::os::fd::AsRawFd as _;
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("file")).unwrap();
        // The text of the link now ends with "(deleted)".
        fs::remove_file(dir.path().join("file")).unwrap();
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let entry = Entry::reached_by(&path).unwrap();
        assert!(entry.is_descriptor());
        entry.open_to_append(MODE).unwrap().write_all(b"text").unwrap();
        assert_eq!(file.metadata().unwrap().len(), 4);
    }

    #[test]
    fn operations_apply_to_names_and_not_to_link_targets() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("victim"), "text").unwrap();
        symlink("victim", at("link")).unwrap();
        let entry = Entry::at(&at("link")).unwrap();
        entry.make_anew(OsStr::new("link"), MODE).unwrap().write_all(b"new").unwrap();
        symlink("victim", at("other")).unwrap();
        entry.rename(OsStr::new("other"), OsStr::new("renamed")).unwrap();
        entry.remove(OsStr::new("renamed")).unwrap();
        assert!(!entry.has(OsStr::new("renamed")) && entry.has(OsStr::new("link")));
        assert_eq!(fs::read_to_string(at("victim")).unwrap(), "text");
        assert_eq!(fs::read_to_string(at("link")).unwrap(), "new");
    }

    /// Needs root, to change the owner of a file.
    #[test]
    fn links_and_directories_of_another_user_are_detected() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        if crate::user_id() != 0 {
            return;
        }
        fs::create_dir(at("d")).unwrap();
        fs::write(at("victim"), "text").unwrap();
        symlink("../victim", at("d/link")).unwrap();
        symlink("d", at("way")).unwrap();
        fs::hard_link(at("victim"), at("d/hard")).unwrap();
        assert_eq!(Entry::at(&at("d/link")).unwrap().writers().unwrap(), None);
        append(&at("d/hard"), "").unwrap();
        lchown(at("d"), Some(OTHER), None).unwrap();
        assert_eq!(
            Entry::at(&at("d/link")).unwrap().writers().unwrap(),
            Some(Writers::Owner(OTHER))
        );
        append(&at("d/link"), "").expect("a link of root");
        assert!(append(&at("d/hard"), "").unwrap_err().to_string().contains("names of a file"));
        for (link, path) in [("d/link", "d/link"), ("way", "way/new")] {
            lchown(at(link), Some(OTHER), None).unwrap();
            let error = append(&at(path), "").unwrap_err().to_string();
            assert!(error.contains("is a symbolic link of the user with the id 64999"), "{error}");
        }
        assert_eq!(fs::read_to_string(at("victim")).unwrap(), "text");
        assert!(!at("d/new").exists());
    }
}
