//! Where the admin socket is if nobody says otherwise: the server and its clients look in the same
//! places.

use std::path::PathBuf;

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
