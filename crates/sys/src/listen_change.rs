//! Other options for a socket that is bound already.

use crate::listen::ListenOptions;
use crate::{buffers, is_mptcp};
use rustix::fd::AsFd;

/// Whether a bound TCP socket can get these options. Otherwise another one has to be bound in its place: a socket keeps
/// its protocol, and one of MPTCP the sizes of buffers that were set.
pub fn can_have(socket: impl AsFd, options: &ListenOptions) -> bool {
    let socket = socket.as_fd();
    let is_mptcp = is_mptcp(socket);
    let keeps_sizes = || buffers::would_be_freed(socket, options.tcp.buffers).unwrap_or(false);
    is_mptcp == options.mptcp && !(is_mptcp && keeps_sizes())
}
