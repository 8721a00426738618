//! The owner of an address. The kernel's socket tables (proc_pid_net(5)) give its inode and user, and
//! the open files of all processes give the process with that inode. Open files of other users'
//! processes are visible to root only.

use host::nth;
use plan::ListenAddress;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// State of a listening TCP socket, and flag of a listening Unix socket.
const TCP_LISTEN: &str = "0A";
const UNIX_LISTENS: u32 = 1 << 16;

/// A socket in the network namespace of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SocketEntry {
    address: Address,
    is_listening: bool,
    inode: u64,
    /// The id of the user that created it; the table of Unix sockets has none.
    pub(super) user: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// All sockets that may occupy an address.
pub(super) struct Sockets(Vec<SocketEntry>);

impl Sockets {
    /// Reads the socket tables of this process's network namespace.
    pub(super) fn read() -> Self {
        let table = |name: &str| fs::read_to_string(format!("/proc/self/net/{name}"));
        let rows = |name: &str, row: fn(&str) -> Option<SocketEntry>| -> Vec<SocketEntry> {
            table(name).unwrap_or_default().lines().filter_map(row).collect()
        };
        Self([rows("tcp", tcp), rows("tcp6", tcp), rows("unix", unix)].concat())
    }

    /// The socket that prevents listening at the address, if the tables contain one: preferably a
    /// listener, else a connection from that port.
    pub(super) fn conflict_with(&self, address: &ListenAddress) -> Option<&SocketEntry> {
        let held = self.0.iter().filter(|held| held.conflicts_with(address));
        held.max_by_key(|held| held.is_listening)
    }

    /// Whether there is a listener on the Unix socket at this path.
    pub(super) fn is_listened_on(&self, path: &ListenAddress) -> bool {
        self.0.iter().any(|held| held.is_listening && held.conflicts_with(path))
    }
}

impl SocketEntry {
    fn conflicts_with(&self, wanted: &ListenAddress) -> bool {
        match (wanted, &self.address) {
            (ListenAddress::Any { port }, Address::Tcp(held)) => held.port() == *port,
            (ListenAddress::Ip(wanted), Address::Tcp(held)) => {
                let (own, other) = (wanted.ip().to_canonical(), held.ip().to_canonical());
                let meet = own == other || own.is_unspecified() || other.is_unspecified();
                held.port() == wanted.port() && meet
            }
            (ListenAddress::Zoned(wanted), Address::Tcp(held)) => {
                let ip = held.ip();
                held.port() == wanted.port && (ip == wanted.ip || ip.is_unspecified())
            }
            (ListenAddress::Unix(wanted), Address::Unix(held)) => held == wanted,
            _ => false,
        }
    }
}

/// The visible processes that have each of these sockets open, by inode.
pub(super) fn processes(sockets: &[&SocketEntry]) -> HashMap<u64, Vec<u32>> {
    let wanted: HashSet<u64> = sockets.iter().map(|held| held.inode).collect();
    let mut found: HashMap<u64, Vec<u32>> = HashMap::new();
    if wanted.is_empty() {
        return found;
    }
    for process in all_processes() {
        let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else { continue };
        let inodes = files.filter_map(|file| {
            let link = fs::read_link(file.ok()?.path()).ok()?;
            link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        });
        let inodes: HashSet<u64> = inodes.filter(|inode| wanted.contains(inode)).collect();
        for inode in inodes {
            found.entry(inode).or_default().push(process);
        }
    }
    found
}

impl SocketEntry {
    /// The processes of this socket in the result of [`processes`].
    pub(super) fn holders<'f>(&self, found: &'f HashMap<u64, Vec<u32>>) -> &'f [u32] {
        found.get(&self.inode).map_or(&[], Vec::as_slice)
    }
}

