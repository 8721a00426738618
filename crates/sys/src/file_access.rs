//! The access to a file of other users than its owner, by its mode and its POSIX access control list (acl(5)). The
//! default list of a directory is left out: only files that are made later get it.

use rustix::fs::{Stat, fgetxattr, fstat, getxattr};
use rustix::io::Errno;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd as _};

/// The extended attribute of the list (xattr(7)).
const ATTRIBUTE: &str = "system.posix_acl_access";
/// Longest value of an extended attribute, in bytes (`XATTR_SIZE_MAX`, linux/limits.h).
const LONGEST: usize = 64 * 1024;
/// `POSIX_ACL_XATTR_VERSION` (linux/posix_acl_xattr.h), and the bytes of an entry: tag, permissions and id.
const VERSION: [u8; 4] = 2_u32.to_le_bytes();
const ENTRY: usize = 8;
/// Tags of entries (linux/posix_acl.h).
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
/// Permission bits of one class of users.
const PERMISSIONS: u32 = 0o7;
const WRITE: u32 = 0o2;

/// Users to which a mode or a list gives permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grantee {
    /// The group of the file, by group id.
    Group(u32),
    /// A user that the list names, by user id.
    NamedUser(u32),
    /// A group that the list names, by group id.
    NamedGroup(u32),
    /// Every user of the host.
    Everyone,
}

/// Permissions of some users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// These users.
    pub grantee: Grantee,
    /// Read (4), write (2) and execute (1), as the mask of the list leaves them.
    pub permissions: u32,
}

impl Grant {
    /// Whether it includes the permission to write.
    pub(crate) fn is_to_write(self) -> bool {
        self.permissions & WRITE != 0
    }
}

impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => write!(f, "the group with the id {group}"),
            Self::NamedUser(user) => write!(f, "the user with the id {user} (by an ACL)"),
            Self::NamedGroup(group) => write!(f, "the group with the id {group} (by an ACL)"),
            Self::Everyone => f.write_str("every user"),
        }
    }
}

/// The permissions of all users but the owner: those of every user first.
///
/// # Errors
///
/// The file cannot be examined. A list that cannot be read, as without `/proc`, counts as none.
pub fn grants(file: impl AsFd) -> std::io::Result<Vec<Grant>> {
    let stat = fstat(&file)?;
    Ok(grants_by_stat(&file, &stat))
}

pub(crate) fn grants_by_stat(file: &impl AsFd, stat: &Stat) -> Vec<Grant> {
    let of_every_user = stat.st_mode & PERMISSIONS;
    let mut grants = vec![Grant { grantee: Grantee::Everyone, permissions: of_every_user }];
    if let Some(list) = list_of(file) {
        grants.extend(of_list(&list, stat.st_gid));
    } else {
        let permissions = stat.st_mode >> 3 & PERMISSIONS;
        grants.push(Grant { grantee: Grantee::Group(stat.st_gid), permissions });
    }
    grants
}

/// The entries of a list, in its binary form.
fn list_of(file: &impl AsFd) -> Option<Vec<u8>> {
    let mut bytes = vec![0; LONGEST];
    let length = match fgetxattr(file, ATTRIBUTE, &mut bytes[..]) {
        // The descriptor is only one of a path (O_PATH, open(2)).
        Err(Errno::BADF) => {
            let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
            getxattr(path, ATTRIBUTE, &mut bytes[..])
        }
        read => read,
    };
    bytes.truncate(length.ok()?);
    bytes.strip_prefix(&VERSION).map(<[u8]>::to_vec)
}

/// The permissions of a file's group and of named users and groups. The mask limits all of them.
fn of_list(list: &[u8], group: u32) -> Vec<Grant> {
    let entries = || list.chunks_exact(ENTRY).filter_map(entry);
    let mask = entries().find(|(tag, ..)| *tag == MASK).map_or(PERMISSIONS, |(_, mask, _)| mask);
    let grant = |(tag, permissions, id)| {
        let grantee = match tag {
            USER => Grantee::NamedUser(id),
            GROUP_OBJ => Grantee::Group(group),
            GROUP => Grantee::NamedGroup(id),
            // The owner, the mask and every user, whose permissions are those of the mode.
            _ => return None,
        };
        Some(Grant { grantee, permissions: permissions & mask })
    };
    entries().filter_map(grant).collect()
}

