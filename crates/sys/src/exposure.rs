//! Whether untrusted users can change the file at a path: checks owner, mode and access control list of the file, and of
//! each directory and symbolic link on the path, as sshd(8) does with the modes.

use crate::path_walk::{Step, Walk};
use crate::writers::{TrustedAccount, Writers};
use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags, StatVfsMountFlags, fstat, fstatvfs, open};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// How others may change a file, or have its path lead to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Users that are not trusted.
    pub writers: Writers,
    /// The part of the path that they may change.
    pub part: ExposedPart,
}

/// A part of a path that others may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExposedPart {
    /// They may write to the file itself.
    File,
    /// They may replace this entry in its directory.
    Replaceable(PathBuf),
    /// They own this symbolic link, or this entry of a sticky directory.
    Owned(PathBuf),
}

/// How others may change the file that the path leads to. On a read-only mount they cannot.
/// `None` also if the file cannot be opened.
pub fn exposure(path: &Path, trusted: TrustedAccount) -> Option<Exposure> {
    let file = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    if !is_read_only(&file)
        && let Some(writers) = Writers::of(&file, trusted).ok()?
    {
        return Some(Exposure { writers, part: ExposedPart::File });
    }
    let mut found = None;
    let check = |step: &Step<'_>| {
        found = exposure_of(step, trusted)?;
        // An error ends the walk.
        found.as_ref().map_or(Ok(()), |_| Err(Error::from(ErrorKind::PermissionDenied)))
    };
    // The file could be opened, so each component is there.
    let _ = Walk::new(&std::path::absolute(path).ok()?, check).resolve(true);
    found
}

/// How others may have an entry of the path lead elsewhere.
fn exposure_of(step: &Step<'_>, trusted: TrustedAccount) -> std::io::Result<Option<Exposure>> {
    let Some(entry) = step.found.filter(|_| !is_read_only(step.directory)) else { return Ok(None) };
    let directory = fstat(step.directory)?;
    let is_sticky = Mode::from_raw_mode(directory.st_mode).contains(Mode::SVTX);
    let writers = Writers::by_stat(step.directory, &directory, trusted);
    // In a sticky directory, only the owners of entry and directory may replace the entry (inode(7)).
    let replacers = writers.filter(|it| !is_sticky || matches!(it, Writers::Owner(_)));
    if let Some(writers) = replacers {
        return Ok(Some(Exposure { writers, part: ExposedPart::Replaceable(step.path()) }));
    }
    let is_own =
        (is_sticky && writers.is_some() || step.is_link()) && !trusted.has_user(entry.st_uid);
    let writers = Writers::Owner(entry.st_uid);
    Ok(is_own.then(|| Exposure { writers, part: ExposedPart::Owned(step.path()) }))
}

