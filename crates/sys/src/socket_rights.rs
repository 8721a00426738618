//! Mode, owner and group of the files of listening Unix sockets.

use crate::{Errno, FileId, NotGranted, Result};
use flow::SocketRights;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, FileType, MemfdFlags, Mode, OFlags, chmodat, chownat, fstat, memfd_create, open,
};
use rustix::process::{Gid, Uid, getegid, geteuid};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Permission bits of a mode.
const PERMISSIONS: u32 = 0o777;

/// Permission bits that a group hands on to new files of its directory (inode(7)).
const SETGID: u32 = 0o2000;

/// The rights that a file has, or that it is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileRights {
    mode: u32,
    owner: u32,
    group: u32,
}

/// Changes the rights on the socket file at `path`, if it is still `file`. Equal rights leave the file as it is,
/// which another program may have changed. What `after` leaves to the kernel, and
/// `before` has set, becomes that of a new file.
///
/// # Errors
///
/// The setting that the kernel refuses. The file then has its rights as before.
pub fn change_socket_rights(
    path: &Path,
    file: FileId,
    before: &SocketRights,
    after: &SocketRights,
) -> std::result::Result<(), NotGranted> {
    if before == after {
        return Ok(());
    }
    let opened = open_socket_file(path, file).map_err(|errno| of("listen", errno))?;
    let held = rights_of(opened.as_fd()).map_err(|errno| of("listen", errno))?;
    change(opened.as_fd(), held, wanted(path, held, before, after))
}

/// Whether [`change_socket_rights`] would succeed for the file at `path`, or for a new one if there is none. Changes
/// a nameless file of the same rights in its place.
///
/// # Errors
///
/// The setting that the kernel would refuse.
pub fn try_socket_rights(
    path: &Path,
    before: &SocketRights,
    after: &SocketRights,
) -> std::result::Result<(), NotGranted> {
    if before == after {
        return Ok(());
    }
    let failed = |errno| of("listen", errno);
    let stand_in = memfd_create("socket", MemfdFlags::CLOEXEC).map_err(failed)?;
    let new = rights_of(stand_in.as_fd()).map_err(failed)?;
    let held = if *before == SocketRights::AUTO { None } else { path.symlink_metadata().ok() };
    let Some(held) = held else {
        return change(stand_in.as_fd(), new, wanted(path, new, before, after));
    };
    let held = FileRights { mode: held.mode() & PERMISSIONS, owner: held.uid(), group: held.gid() };
    let wanted = wanted(path, held, before, after);
    // As the file has come to its rights by a permission that may be gone since.
    change(stand_in.as_fd(), new, held)
        .and_then(|()| change(stand_in.as_fd(), held, wanted))
        .or_else(|error| if held == wanted { Ok(()) } else { Err(error) })
}

/// Opens the socket file at `path`, whatever its rights are, unless another file is in its place: another user may
/// have put a link there, to a file of ours.
fn open_socket_file(path: &Path, file: FileId) -> Result<OwnedFd> {
    let opened = open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let kind = FileType::from_raw_mode(fstat(&opened)?.st_mode);
    let is_it = kind == FileType::Socket && FileId::of_descriptor(&opened) == Some(file);
    if is_it { Ok(opened) } else { Err(Errno::NOENT) }
}

fn rights_of(file: BorrowedFd<'_>) -> Result<FileRights> {
    let stat = fstat(file)?;
    Ok(FileRights { mode: stat.st_mode & PERMISSIONS, owner: stat.st_uid, group: stat.st_gid })
}

/// The rights that the file at `path` is to have.
fn wanted(
    path: &Path,
    held: FileRights,
    before: &SocketRights,
    after: &SocketRights,
) -> FileRights {
    let was_set = |before: Option<u32>, of_new: &dyn Fn() -> u32| before.map(|_| of_new());
    let mode = after.mode.or_else(|| was_set(before.mode, &|| PERMISSIONS & !umask()));
    let owner = after.owner.or_else(|| was_set(before.owner, &|| geteuid().as_raw()));
    let group = after.group.or_else(|| was_set(before.group, &|| group_of_new_file(path)));
    FileRights {
        mode: mode.unwrap_or(held.mode),
        owner: owner.unwrap_or(held.owner),
        group: group.unwrap_or(held.group),
    }
}