/// The ids of all visible processes.
pub(super) fn all_processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Parses `0: 0100007F:4672 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 0 12345 …`
fn tcp(row: &str) -> Option<SocketEntry> {
    let word = |index| nth::<String>(row, index);
    let (ip, port) = word(1)?.split_once(':').map(|(ip, port)| (ip.to_owned(), port.to_owned()))?;
    let address = SocketAddr::new(ip_of(&ip)?, u16::from_str_radix(&port, 16).ok()?);
    let is_listening = word(3)? == TCP_LISTEN;
    let (address, inode) = (Address::Tcp(address), nth(row, 9)?);
    // Inode 0 is an ended connection without an owner, which prevents no listener.
    (inode > 0).then_some(SocketEntry { address, is_listening, inode, user: nth(row, 7) })
}

/// Parses hexadecimal 32-bit words in host byte order: one for IPv4, four for IPv6.
fn ip_of(hex: &str) -> Option<IpAddr> {
    let words =
        (0..hex.len()).step_by(8).map(|at| u32::from_str_radix(hex.get(at..at + 8)?, 16).ok());
    let words: Vec<u32> = words.collect::<Option<_>>()?;
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    match <[u8; 4]>::try_from(&bytes[..]) {
        Ok(ip) => Some(Ipv4Addr::from(ip).into()),
        Err(_) => Some(Ipv6Addr::from(<[u8; 16]>::try_from(&bytes[..]).ok()?).into()),
    }
}

/// Parses `0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/x.sock`
fn unix(row: &str) -> Option<SocketEntry> {
    let flags = u32::from_str_radix(&nth::<String>(row, 3)?, 16).ok()?;
    // A path may contain spaces.
    let path = row.get(row.find(" /")? + 1..)?;
    Some(SocketEntry {
        address: Address::Unix(PathBuf::from(path)),
        is_listening: flags & UNIX_LISTENS != 0,
        inode: nth(row, 6)?,
        user: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn own_sockets_are_found_with_their_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a socket");
        let _unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let path = ListenAddress::Unix(path);
        let v4 = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let v6 = std::net::TcpListener::bind("[::]:0").unwrap();
        let [v4, v6] = [v4, v6].map(|it| (ListenAddress::Ip(it.local_addr().unwrap()), it));
        let any = ListenAddress::Any { port: v4.0.port().unwrap() };
        let sockets = Sockets::read();
        for address in [&path, &v4.0, &v6.0, &any] {
            let held =
                sockets.conflict_with(address).unwrap_or_else(|| panic!("{address} is not found"));
            let found = processes(&[held]);
            let own = std::process::id();
            assert!(held.is_listening && held.holders(&found).contains(&own), "{held:?}");
            assert!(held.user.is_none_or(|user| user == sys::user_id()), "{held:?}");
        }
        assert!(sockets.is_listened_on(&path));
        let closed = sockets.conflict_with(&v4.0).unwrap();
        drop((v4.1, v6.1));
        // A child process started by another test has a copy of each descriptor until its execve(2).
        let until = Instant::now() + Duration::from_secs(10);
        while Sockets::read().0.contains(closed) {
            assert!(Instant::now() < until, "{closed:?} is closed");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn conflicts_match_the_rules_of_bind() {
        let row = |local: &str| tcp(&format!(" 0: {local} 0:0 0A 0:0 00:0 0 1000 0 77 1")).unwrap();
        let loopback = u32::from_ne_bytes([127, 0, 0, 1]);
        let held = row(&format!("{loopback:08X}:0050"));
        assert_eq!((held.inode, held.user), (77, Some(1000)));
        let ip = |text: &str| ListenAddress::Ip(text.parse().unwrap());
        for (wanted, expected) in [
            (ip("127.0.0.1:80"), true),
            (ip("0.0.0.0:80"), true),
            (ip("127.0.0.1:81"), false),
            (ip("127.0.0.2:80"), false),
            (ListenAddress::Any { port: 80 }, true),
            (ListenAddress::Unix("/80".into()), false),
        ] {
            assert_eq!(held.conflicts_with(&wanted), expected, "{wanted}");
        }
        assert_eq!(tcp("  sl  local_address rem_address   st"), None);
    }
}
