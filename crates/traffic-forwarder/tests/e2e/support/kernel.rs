//! The kernel's view of connections and processes.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};

use testkit::{Forwarder, LIMIT, Socket, Tool};

/// A row of `/proc/net/tcp`.
pub(crate) struct TcpRow {
    /// Bytes sent and not acknowledged by the peer.
    pub(crate) unacked: u64,
    /// Whether the active timer is the keepalive timer.
    pub(crate) keepalive: bool,
}

/// The established IPv4 connection from `local` to `remote`.
pub(crate) fn tcp_row(local: SocketAddr, remote: SocketAddr) -> Option<TcpRow> {
    const KEEPALIVE: &str = "02";
    let wanted = (in_table(local), in_table(remote));
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().take(6).collect();
        let [_, local, remote, _, queues, timer] = fields[..] else { return None };
        if (local, remote) != (&wanted.0, &wanted.1) {
            return None;
        }
        let (unacked, _) = queues.split_once(':')?;
        let unacked = u64::from_str_radix(unacked, 16).ok()?;
        Some(TcpRow { unacked, keepalive: timer.split(':').next() == Some(KEEPALIVE) })
    })
}

/// Number of IPv4 connections to `remote` whose remote end is in TIME_WAIT.
pub(crate) fn waiting_connections_to(remote: SocketAddr) -> usize {
    const TIME_WAIT: &str = "06";
    let wanted = in_table(remote);
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let is_waiting = |line: &&str| {
        let fields: Vec<_> = line.split_whitespace().take(4).collect();
        matches!(fields[..], [_, _, remote, state] if remote == wanted && state == TIME_WAIT)
    };
    table.lines().filter(is_waiting).count()
}

/// The local addresses of all IPv4 connections to `remote`, and of those that are being made.
pub(crate) fn connections_to(remote: SocketAddr) -> Vec<IpAddr> {
    let wanted = in_table(remote);
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let local = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().take(3).collect();
        let [_, local, remote] = fields[..] else { return None };
        let ip = u32::from_str_radix(local.split(':').next()?, 16).ok()?;
        (remote == wanted).then(|| IpAddr::from(ip.to_ne_bytes()))
    };
    table.lines().filter_map(local).collect()
}

fn in_table(addr: SocketAddr) -> String {
    let IpAddr::V4(ip) = addr.ip() else { panic!("{addr} is not in the table of IPv4") };
    format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), addr.port())
}

/// Bytes sent on this socket and not acknowledged by the peer's kernel.
pub(crate) fn unacked(socket: &Socket) -> u64 {
    let local = socket.local_addr().unwrap().as_socket().unwrap();
    let remote = socket.peer_addr().unwrap().as_socket().unwrap();
    tcp_row(local, remote).expect("an open connection is in the table").unacked
}

/// Sets the soft limit of open files of the running process.
#[track_caller]
pub(crate) fn set_open_files(forwarder: &Forwarder, soft: u64) {
    let (pid, limit) = (forwarder.pid().to_string(), format!("--nofile={soft}:"));
    Tool::find("prlimit").run(["--pid", &pid, &limit], LIMIT);
}

/// Lowers the limit so far that exactly `left` more descriptors can be opened.
pub(crate) fn leave_open_files(forwarder: &Forwarder, left: usize) {
    let dir = fs::read_dir(format!("/proc/{}/fd", forwarder.pid())).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
    let open: BTreeSet<u64> = dir.map(|entry| name(entry).unwrap().parse().unwrap()).collect();
    let limit = (0..).filter(|number| !open.contains(number)).nth(left).unwrap();
    set_open_files(forwarder, limit);
}

/// The fields of these names in each thread's `/proc` status, without white space.
pub(crate) fn of_each_thread(pid: u32, names: &[&str]) -> Vec<Vec<String>> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let status = threads.map(|it| fs::read_to_string(it.unwrap().path().join("status")).unwrap());
    let field = |status: &str, name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    status.map(|status| names.iter().map(|name| field(&status, name)).collect()).collect()
}

/// Whether this kernel has MPTCP. If not, the output of the test says that it checks nothing.
#[expect(clippy::print_stdout, reason = "skipped checks must be visible")]
pub(crate) fn has_mptcp() -> bool {
    let missing = testkit::mptcp_is_missing();
    if let Some(error) = &missing {
        println!("skipped: this process gets no MPTCP socket: {error}");
    }
    missing.is_none()
}
