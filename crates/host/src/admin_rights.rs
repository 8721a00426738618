//! Rights on the file of the admin socket.

use crate::privileges::{AccountError, MissingGroup, group_number, missing_group};
use flow::SocketRights;
use plan::Process;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Permission bits of the owner, and those with a group.
const PRIVATE: u32 = 0o600;
const WITH_GROUP: u32 = 0o660;
/// The bit with which members of the group may connect (unix(7)).
const GROUP_WRITE: u32 = 0o020;

/// The rights that the file of the admin socket is to have.
///
/// # Errors
///
/// The group of `admin_group` does not exist.
pub fn admin_rights(process: &Process) -> Result<SocketRights, AccountError> {
    let group = process.admin_group.as_deref().map(group_number).transpose()?;
    let usual = if group.is_some() { WITH_GROUP } else { PRIVATE };
    let mode = process.admin_mode.map_or(usual, plan::FileMode::bits);
    Ok(SocketRights { mode: Some(mode), group, ..SocketRights::AUTO })
}

/// Whether the file of the admin socket lets members of its group connect.
pub fn admin_group_may_connect(process: &Process) -> bool {
    let usual = if process.admin_group.is_some() { WITH_GROUP } else { PRIVATE };
    process.admin_mode.map_or(usual, plan::FileMode::bits) & GROUP_WRITE != 0
}

/// The group of a socket's file, if its members may connect and this process, which is neither root nor the owner of
/// the file, is not in it. `None` if the file cannot be seen, and for the group of root.
pub fn missing_socket_group(socket: &Path) -> Option<MissingGroup> {
    let file = socket.metadata().ok()?;
    let has_access = [0, file.uid()].contains(&sys::user_id());
    if has_access || file.mode() & GROUP_WRITE == 0 || file.gid() == 0 {
        return None;
    }
    missing_group(file.gid())
}
