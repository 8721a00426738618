//! Rights on the file of a listening Unix socket.

/// Who may connect to a listening Unix socket: write permission on its file (unix(7)). `None` leaves one to the
/// kernel, as for any new file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SocketRights {
    /// Permission bits, at most `0o777`, whatever the umask is.
    pub mode: Option<u32>,
    /// Id of the user that owns the file.
    pub owner: Option<u32>,
    /// Id of the group that owns the file.
    pub group: Option<u32>,
}

impl SocketRights {
    /// The kernel decides all.
    pub const AUTO: Self = Self { mode: None, owner: None, group: None };
}
