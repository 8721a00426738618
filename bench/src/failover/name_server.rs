//! A name server on loopback whose answers follow a script.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::message::{Query, Reply};
use crate::failure::{Context, Result};
use crate::random::Random;

/// Ports that are tried.
const MOST_PORTS: usize = 100;
/// How soon the threads notice that they shall stop.
const TICK: Duration = Duration::from_millis(50);

/// How the name server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// All addresses of the name.
    Correct,
    /// No answer at all.
    Silent,
    /// The name server has failed.
    Failing,
    /// The name exists, without addresses.
    Empty,
    /// The name does not exist.
    NoSuchName,
    /// The addresses of another name.
    OtherName,
    /// Bytes that are no message, after a header that fits the query.
    Garbage,
    /// Another third of the addresses each time.
    Thirds,
    /// By UDP only the flag that says: ask by TCP.
    Truncated,
}

/// The current script.
#[derive(Clone, Debug)]
struct Script {
    manner: Manner,
    addresses: Vec<Ipv4Addr>,
}

/// A running name server, stopped on `Drop`.
#[derive(Debug)]
pub(super) struct NameServer {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl NameServer {
    /// Starts one at this address, by UDP and by TCP.
    pub(super) fn start(
        address: SocketAddr,
        manner: Manner,
        addresses: Vec<Ipv4Addr>,
    ) -> Result<Self> {
        let (udp, tcp) = sockets(address)?;
        let address = udp.local_addr()?;
        udp.set_read_timeout(Some(TICK))?;
        tcp.set_nonblocking(true)?;
        let script = Arc::new(Mutex::new(Script { manner, addresses }));
        let stop = Arc::new(AtomicBool::new(false));
        let by_udp = Answers { script: Arc::clone(&script), stop: Arc::clone(&stop) };
        let by_tcp = Answers { script: Arc::clone(&script), stop: Arc::clone(&stop) };
        let threads = vec![
            thread::spawn(move || by_udp.by_udp(&udp)),
            thread::spawn(move || by_tcp.by_tcp(&tcp)),
        ];
        Ok(Self { address, script, stop, threads })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers like this from now on.
    pub(super) fn set(&self, manner: Manner, addresses: Option<Vec<Ipv4Addr>>) {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.manner = manner;
        if let Some(addresses) = addresses {
            script.addresses = addresses;
        }
    }
}

/// Both sockets at one port. The kernel's choice for one of them may be taken for the other.
fn sockets(address: SocketAddr) -> Result<(UdpSocket, TcpListener)> {
    let bind = || {
        let tcp = TcpListener::bind(address).context(&format!("listen on {address}"))?;
        let chosen = tcp.local_addr()?;
        let udp = UdpSocket::bind(chosen).context(&format!("bind {chosen}"))?;
        Ok((udp, tcp))
    };
    let mut bound = bind();
    for _ in 0..MOST_PORTS {
        if bound.is_ok() || address.port() != 0 {
            break;
        }
        bound = bind();
    }
    bound
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic of the thread was printed; the case fails by itself.
            let _ = thread.join();
        }
    }
}

/// The state of a thread.
struct Answers {
    script: Arc<Mutex<Script>>,
    stop: Arc<AtomicBool>,
}

impl Answers {
    fn by_udp(&self, socket: &UdpSocket) {
        let (mut buffer, mut random) = ([0; 1500], Random::new(1));
        while !self.stop.load(Ordering::Relaxed) {
            let Ok((length, client)) = socket.recv_from(&mut buffer) else { continue };
            let query = Query::parse(&buffer[..length]);
            if let Some(reply) = query.and_then(|query| self.reply(&query, true, &mut random)) {
                // A client that is gone needs no answer.
                let _ = socket.send_to(&reply, client);
            }
        }
    }

    fn by_tcp(&self, listener: &TcpListener) {
        let mut random = Random::new(2);
        while !self.stop.load(Ordering::Relaxed) {
            match listener.accept() {
                // A client that sends half a query is given up after a moment.
                Ok((stream, _)) => drop(self.answer_stream(stream, &mut random)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(TICK / 10),
                Err(_) => thread::sleep(TICK),
            }
        }
    }

    /// Answers the queries of one connection, until its end.
    fn answer_stream(&self, mut stream: TcpStream, random: &mut Random) -> std::io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(TICK * 10))?;
        loop {
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            let mut query = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut query)?;
            let query = Query::parse(&query);
            let Some(reply) = query.and_then(|query| self.reply(&query, false, random)) else {
                continue;
            };
            let length = u16::try_from(reply.len()).unwrap_or_default().to_be_bytes();
            stream.write_all(&[&length[..], &reply].concat())?;
        }
    }

    fn reply(&self, query: &Query<'_>, by_udp: bool, random: &mut Random) -> Option<Vec<u8>> {
        let script = self.script.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let all = &script.addresses;
        let reply = match script.manner {
            Manner::Silent => return None,
            Manner::Failing => Reply::ServerFailure,
            Manner::Empty => Reply::Addresses(Vec::new()),
            Manner::NoSuchName => Reply::NoSuchName,
            Manner::Garbage => Reply::Garbage,
            Manner::Truncated if by_udp => Reply::Truncated,
            Manner::OtherName => Reply::OtherName(Ipv4Addr::new(127, 0, 9, 9)),
            Manner::Thirds => Reply::Addresses(third(all, random)),
            Manner::Correct | Manner::Truncated => Reply::Addresses(all.clone()),
        };
        Some(query.answer(&reply))
    }
}

/// A random third of the addresses.
fn third(all: &[Ipv4Addr], random: &mut Random) -> Vec<Ipv4Addr> {
    let mut rest = all.to_vec();
    let take =
        |_| rest.swap_remove(crate::stats::size(random.below(crate::stats::wide(rest.len()))));
    (0..all.len() / 3).map(take).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query for the addresses of `db.test`.
    const QUERY: &[u8] =
        b"\x07\x09\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02db\x04test\x00\x00\x01\x00\x01";

    fn by_udp(server: &NameServer) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let silence = Duration::from_millis(300);
        socket.set_read_timeout(Some(silence)).unwrap();
        socket.send_to(QUERY, server.address()).unwrap();
        let mut reply = vec![0; 1500];
        let length = socket.recv(&mut reply).ok()?;
        reply.truncate(length);
        Some(reply)
    }

    fn by_tcp(server: &NameServer) -> Vec<u8> {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(&[&[0, 25], QUERY].concat()).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut reply = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut reply).unwrap();
        reply
    }

    #[test]
    fn the_script_decides_about_the_answer() {
        let addresses = (1..=90).map(|last| Ipv4Addr::new(127, 0, 3, last)).collect();
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = NameServer::start(here, Manner::Correct, addresses).unwrap();
        let records = |reply: &[u8]| u16::from_be_bytes([reply[6], reply[7]]);
        assert_eq!(records(&by_udp(&server).unwrap()), 90);
        server.set(Manner::Thirds, None);
        let (one, other) = (by_udp(&server).unwrap(), by_udp(&server).unwrap());
        assert_eq!((records(&one), records(&other)), (30, 30));
        assert_ne!(one, other);
        server.set(Manner::Truncated, None);
        assert_eq!(records(&by_udp(&server).unwrap()), 0);
        assert_eq!(records(&by_tcp(&server)), 90);
        server.set(Manner::Silent, Some(vec![Ipv4Addr::LOCALHOST]));
        assert_eq!(by_udp(&server), None);
        server.set(Manner::Correct, None);
        assert_eq!(records(&by_tcp(&server)), 1);
    }
}