/// The umask of this process, which umask(2) could read only by changing it for all threads; 022 without `/proc`.
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    mask.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok()).unwrap_or(0o022)
}

fn group_of_new_file(path: &Path) -> u32 {
    let directory = path.parent().and_then(|directory| directory.metadata().ok());
    let handed_on = directory.filter(|it| it.mode() & SETGID != 0).map(|it| it.gid());
    handed_on.unwrap_or_else(|| getegid().as_raw())
}

/// Changes rights in an order in which no client may connect that may do so neither before nor after, and which
/// needs no permission beyond chown(2): the owner is last, since only the owner may change the mode.
fn change(
    file: BorrowedFd<'_>,
    held: FileRights,
    wanted: FileRights,
) -> std::result::Result<(), NotGranted> {
    let mode = |mode| set_mode(file, mode).map_err(|errno| of("mode", errno));
    let mut mode_now = held.mode;
    let changed = (|| {
        if wanted.group != held.group {
            if mode_now & wanted.mode != mode_now {
                mode(mode_now & wanted.mode)?;
                mode_now &= wanted.mode;
            }
            let group = Some(Gid::from_raw(wanted.group));
            set_owner(file, None, group).map_err(|errno| of("group", errno))?;
        }
        if wanted.mode != mode_now {
            mode(wanted.mode)?;
            mode_now = wanted.mode;
        }
        if wanted.owner != held.owner {
            let owner = Some(Uid::from_raw(wanted.owner));
            set_owner(file, owner, None).map_err(|errno| of("owner", errno))?;
        }
        Ok(())
    })();
    if changed.is_err() {
        // What could be changed can be changed back.
        let _ = set_mode(file, mode_now & held.mode);
        let _ = set_owner(file, None, Some(Gid::from_raw(held.group)));
        let _ = set_mode(file, held.mode);
    }
    changed
}

fn set_owner(file: BorrowedFd<'_>, owner: Option<Uid>, group: Option<Gid>) -> Result<()> {
    chownat(file, "", owner, group, AtFlags::EMPTY_PATH)
}

/// chmod(2) by the descriptor: fchmod(2) refuses one that was opened without permissions (`O_PATH`, open(2)).
fn set_mode(file: BorrowedFd<'_>, mode: u32) -> Result<()> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    chmodat(CWD, path, Mode::from_raw_mode(mode), AtFlags::empty())
}

fn of(key: &'static str, errno: Errno) -> NotGranted {
    NotGranted { key, errno }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn mode(mode: u32) -> SocketRights {
        SocketRights { mode: Some(mode), ..SocketRights::AUTO }
    }

    #[test]
    fn a_mode_is_set_whatever_the_umask_is_and_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let _listener = UnixListener::bind(&path).unwrap();
        let file = FileId::at(&path).unwrap();
        let held = || path.metadata().unwrap().mode() & PERMISSIONS;
        let before = held();
        for (from, to) in [(SocketRights::AUTO, mode(0o666)), (mode(0o666), mode(0o600))] {
            try_socket_rights(&path, &from, &to).unwrap();
            change_socket_rights(&path, file, &from, &to).unwrap();
            assert_eq!(Some(held()), to.mode);
        }
        change_socket_rights(&path, file, &mode(0o600), &SocketRights::AUTO).unwrap();
        assert_eq!(held(), before);
        change_socket_rights(&path, file, &SocketRights::AUTO, &SocketRights::AUTO).unwrap();
        assert_eq!(held(), before);
    }

    #[test]
    fn another_file_at_the_path_keeps_its_rights() {
        let dir = tempfile::tempdir().unwrap();
        let [path, other] = ["socket", "other"].map(|name| dir.path().join(name));
        let _listener = UnixListener::bind(&path).unwrap();
        let file = FileId::at(&path).unwrap();
        std::fs::write(&other, "").unwrap();
        let before = other.metadata().unwrap().mode();
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        let changed = change_socket_rights(&path, file, &SocketRights::AUTO, &mode(0o666));
        assert_eq!(changed, Err(NotGranted { key: "listen", errno: Errno::NOENT }));
        assert_eq!(other.metadata().unwrap().mode(), before);
    }
}
