//! The options of a forward's listeners. Data only.

use crate::rules::options_of;
use flow::SocketRights;
use sys::socket::TcpOptions;

/// Options that a listener has from its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListenOptions {
    /// Inherited by accepted sockets.
    pub(crate) tcp: TcpOptions,
    /// Rights on the file of a Unix socket.
    pub(crate) rights: SocketRights,
}

impl ListenOptions {
    pub(crate) fn of(forward: &plan::Forward) -> Self {
        Self { tcp: options_of(forward), rights: forward.socket_rights }
    }
}
