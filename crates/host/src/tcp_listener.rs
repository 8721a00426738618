//! Users whose processes listen on a TCP address, from `/proc/net/tcp` and `/proc/net/tcp6` (proc_pid_net(5)).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// State of a listening socket in the fourth column (`TCP_LISTEN`).
const LISTEN: &str = "0A";

/// The user ids of the sockets that listen on `address`, or on its port of every address. Empty if none listens in
/// this network namespace.
///
/// # Errors
///
/// The tables cannot be read.
pub fn tcp_listener_users(address: SocketAddr) -> io::Result<BTreeSet<u32>> {
    let mut users = users_in(BufReader::new(File::open("/proc/net/tcp")?), address)?;
    match File::open("/proc/net/tcp6") {
        Ok(file) => users.extend(users_in(BufReader::new(file), address)?),
        // A host without IPv6 has no such table.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(users)
}

/// Listening sockets come first in the table: the connections behind them, which may be many, are not read.
fn users_in(table: impl io::BufRead, address: SocketAddr) -> io::Result<BTreeSet<u32>> {
    let mut users = BTreeSet::new();
    for line in table.lines().skip(1) {
        let line = line?;
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, state, _, _, _, user, ..] = columns[..] else { continue };
        if state != LISTEN {
            break;
        }
        if parse(local).is_some_and(|local| takes(local, address))
            && let Ok(user) = user.parse()
        {
            users.insert(user);
        }
    }
    Ok(users)
}

/// Whether a listener at `local` may get connections to `address`.
fn takes(local: SocketAddr, address: SocketAddr) -> bool {
    let is_any = local.ip().is_unspecified() && (local.is_ipv6() || address.is_ipv4());
    local.port() == address.port() && (is_any || local.ip().to_canonical() == address.ip())
}

/// An address as the kernel prints it: 32-bit words in the byte order of the host, and the port.
fn parse(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let word = u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes = <[u8; 16]>::try_from(words.as_flattened()).ok()?;
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn row(local: &str, state: &str, user: u32) -> String {
        format!(
            "   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 {user:5}        0 1 1\n"
        )
    }

    /// The rows are those of a little-endian host.
    #[test]
    #[cfg(target_endian = "little")]
    fn listeners_of_the_address_and_of_every_address_are_found() {
        let table = [
            HEAD,
            &row("0100007F:23DC", "0A", 1),
            &row("0200007F:23DC", "0A", 2),
            &row("00000000:23DC", "0A", 3),
            &row("0100007F:23DD", "0A", 4),
            &row("00000000000000000000000000000000:23DC", "0A", 5),
            &row("00000000000000000000000001000000:23DC", "0A", 6),
            &row("0000000000000000FFFF00000100007F:23DC", "0A", 7),
            &row("0100007F:23DC", "01", 8),
            &row("0100007F:23DC", "0A", 9),
        ]
        .concat();
        let users = |address: &str| {
            let users = users_in(table.as_bytes(), address.parse().unwrap()).unwrap();
            users.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(users("127.0.0.1:9180"), [1, 3, 5, 7]);
        assert_eq!(users("[::1]:9180"), [5, 6]);
        assert_eq!(users("127.0.0.1:9181"), [4]);
        assert_eq!(users("127.0.0.1:1"), []);
    }

    #[test]
    fn a_listener_of_this_process_belongs_to_its_user() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let users = tcp_listener_users(listener.local_addr().unwrap()).unwrap();
        assert_eq!(users, BTreeSet::from([sys::user_id()]));
    }
}