fn is_read_only(file: impl AsFd) -> bool {
    fstatvfs(file).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_access::Grantee;
    use crate::file_access::tests::set_list;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};

    /// Ids of another user and of another group.
    const OTHER: u32 = 64_999;
    const ROOT: TrustedAccount = TrustedAccount { user: 0, group: 0 };
    const EVERYONE: Writers = Writers::Granted(Grantee::Everyone);
    const GROUP: Writers = Writers::Granted(Grantee::Group(OTHER));

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
        let own = TrustedAccount { user: OTHER, group: OTHER };
        let by_file = |writers| Some(Exposure { writers, part: ExposedPart::File });
        let by_directory =
            |writers| Some(Exposure { writers, part: ExposedPart::Replaceable(file.clone()) });
        for (trusted, [owner, group, mode], [dir_owner, dir_group, dir_mode], expected) in [
            (ROOT, [0, 0, 0o664], [0, 0, 0o775], None),
            (ROOT, [0, OTHER, 0o644], [0, OTHER, 0o755], None),
            (ROOT, [0, 0, 0o666], [0, 0, 0o755], by_file(EVERYONE)),
            (ROOT, [0, OTHER, 0o660], [0, 0, 0o755], by_file(GROUP)),
            (ROOT, [OTHER, 0, 0o400], [0, 0, 0o755], by_file(Writers::Owner(OTHER))),
            (ROOT, [0, 0, 0o644], [OTHER, 0, 0o755], by_directory(Writers::Owner(OTHER))),
            (ROOT, [0, 0, 0o644], [0, OTHER, 0o775], by_directory(GROUP)),
            (ROOT, [0, 0, 0o644], [0, 0, 0o777], by_directory(EVERYONE)),
            (ROOT, [0, 0, 0o644], [0, 0, 0o1777], None),
            (ROOT, [0, 0, 0o644], [OTHER, 0, 0o1755], by_directory(Writers::Owner(OTHER))),
            (own, [OTHER, OTHER, 0o664], [OTHER, OTHER, 0o775], None),
        ] {
            chown(&file, Some(owner), Some(group)).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            chown(&place, Some(dir_owner), Some(dir_group)).unwrap();
            fs::set_permissions(&place, fs::Permissions::from_mode(dir_mode)).unwrap();
            for path in [&file, &dir.path().join("link")] {
                assert_eq!(exposure(path, trusted), expected, "{mode:o} in {dir_mode:o}");
            }
        }
        assert_eq!(exposure(&dir.path().join("missing"), ROOT), None);
        assert_eq!(exposure(Path::new("/proc/version"), ROOT), None);
    }

    /// The directories above the last one, and the links on the way.
    #[test]
    fn every_component_of_the_path_counts() {
        if crate::user_id() != 0 {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("a/b/c")).unwrap();
        fs::write(at("a/b/c/file"), "text").unwrap();
        symlink("a/b", at("way")).unwrap();
        symlink("c/file", at("a/b/last")).unwrap();
        let mode = |name: &str, mode: u32| {
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        let paths = ["a/b/c/file", "way/c/file", "way/last", "way/c/../last"];
        let all_are = |writers: Writers, part: ExposedPart| {
            for path in paths {
                let expected = Some(Exposure { writers, part: part.clone() });
                assert_eq!(exposure(&at(path), ROOT), expected, "{path}");
            }
        };
        let none_is = || {
            for path in paths {
                assert_eq!(exposure(&at(path), ROOT), None, "{path}");
            }
        };
        none_is();
        mode("a", 0o777);
        all_are(EVERYONE, ExposedPart::Replaceable(at("a/b")));
        mode("a", 0o1777);
        none_is();
        lchown(at("a/b"), Some(OTHER), None).unwrap();
        all_are(Writers::Owner(OTHER), ExposedPart::Owned(at("a/b")));
        mode("a", 0o755);
        lchown(at("a/b"), Some(0), None).unwrap();
        for (link, path) in [("way", "way/c/file"), ("a/b/last", "a/b/last")] {
            lchown(at(link), Some(OTHER), None).unwrap();
            let part = ExposedPart::Owned(at(link));
            let expected = Some(Exposure { writers: Writers::Owner(OTHER), part });
            assert_eq!(exposure(&at(path), ROOT), expected, "{path}");
            lchown(at(link), Some(0), None).unwrap();
        }
    }

    /// The list of a file, of the directory that holds it, and of one above: each names another user.
    #[test]
    fn a_list_exposes_a_file_to_the_users_that_it_names() {
        if crate::user_id() != 0 {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::write(at("a/b/file"), "text").unwrap();
        let file = at("a/b/file");
        let found = |trusted| exposure(&file, trusted);
        let (user, group) = (Grantee::NamedUser(OTHER), Grantee::NamedGroup(OTHER));
        let of_file = |writers| Some(Exposure { writers, part: ExposedPart::File });
        for (named, mask, expected) in [
            ((user, 6), 6, of_file(Writers::Granted(user))),
            ((group, 2), 7, of_file(Writers::Granted(group))),
            ((user, 6), 4, None),
            ((user, 4), 7, None),
            ((Grantee::NamedUser(0), 6), 6, None),
        ] {
            if !set_list(&file, [6, 4, mask, 4], &[named]) {
                return;
            }
            assert_eq!(found(ROOT), expected, "{named:?} with the mask {mask}");
            assert_eq!(found(TrustedAccount { user: OTHER, group: OTHER }), None, "{named:?}");
        }
        // The group bits of the mode, which are the mask, say more than the group may.
        chown(&file, None, Some(OTHER)).unwrap();
        set_list(&file, [6, 4, 6, 4], &[(Grantee::NamedUser(0), 6)]);
        assert_eq!(found(ROOT), None);
        for (directory, part) in [("a/b", "a/b/file"), ("a", "a/b")] {
            set_list(&at(directory), [7, 5, 7, 5], &[(user, 7)]);
            let part = ExposedPart::Replaceable(at(part));
            let expected = Some(Exposure { writers: Writers::Granted(user), part });
            assert_eq!(found(ROOT), expected, "{directory}");
            set_list(&at(directory), [7, 5, 5, 5], &[(user, 7)]);
            assert_eq!(found(ROOT), None, "{directory}");
        }
    }
}
