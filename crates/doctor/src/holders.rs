//! Who holds an address: the kernel's tables of sockets (proc_pid_net(5)) lead to an inode and a
//! user, and the open files of processes to who has that inode. What another user's process has open
//! only root can see.

use host::nth;
use plan::ListenAddress;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// The state of a TCP socket that listens, and the mark of a Unix socket that does.
const TCP_LISTEN: &str = "0A";
const UNIX_LISTENS: u32 = 1 << 16;

/// A socket of this network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    address: Address,
    is_listening: bool,
    inode: u64,
    /// The id of the user that made it; of a Unix socket it is not told.
    pub(super) user: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// All sockets that an address could be taken by.
pub(super) struct Sockets(Vec<Held>);

impl Sockets {
    /// As they are now, in the network of this process.
    pub(super) fn read() -> Self {
        let table = |name: &str| fs::read_to_string(format!("/proc/self/net/{name}"));
        let rows = |name: &str, row: fn(&str) -> Option<Held>| -> Vec<Held> {
            table(name).unwrap_or_default().lines().filter_map(row).collect()
        };
        Self([rows("tcp", tcp), rows("tcp6", tcp), rows("unix", unix)].concat())
    }

    /// Who keeps others from listening there, as far as the tables tell. One that listens comes before
    /// a connection from that port.
    pub(super) fn of(&self, address: &ListenAddress) -> Option<&Held> {
        let held = self.0.iter().filter(|held| held.is_in_the_way_of(address));
        held.max_by_key(|held| held.is_listening)
    }

    /// Whether somebody listens on the Unix socket at this path.
    pub(super) fn is_listened_on(&self, path: &ListenAddress) -> bool {
        self.0.iter().any(|held| held.is_listening && held.is_in_the_way_of(path))
    }
}

impl Held {
    fn is_in_the_way_of(&self, wanted: &ListenAddress) -> bool {
        match (wanted, &self.address) {
            (ListenAddress::Any { port }, Address::Tcp(held)) => held.port() == *port,
            (ListenAddress::Ip(wanted), Address::Tcp(held)) => {
                let (own, other) = (wanted.ip().to_canonical(), held.ip().to_canonical());
                let meet = own == other || own.is_unspecified() || other.is_unspecified();
                held.port() == wanted.port() && meet
            }
            (ListenAddress::Unix(wanted), Address::Unix(held)) => held == wanted,
            _ => false,
        }
    }
}

/// The processes that have each of these sockets open, as far as they can be seen.
pub(super) fn processes(sockets: &[&Held]) -> HashMap<u64, Vec<u32>> {
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

impl Held {
    /// Its holders in what [`processes`] found.
    pub(super) fn holders<'f>(&self, found: &'f HashMap<u64, Vec<u32>>) -> &'f [u32] {
        found.get(&self.inode).map_or(&[], Vec::as_slice)
    }
}

/// The ids of all processes that can be seen.
pub(super) fn all_processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// `0: 0100007F:4672 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 0 12345 …`
fn tcp(row: &str) -> Option<Held> {
    let word = |index| nth::<String>(row, index);
    let (ip, port) = word(1)?.split_once(':').map(|(ip, port)| (ip.to_owned(), port.to_owned()))?;
    let address = SocketAddr::new(ip_of(&ip)?, u16::from_str_radix(&port, 16).ok()?);
    let is_listening = word(3)? == TCP_LISTEN;
    let (address, inode) = (Address::Tcp(address), nth(row, 9)?);
    // A connection that has ended belongs to nobody, and is in nobody's way.
    (inode > 0).then_some(Held { address, is_listening, inode, user: nth(row, 7) })
}

/// 32-bit words in the order of the host's memory: one for IPv4, four for IPv6.
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

/// `0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/x.sock`
fn unix(row: &str) -> Option<Held> {
    let flags = u32::from_str_radix(&nth::<String>(row, 3)?, 16).ok()?;
    // A path may hold blanks.
    let path = row.get(row.find(" /")? + 1..)?;
    Some(Held {
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
    fn own_sockets_are_found_with_their_holder() {
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
            let held = sockets.of(address).unwrap_or_else(|| panic!("{address} is not found"));
            let found = processes(&[held]);
            let own = std::process::id();
            assert!(held.is_listening && held.holders(&found).contains(&own), "{held:?}");
            assert!(held.user.is_none_or(|user| user == sys::user_id()), "{held:?}");
        }
        assert!(sockets.is_listened_on(&path));
        let closed = sockets.of(&v4.0).unwrap();
        drop((v4.1, v6.1));
        // A child that another test is just starting has a copy of every descriptor until its exec.
        let until = Instant::now() + Duration::from_secs(10);
        while Sockets::read().0.contains(closed) {
            assert!(Instant::now() < until, "{closed:?} is closed");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn sockets_are_in_the_way_of_who_could_not_bind_beside_them() {
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
            assert_eq!(held.is_in_the_way_of(&wanted), expected, "{wanted}");
        }
        assert_eq!(tcp("  sl  local_address rem_address   st"), None);
    }
}
