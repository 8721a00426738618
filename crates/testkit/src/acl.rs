//! POSIX access control lists (acl(5)).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{XattrFlags, setxattr};
use rustix::io::Errno;

/// Gives a user permissions (read 4, write 2, execute 1) by the list of a file, whose owner, group and others keep those
/// of its mode. Returns false, and says so, if the file system has no lists.
#[expect(clippy::print_stderr, reason = "a test that checks nothing says so")]
pub fn permit_by_acl(path: &Path, user: u32, permissions: u16) -> bool {
    /// An id that says nothing.
    const NO_ID: u32 = u32::MAX;
    let mode = fs::metadata(path).expect("the file is there").permissions().mode();
    let of_mode = |shift: u32| (mode >> shift & 7) as u16;
    // Tags of owner, named user, group, mask and others (linux/posix_acl.h), in this order.
    let entries = [
        (0x01, of_mode(6), NO_ID),
        (0x02, permissions, user),
        (0x04, of_mode(3), NO_ID),
        (0x10, 7, NO_ID),
        (0x20, of_mode(0), NO_ID),
    ];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        list.extend(u16::to_le_bytes(tag));
        list.extend(permissions.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    match setxattr(path, "system.posix_acl_access", &list, XattrFlags::empty()) {
        Err(Errno::OPNOTSUPP) => {
            eprintln!("skipped: {} has no ACLs", path.display());
            false
        }
        set => {
            set.unwrap_or_else(|error| panic!("set a list on {}: {error}", path.display()));
            true
        }
    }
}

/// Removes the list. The group then has its own permissions again.
pub fn remove_acl(path: &Path) {
    rustix::fs::removexattr(path, "system.posix_acl_access").expect("the file has a list");
}
