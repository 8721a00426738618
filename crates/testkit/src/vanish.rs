//! Peers that are gone without a word.

use socket2::{SockFilter, Socket};

/// From now on nothing arrives at this TCP socket: its kernel drops every segment unseen, as if the
/// host were gone. To the other side it looks like that as long as the socket itself sends nothing;
/// closing it sends a FIN.
///
/// # Panics
///
/// If the kernel takes no filter.
pub fn vanish(socket: &Socket) {
    /// `BPF_RET | BPF_K`: the program ends, and so many bytes are kept.
    const KEEP: u16 = 0x06;
    socket.attach_filter(&[SockFilter::new(KEEP, 0, 0, 0)]).expect("a socket filter");
}
