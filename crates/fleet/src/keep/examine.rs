//! A look at the directory `keep` for `doctor`, which leaves nothing behind and takes no lock.

use super::Place;
use super::directory::{Directory, LOCK};
use super::error::KeepError;
use rustix::fs::{Access, access, major, minor, stat, statfs, statvfs};
use std::fs;
use std::path::{Path, PathBuf};

// Of statfs(2): file systems in memory.
const IN_MEMORY: [i128; 2] = [0x0102_1994, 0x8584_58f6];

/// The state of the directory `keep`.
#[derive(Debug)]
pub struct ExaminedKeep {
    /// Whether it exists.
    pub exists: bool,
    /// Why it cannot be used by this user.
    pub fault: Option<KeepError>,
    /// What is wrong with its content, if no process uses it.
    pub damage: Option<KeepError>,
    /// Whether it is lost at a reboot.
    pub is_in_memory: bool,
    /// Free bytes for this user.
    pub free: Option<u64>,
    /// Bytes of the files in it.
    pub used: u64,
}

/// The file that a process locks which uses the directory.
pub fn lock_of(keep: &Path) -> PathBuf {
    keep.join(LOCK)
}

/// The process with a lock of flock(2) on a file, from `/proc/locks`:
/// `1: FLOCK  ADVISORY  WRITE 1234 fe:01:56789 0 EOF`.
pub fn locking_process(file: &Path) -> Option<u32> {
    let found = stat(file).ok()?;
    let (major, minor) = (major(found.st_dev), minor(found.st_dev));
    let place = format!("{major:02x}:{minor:02x}:{}", found.st_ino);
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let is_here = fields.get(1) == Some(&"FLOCK") && fields.get(5) == Some(&place.as_str());
        if is_here { fields[4].parse().ok() } else { None }
    })
}

/// Examines the directory as the user of this process. A missing one counts as the one in which it would be created.
/// The content is read only if no process uses it: it may change in the meantime.
pub fn examine_keep(path: &Path, is_in_use: bool) -> ExaminedKeep {
    let exists = path.is_dir();
    let parent = path.parent().unwrap_or(path);
    let place = if exists { path } else { parent };
    let (fault, damage) = match Directory::without_lock(path) {
        Ok(directory) if exists => (None, (!is_in_use).then(|| damage(path, directory)).flatten()),
        Ok(_) => (None, None),
        Err(_) if !exists && may_be_created(path, parent) => (None, None),
        Err(error) => (Some(error), None),
    };
    ExaminedKeep {
        exists,
        fault,
        damage,
        is_in_memory: statfs(place).is_ok_and(|it| IN_MEMORY.contains(&i128::from(it.f_type))),
        free: statvfs(place).ok().map(|it| it.f_bavail.saturating_mul(it.f_frsize)),
        used: used(path),
    }
}

fn may_be_created(path: &Path, parent: &Path) -> bool {
    path.symlink_metadata().is_err() && access(parent, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

fn damage(path: &Path, directory: Directory) -> Option<KeepError> {
    Place::new(path.to_owned(), directory).load().err()
}

/// Bytes of the files in a directory.
fn used(path: &Path) -> u64 {
    let files = fs::read_dir(path).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|it| it.len()).sum()
}
