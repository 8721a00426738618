//! Connections of MPTCP, where this kernel has it.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use flow::{Buffers, Outbound};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use sys::listen::{ListenOptions, Sharing, accept, bind_tcp, local_address, start};
use sys::socket::{Progress, reset, shut_write};
use sys::{connect_with, is_mptcp, sequence_received, speaks_mptcp};

/// Waits until a socket is readable.
fn wait(socket: &OwnedFd) {
    let limit = Timespec::try_from(Duration::from_secs(10)).unwrap();
    let mut events = [PollFd::new(socket, PollFlags::IN)];
    assert_eq!(poll(&mut events, Some(&limit)), Ok(1));
}

/// Both ends of a connection; `None` if this kernel has no MPTCP.
fn pair(mptcp: bool) -> Option<[OwnedFd; 2]> {
    let options = ListenOptions { mptcp: true, ..ListenOptions::NONE };
    let at = (Ipv4Addr::LOCALHOST, 0).into();
    let listener = bind_tcp(at, &options, Sharing::Exclusive).ok()?;
    start(&listener).unwrap();
    let address = local_address(&listener).unwrap().unwrap();
    let outbound = Outbound { mptcp, ..Outbound::default() };
    let (client, progress) = connect_with(address, &outbound, Buffers::AUTO, 0).unwrap();
    assert!(matches!(progress, Progress::Connected | Progress::UnderWay));
    wait(&listener);
    Some([client, accept(listener.as_fd()).unwrap().0])
}

#[test]
fn a_reset_of_mptcp_is_no_fin() {
    for mptcp in [true, false] {
        for is_reset in [false, true] {
            let Some([client, server]) = pair(mptcp) else { return };
            assert_eq!((is_mptcp(client.as_fd()), is_mptcp(server.as_fd())), (mptcp, mptcp));
            assert_eq!(speaks_mptcp(server.as_fd()), mptcp);
            sys::stream::send(client.as_fd(), b"12345").unwrap();
            wait(&server);
            assert!(sequence_received(server.as_fd()).unwrap() <= 5);
            assert_eq!(sys::stream::receive(server.as_fd(), &mut [0; 9]), Ok(5));
            let shut = if is_reset {
                reset(client);
                None
            } else {
                shut_write(client.as_fd()).unwrap();
                Some(client)
            };
            wait(&server);
            assert_eq!(sequence_received(server.as_fd()).unwrap() > 5, shut.is_some());
        }
    }
}
