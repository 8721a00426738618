//! The sockets of another process, to read their options.

use std::fs;
use std::net::SocketAddr;

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use socket2::{Domain, Socket, Type};

/// A copy of the socket of a process that is connected to this address; `None` if there is none. The process must be a
/// child of this one.
#[track_caller]
pub fn socket_connected_to(process: u32, peer: SocketAddr) -> Option<Socket> {
    let id = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process id");
    let process_file = pidfd_open(id, PidfdFlags::empty()).expect("the process lives");
    let numbers = fs::read_dir(format!("/proc/{process}/fd")).expect("the process lives");
    let numbers = numbers.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let copy = |number| pidfd_getfd(&process_file, number, PidfdGetfdFlags::empty()).ok();
    // Of other descriptors, the address cannot be read.
    let mut sockets = numbers.filter_map(copy).map(Socket::from);
    sockets.find(|socket| socket.peer_addr().is_ok_and(|address| address.as_socket() == Some(peer)))
}

/// Whether this process may mark packets (`SO_MARK`, socket(7)).
pub fn may_mark() -> bool {
    Socket::new(Domain::IPV4, Type::STREAM, None).is_ok_and(|socket| socket.set_mark(1).is_ok())
}
