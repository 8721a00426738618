//! Directories of a path in which every user of the host may make a file or a socket.

use crate::path_walk::{Step, Walk};
use rustix::fs::{Mode, fstat};
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// The first directory on `path` in which every user can replace the next component. In a sticky directory, an existing
/// component of a trusted user cannot be replaced, except the last one, which may be removed and created again.
///
/// # Errors
///
/// A component cannot be looked up.
pub fn open_directory(path: &Path, is_trusted: impl Fn(u32) -> bool) -> Result<Option<PathBuf>> {
    let mut open = None;
    let walked = std::path::absolute(path).and_then(|path| {
        let check = |step: &Step<'_>| {
            let mode = Mode::from_raw_mode(fstat(step.directory)?.st_mode);
            let is_kept = mode.contains(Mode::SVTX)
                && !step.is_last
                && step.found.is_some_and(|found| is_trusted(found.st_uid));
            if mode.contains(Mode::WOTH) && !is_kept {
                open = Some(step.parent.to_owned());
                // Ends the walk.
                return Err(Error::from(ErrorKind::PermissionDenied));
            }
            Ok(())
        };
        Walk::new(&path, check).resolve(true)
    });
    match open {
        Some(directory) => Ok(Some(directory)),
        None => walked.map(|_| None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn the_first_directory_in_which_every_user_may_replace_the_next_component_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(dir.path()).unwrap();
        let inner = top.join("a/b");
        fs::create_dir_all(&inner).unwrap();
        let (file, own) = (inner.join("socket"), crate::user_id());
        let of = |path: &Path| open_directory(path, |user| user == 0 || user == own).unwrap();
        for (mode, expected) in [(0o755, None), (0o1777, None), (0o777, Some(top.join("a")))] {
            fs::set_permissions(top.join("a"), Permissions::from_mode(mode)).unwrap();
            assert_eq!(of(&file), expected, "{mode:o}");
        }
        fs::set_permissions(top.join("a"), Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(open_directory(&file, |_| false).unwrap(), Some(open_of_no_user(&top)));
        fs::set_permissions(&inner, Permissions::from_mode(0o1777)).unwrap();
        fs::write(&file, "").unwrap();
        assert_eq!(of(&file), Some(inner.clone()), "the socket may be made again");
        symlink("a/b/socket", top.join("link")).unwrap();
        assert_eq!(of(&top.join("link")), Some(inner));
        assert!(open_directory(&top.join("none/socket"), |_| true).is_err());
    }

    /// Without a trusted user, the sticky directory of temporary files comes first, if the host has one.
    fn open_of_no_user(top: &Path) -> PathBuf {
        let is_open = |path: &&Path| path.metadata().unwrap().permissions().mode() & 0o002 != 0;
        let mut above: Vec<_> = top.ancestors().filter(is_open).collect();
        above.pop().map_or_else(|| top.join("a"), Path::to_owned)
    }
}
