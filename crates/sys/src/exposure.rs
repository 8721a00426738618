//! Whether others may change a file: by its owner and mode, or by those of its directory.

use crate::entry::Entry;
use crate::writers::{Trusted, Writers};
use rustix::fs::{Mode, OFlags, StatVfsMountFlags, fstatvfs, open};
use std::path::{Path, PathBuf};

/// How others may change a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Users that are not trusted.
    pub writers: Writers,
    /// The directory in which they may replace it; `None` if they may write to the file itself.
    pub directory: Option<PathBuf>,
}

/// How others may change the file that the path leads to. On a read-only mount they cannot.
/// `None` also if that cannot be determined.
pub fn exposure(path: &Path, trusted: Trusted) -> Option<Exposure> {
    let file = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    if fstatvfs(&file).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY)) {
        return None;
    }
    if let Some(writers) = Writers::of(&file, trusted).ok()? {
        return Some(Exposure { writers, directory: None });
    }
    // A symbolic link is replaced in its own directory.
    let names = [Some(path.to_owned()), std::fs::canonicalize(path).ok()];
    names.into_iter().flatten().find_map(|name| {
        let writers = Entry::at(&name).ok()?.replacers(trusted).ok()??;
        let directory = name.parent().filter(|directory| !directory.as_os_str().is_empty());
        Some(Exposure { writers, directory: Some(directory.unwrap_or(Path::new(".")).to_owned()) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    /// Ids of another user and of another group.
    const OTHER: u32 = 64_999;

    /// Needs root, to change the owner of a file.
    #[test]
    fn owner_and_mode_of_file_and_directory_tell_who_may_change_it() {
        if crate::user_id() != 0 {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (place, file) = (dir.path().join("d"), dir.path().join("d/file"));
        fs::create_dir(&place).unwrap();
        fs::write(&file, "text").unwrap();
        symlink("d/file", dir.path().join("link")).unwrap();
        let by_file = |writers| Some(Exposure { writers, directory: None });
        let by_directory = |writers| Some(Exposure { writers, directory: Some(place.clone()) });
        let root = Trusted { user: 0, group: 0 };
        for (trusted, [owner, group, mode], [dir_owner, dir_group, dir_mode], expected) in [
            (root, [0, 0, 0o664], [0, 0, 0o775], None),
            (root, [0, OTHER, 0o644], [0, OTHER, 0o755], None),
            (root, [0, 0, 0o666], [0, 0, 0o755], by_file(Writers::Everyone)),
            (root, [0, OTHER, 0o660], [0, 0, 0o755], by_file(Writers::Group(OTHER))),
            (root, [OTHER, 0, 0o400], [0, 0, 0o755], by_file(Writers::Owner(OTHER))),
            (root, [0, 0, 0o644], [OTHER, 0, 0o755], by_directory(Writers::Owner(OTHER))),
            (root, [0, 0, 0o644], [0, OTHER, 0o775], by_directory(Writers::Group(OTHER))),
            (root, [0, 0, 0o644], [0, 0, 0o777], by_directory(Writers::Everyone)),
            (root, [0, 0, 0o644], [0, 0, 0o1777], None),
            (root, [0, 0, 0o644], [OTHER, 0, 0o1755], by_directory(Writers::Owner(OTHER))),
            (
                Trusted { user: OTHER, group: OTHER },
                [OTHER, OTHER, 0o664],
                [OTHER, OTHER, 0o775],
                None,
            ),
        ] {
            chown(&file, Some(owner), Some(group)).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            chown(&place, Some(dir_owner), Some(dir_group)).unwrap();
            fs::set_permissions(&place, fs::Permissions::from_mode(dir_mode)).unwrap();
            for path in [&file, &dir.path().join("link")] {
                assert_eq!(exposure(path, trusted), expected, "{mode:o} in {dir_mode:o}");
            }
        }
        assert_eq!(exposure(&dir.path().join("missing"), root), None);
        assert_eq!(exposure(Path::new("/proc/version"), root), None);
    }
}
