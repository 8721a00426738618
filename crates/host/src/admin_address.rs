//! Where the admin socket is if nobody says otherwise: the server and its clients look in the same
//! places.

use std::path::{Path, PathBuf};

/// The socket in each of the directories.
const SOCKET: &str = "traffic-forwarder/admin.sock";

/// The places of the admin socket, best first: that of the host, and that of the user. The server
/// takes the first that it may, a client the first where somebody answers.
pub fn admin_sockets() -> Vec<PathBuf> {
    let user = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    // A relative path would be another place for each process.
    let user = user.filter(|directory| directory.is_absolute());
    let directories = std::iter::once(PathBuf::from("/run")).chain(user);
    directories.map(|directory| directory.join(SOCKET)).collect()
}

/// The first of the places that this process may use; it has a directory then.
pub fn usable_socket() -> Option<PathBuf> {
    first(|directory| {
        // It may be there already; what matters is what is there in the end.
        let _ = std::fs::create_dir(directory);
        is_usable(directory)
    })
}

/// The same, of the directories that are there.
pub(crate) fn present_socket() -> Option<PathBuf> {
    first(is_usable)
}

fn first(suits: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    admin_sockets().into_iter().find(|path| path.parent().is_some_and(&suits))
}

/// The first of the directories that is there, and that this user may not write in.
pub fn forbidden_directory() -> Option<PathBuf> {
    let directories =
        admin_sockets().into_iter().filter_map(|path| Some(path.parent()?.to_owned()));
    directories.into_iter().find(|path| path.is_dir() && !sys::may_write_in(path))
}

fn is_usable(directory: &Path) -> bool {
    directory.is_dir() && sys::may_write_in(directory)
}
