//! Path resolution, one component at a time, with a check of each.

use rustix::fs::{
    FileType, Mode, OFlags, PROC_SUPER_MAGIC, Stat, fstat, fstatfs, openat, readlinkat,
};
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::Result;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

/// Limit of symbolic links in one path, as in the kernel (`MAXSYMLINKS`, path_resolution(7)).
const MOST_LINKS: usize = 40;
const LOOK_UP: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
const ENTER: OFlags = LOOK_UP.union(OFlags::DIRECTORY);

/// A name looked up in a directory: a component of the path, or of the target of a symbolic link on it.
pub(crate) struct Step<'a> {
    pub(crate) directory: &'a OwnedFd,
    /// Path of the directory.
    pub(crate) parent: &'a Path,
    pub(crate) name: &'a OsStr,
    /// The entry itself, and not the target of a link; `None` if there is none.
    pub(crate) found: Option<&'a Stat>,
    /// Whether the path ends here, unless the entry is a link.
    pub(crate) is_last: bool,
}

impl Step<'_> {
    /// Path of the entry.
    pub(crate) fn path(&self) -> PathBuf {
        self.parent.join(self.name)
    }

    pub(crate) fn is_link(&self) -> bool {
        self.found.is_some_and(is_link)
    }
}

/// Where a path ends: a name in an open directory. Later changes of the directory's path have no effect.
#[derive(Debug)]
pub(crate) struct PathEnd {
    pub(crate) directory: OwnedFd,
    pub(crate) name: OsString,
    /// Whether it is in `/proc/PID/fd`, where the text of a link need not be a path.
    pub(crate) is_descriptor: bool,
}

impl PathEnd {
    fn new(directory: OwnedFd, name: OsString) -> Self {
        Self { directory, name, is_descriptor: false }
    }
}

/// Path resolution that calls `check` at each step, and ends with its error.
pub(crate) struct Walk<C> {
    /// Components not resolved yet.
    names: VecDeque<OsString>,
    /// The resolved part of the path.
    resolved: PathBuf,
    links: usize,
    check: C,
}

impl<C: FnMut(&Step<'_>) -> Result<()>> Walk<C> {
    pub(crate) fn new(path: &Path, check: C) -> Self {
        let mut walk = Self { names: VecDeque::new(), resolved: PathBuf::new(), links: 0, check };
        walk.prepend(path);
        walk
    }

    fn prepend(&mut self, path: &Path) {
        for component in path.components().rev() {
            if component != Component::CurDir {
                self.names.push_front(component.as_os_str().to_owned());
            }
        }
    }

    /// Resolves the path. Without `follow_last`, its last component is not checked, and may be a link.
    pub(crate) fn resolve(mut self, follow_last: bool) -> Result<PathEnd> {
        let mut directory = enter(rustix::fs::CWD, OsStr::new("."))?;
        while let Some(name) = self.names.pop_front() {
            if name == "/" || name == ".." {
                directory = enter(&directory, &name)?;
                self.resolved.push(name);
                continue;
            }
            let is_last = self.names.is_empty();
            if is_last && !follow_last {
                return Ok(PathEnd::new(directory, name));
            }
            let found = openat(&directory, &name, LOOK_UP | OFlags::NOFOLLOW, Mode::empty());
            let found = match found {
                Err(rustix::io::Errno::NOENT) if is_last => {
                    self.check(&directory, &name, None)?;
                    return Ok(PathEnd::new(directory, name));
                }
                found => found?,
            };
            let stat = fstat(&found)?;
            if is_link(&stat) && is_last && is_descriptor(&found, &name)? {
                return Ok(PathEnd { directory, name, is_descriptor: true });
            }
            self.check(&directory, &name, Some(&stat))?;
            if is_link(&stat) {
                self.follow(&found)?;
            } else if is_last {
                return Ok(PathEnd::new(directory, name));
            } else {
                directory = enter(&directory, &name)?;
                self.resolved.push(name);
            }
        }
        // The root directory, or a path that ends in `..`.
        Ok(PathEnd::new(directory, OsString::from(".")))
    }

    fn check(&mut self, directory: &OwnedFd, name: &OsStr, found: Option<&Stat>) -> Result<()> {
        let is_last = self.names.is_empty();
        (self.check)(&Step { directory, parent: &self.resolved, name, found, is_last })
    }

    /// Continues with the target of a symbolic link.
    fn follow(&mut self, link: &OwnedFd) -> Result<()> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(rustix::io::Errno::LOOP.into());
        }
        let target = readlinkat(link, "", Vec::new())?;
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        self.prepend(&target);
        if target.is_absolute() {
            self.resolved = PathBuf::new();
        }
        Ok(())
    }
}

fn is_link(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
}

/// Whether a link is in `/proc/PID/fd`.
fn is_descriptor(link: &OwnedFd, name: &OsStr) -> Result<bool> {
    let is_number = name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    Ok(is_number && fstatfs(link)?.f_type == PROC_SUPER_MAGIC)
}

fn enter(directory: impl rustix::fd::AsFd, name: &OsStr) -> Result<OwnedFd> {
    Ok(openat(directory, name, ENTER | OFlags::NOFOLLOW, Mode::empty())?)
}
