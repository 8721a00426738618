//! Default paths of the admin socket, shared by the server and its clients.

use std::path::{Path, PathBuf};

/// The socket's path within each candidate directory.
const SOCKET: &str = "traffic-forwarder/admin.sock";

/// Candidate paths of the admin socket: the host's in `/run`, then the user's. The server binds the
/// first in a directory that it may write to; a client uses the first that accepts a connection.
pub fn admin_sockets() -> Vec<PathBuf> {
    let user = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    // A relative path would mean a different directory in each process.
    let user = user.filter(|directory| directory.is_absolute());
    let directories = std::iter::once(PathBuf::from("/run")).chain(user);
    directories.map(|directory| directory.join(SOCKET)).collect()
}

/// The first candidate path that this process may bind. Creates its directory where necessary.
pub fn usable_socket() -> Option<PathBuf> {
    first(|directory| {
        // An existing directory is fine: the check below decides.
        let _ = std::fs::create_dir(directory);
        is_usable(directory)
    })
}

/// Like [`usable_socket`], among existing directories only.
pub(crate) fn present_socket() -> Option<PathBuf> {
    first(is_usable)
}

fn first(suits: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    admin_sockets().into_iter().find(|path| path.parent().is_some_and(&suits))
}

/// The first existing candidate directory that this user may not write to.
pub fn forbidden_directory() -> Option<PathBuf> {
    let directories =
        admin_sockets().into_iter().filter_map(|path| Some(path.parent()?.to_owned()));
    directories.into_iter().find(|path| path.is_dir() && !sys::may_write_in(path))
}

fn is_usable(directory: &Path) -> bool {
    directory.is_dir() && sys::may_write_in(directory)
}