/// Tag, permissions and id of an entry.
fn entry(bytes: &[u8]) -> Option<(u16, u32, u32)> {
    let [t0, t1, p0, p1, id @ ..] = bytes else { return None };
    let id = u32::from_le_bytes(id.try_into().ok()?);
    Some((u16::from_le_bytes([*t0, *t1]), u16::from_le_bytes([*p0, *p1]).into(), id))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use rustix::fs::{XattrFlags, setxattr};
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::path::Path;

    /// Tags of the entries that every list has, and an id that says nothing.
    const USER_OBJ: u16 = 0x01;
    const OTHER: u16 = 0x20;
    const NO_ID: u32 = u32::MAX;

    /// Gives the file this list: permissions of owner, group, mask and every user, and entries of named users and
    /// groups. Returns false, and says so, if the file system has no lists.
    pub(crate) fn set_list(path: &Path, mode: [u16; 4], named: &[(Grantee, u16)]) -> bool {
        let [owner, group, mask, other] = mode;
        let named = named.iter().map(|(grantee, permissions)| match grantee {
            Grantee::NamedUser(id) => (USER, *permissions, *id),
            Grantee::NamedGroup(id) => (GROUP, *permissions, *id),
            Grantee::Group(_) | Grantee::Everyone => panic!("they have no name"),
        });
        let mut entries = vec![
            (USER_OBJ, owner, NO_ID),
            (GROUP_OBJ, group, NO_ID),
            (MASK, mask, NO_ID),
            (OTHER, other, NO_ID),
        ];
        entries.extend(named);
        entries.sort_unstable();
        let mut list = VERSION.to_vec();
        for (tag, permissions, id) in entries {
            list.extend(tag.to_le_bytes());
            list.extend(permissions.to_le_bytes());
            list.extend(id.to_le_bytes());
        }
        match setxattr(path, ATTRIBUTE, &list, XattrFlags::empty()) {
            Err(Errno::OPNOTSUPP) => {
                eprintln!("skipped: {} has no ACLs", path.display());
                false
            }
            set => {
                set.unwrap();
                true
            }
        }
    }

    #[test]
    fn a_list_decides_instead_of_the_group_bits_and_its_mask_limits_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "text").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        let file = fs::File::open(&path).unwrap();
        let group = Grantee::Group(file.metadata().unwrap().gid());
        let (user, others) = (Grantee::NamedUser(64_999), Grantee::NamedGroup(64_998));
        let all = |list: &[(Grantee, u32)]| {
            let grant = |(grantee, permissions): &(Grantee, u32)| Grant {
                grantee: *grantee,
                permissions: *permissions,
            };
            list.iter().map(grant).collect::<Vec<_>>()
        };
        assert_eq!(grants(&file).unwrap(), all(&[(Grantee::Everyone, 4), (group, 6)]));
        let path_only = rustix::fs::OFlags::PATH;
        let path_only = rustix::fs::open(&path, path_only, rustix::fs::Mode::empty()).unwrap();
        for (mask, granted) in [(7, [6, 4, 2]), (6, [6, 4, 2]), (4, [4, 4, 0])] {
            if !set_list(&path, [6, 4, mask, 0], &[(user, 6), (others, 2)]) {
                return;
            }
            let mode = file.metadata().unwrap().mode() & 0o777;
            assert_eq!(mode, 0o600 | u32::from(mask) << 3, "the mask is where the group was");
            let [of_user, of_group, of_others] = granted;
            let expected = all(&[
                (Grantee::Everyone, 0),
                (user, of_user),
                (group, of_group),
                (others, of_others),
            ]);
            assert_eq!(grants(&file).unwrap(), expected, "{mask}");
            assert_eq!(grants(&path_only).unwrap(), expected, "{mask}");
        }
    }
}
