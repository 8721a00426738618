//! A scripted DNS server on loopback, over UDP and TCP at one port. Written by hand, so that it shares no
//! mistake with the resolver under test.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::{fs, io};

use crate::wait::{LIMIT, wait_until};

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const OPT: u16 = 41;
/// Bits of the flags: an answer, by a recursive server that was asked for recursion; truncated.
const ANSWER: u16 = 0x8180;
const TRUNCATED: u16 = 0x0200;
const FORMERR: u16 = 1;
const NXDOMAIN: u16 = 3;
/// Bytes of a datagram, as the questions allow.
const MOST_BY_UDP: usize = 1232;

/// How a name is answered.
#[derive(Clone, Debug)]
pub enum NameReply {
    /// With these addresses, each to the question of its family, and their TTL in seconds.
    Addresses(Vec<IpAddr>, u32),
    /// As an alias of another name, whose records are in the same answer.
    Alias(String, Vec<IpAddr>),
    /// With SRV records: priority, weight, port, target.
    Services(Vec<(u16, u16, u16, String)>, u32),
    /// As `Services`, with these addresses of hosts in the additional section.
    ServicesWithHosts(Vec<(u16, u16, u16, String)>, Vec<(String, IpAddr)>, u32),
    /// Not at all.
    Silent,
    /// IPv4 addresses at once, and nothing to the question for IPv6.
    SilentForV6(Vec<IpAddr>),
    /// With a response code, such as 2 for SERVFAIL.
    Code(u16),
    /// Truncated by UDP, completely by TCP.
    ByTcp(Vec<IpAddr>),
    /// After datagrams with another id, another question, and no message at all.
    AfterGarbage(Vec<IpAddr>),
    /// With FORMERR to questions with EDNS, and properly to others.
    WithoutEdns(Vec<IpAddr>),
}

#[derive(Default)]
struct State {
    replies: HashMap<String, NameReply>,
    /// In place of all replies.
    of_all: Option<NameReply>,
    asked: HashMap<String, usize>,
    stopping: bool,
}

/// The server. Unknown names do not exist.
#[derive(Debug)]
pub struct NameServer {
    addr: SocketAddr,
    state: Arc<Mutex<State>>,
    threads: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl NameServer {
    /// Starts a server.
    pub fn start() -> Self {
        let (udp, tcp) = sockets();
        let addr = udp.local_addr().expect("a bound socket has an address");
        let state = Arc::new(Mutex::new(State::default()));
        let (of_udp, of_tcp) = (Arc::clone(&state), Arc::clone(&state));
        let threads = vec![
            thread::spawn(move || serve_udp(&udp, &of_udp)),
            thread::spawn(move || serve_tcp(&tcp, &of_tcp)),
        ];
        Self { addr, state, threads }
    }

    /// Address of both sockets.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers a name from now on in this way.
    pub fn set(&self, name: &str, reply: NameReply) {
        lock(&self.state).replies.insert(name.to_owned(), reply);
    }

    /// Answers every name in this way; `None` as set for each.
    pub fn set_all(&self, reply: Option<NameReply>) {
        lock(&self.state).of_all = reply;
    }

    /// Number of questions for the IPv4 addresses or the services of a name.
    pub fn asked(&self, name: &str) -> usize {
        lock(&self.state).asked.get(name).copied().unwrap_or(0)
    }

    /// Waits until a name has been asked for more often than `before`.
    #[track_caller]
    pub fn wait_for_question(&self, name: &str, before: usize) {
        wait_until(&format!("a question for {name}"), LIMIT, || self.asked(name) > before);
    }

    /// Writes `resolv.conf` with this server and these further lines, `hosts` and `nsswitch.conf` to a
    /// directory that stands for `/etc`.
    pub fn configure(&self, etc: &Path, lines: &str) {
        let port = self.addr.port();
        let servers = format!("nameserver [{}]:{port}\n{lines}\n", self.addr.ip());
        for (name, text) in [
            ("resolv.conf", servers.as_str()),
            ("hosts", "127.0.0.1 localhost in-hosts.test\n"),
            ("nsswitch.conf", "hosts: files dns\n"),
        ] {
            fs::write(etc.join(name), text).expect("the directory can be written");
        }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        lock(&self.state).stopping = true;
        // Wakes both threads.
        let _ = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map(|it| it.send_to(&[], self.addr));
        let _ = TcpStream::connect(self.addr);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Both sockets at one port.
fn sockets() -> (UdpSocket, TcpListener) {
    for _ in 0..100 {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        if let Ok(udp) = tcp.local_addr().and_then(UdpSocket::bind) {
            return (udp, tcp);
        }
    }
    panic!("no port is free for both UDP and TCP");
}

fn serve_udp(socket: &UdpSocket, state: &Mutex<State>) {
    let mut buffer = [0; 4096];
    loop {
        let received = socket.recv_from(&mut buffer);
        if lock(state).stopping {
            return;
        }
        let Ok((length, from)) = received else { continue };
        for datagram in answers(&buffer[..length], state, false) {
            let _ = socket.send_to(&datagram, from);
        }
    }
}

fn serve_tcp(listener: &TcpListener, state: &Arc<Mutex<State>>) {
    for stream in listener.incoming() {
        if lock(state).stopping {
            return;
        }
        let (Ok(mut stream), state) = (stream, Arc::clone(state)) else { continue };
        thread::spawn(move || -> io::Result<()> {
            stream.set_read_timeout(Some(LIMIT))?;
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            let mut query = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut query)?;
            for answer in answers(&query, &state, true) {
                let length = small(answer.len());
                stream.write_all(&[&length.to_be_bytes(), &answer[..]].concat())?;
            }
            Ok(())
        });
    }
}

/// The messages in answer to `query`.
fn answers(query: &[u8], state: &Mutex<State>, by_tcp: bool) -> Vec<Vec<u8>> {
    let Some(question) = Question::read(query) else { return Vec::new() };
    let mut state = lock(state);
    if question.kind != AAAA {
        *state.asked.entry(question.name.clone()).or_default() += 1;
    }
    let reply = state.of_all.clone().or_else(|| state.replies.get(&question.name).cloned());
    drop(state);
    let full = |records: Vec<Vec<u8>>| question.message(ANSWER, &records, &[]);
    let of_kind = |ips: &[IpAddr], ttl| full(question.addresses(ips, ttl));
    match reply.unwrap_or(NameReply::Code(NXDOMAIN)) {
        NameReply::Silent => Vec::new(),
        NameReply::SilentForV6(_) if question.kind == AAAA => Vec::new(),
        NameReply::Addresses(ips, ttl) => vec![of_kind(&ips, ttl)],
        NameReply::Code(code) => vec![question.message(ANSWER | code, &[], &[])],
        NameReply::ByTcp(_) if !by_tcp => vec![question.message(ANSWER | TRUNCATED, &[], &[])],
        NameReply::WithoutEdns(_) if question.has_edns => {
            vec![question.message(ANSWER | FORMERR, &[], &[])]
        }
        NameReply::SilentForV6(ips) | NameReply::ByTcp(ips) | NameReply::WithoutEdns(ips) => {
            vec![of_kind(&ips, 60)]
        }
        NameReply::Alias(name, ips) => {
            let alias = record(&encoded(&question.name), CNAME, 60, &encoded(&name));
            let other = Question { name, ..question.clone() };
            vec![full([vec![alias], other.addresses(&ips, 60)].concat())]
        }
        NameReply::AfterGarbage(ips) => {
            let wrong = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([0; 16])];
            let other_id = Question { id: question.id.wrapping_add(1), ..question.clone() };
            let other_name = Question { name: "other.test".to_owned(), ..question.clone() };
            let forged = [other_id, other_name];
            let forged = forged.map(|it| it.message(ANSWER, &it.addresses(&wrong, 60), &[]));
            let no_message = question.id.to_be_bytes().to_vec();
            [forged.to_vec(), vec![no_message, of_kind(&ips, 60)]].concat()
        }
        NameReply::Services(services, ttl) => {
            vec![question.services(&services, &[], ttl, by_tcp)]
        }
        NameReply::ServicesWithHosts(services, hosts, ttl) => {
            vec![question.services(&services, &hosts, ttl, by_tcp)]
        }
    }
}

#[derive(Clone)]
struct Question {
    id: u16,
    name: String,
    kind: u16,
    has_edns: bool,
}

impl Question {
    fn read(query: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]));
        let (mut at, mut labels) = (12, Vec::new());
        while let Some(length) = query.get(at).copied().map(usize::from).filter(|it| *it > 0) {
            labels.push(String::from_utf8_lossy(query.get(at + 1..=at + length)?).to_lowercase());
            at += 1 + length;
        }
        // The only additional record is EDNS, whose owner is the root.
        let has_edns = number(10)? == 1 && number(at + 6)? == OPT;
        Some(Self { id: number(0)?, name: labels.join("."), kind: number(at + 1)?, has_edns })
    }

    fn addresses(&self, ips: &[IpAddr], ttl: u32) -> Vec<Vec<u8>> {
        let owner = encoded(&self.name);
        let of_kind = ips.iter().filter_map(|ip| match ip {
            IpAddr::V4(ip) if self.kind == A => Some(record(&owner, A, ttl, &ip.octets())),
            IpAddr::V6(ip) if self.kind == AAAA => Some(record(&owner, AAAA, ttl, &ip.octets())),
            _ => None,
        });
        of_kind.collect()
    }

    /// The answer to a question for services; truncated if it does not fit in a datagram.
    fn services(
        &self,
        services: &[(u16, u16, u16, String)],
        hosts: &[(String, IpAddr)],
        ttl: u32,
        by_tcp: bool,
    ) -> Vec<u8> {
        let owner = encoded(&self.name);
        let services = services.iter().filter(|_| self.kind == SRV);
        let services = services.map(|(priority, weight, port, target)| {
            let numbers = [priority, weight, port].map(|it| it.to_be_bytes()).concat();
            record(&owner, SRV, ttl, &[numbers, encoded(target)].concat())
        });
        let hosts = hosts.iter().filter(|_| self.kind == SRV).map(|(host, ip)| match ip {
            IpAddr::V4(ip) => record(&encoded(host), A, ttl, &ip.octets()),
            IpAddr::V6(ip) => record(&encoded(host), AAAA, ttl, &ip.octets()),
        });
        let (services, hosts) = (services.collect::<Vec<_>>(), hosts.collect::<Vec<_>>());
        let answer = self.message(ANSWER, &services, &hosts);
        if answer.len() > MOST_BY_UDP && !by_tcp {
            return self.message(ANSWER | TRUNCATED, &[], &[]);
        }
        answer
    }

    fn message(&self, flags: u16, records: &[Vec<u8>], additional: &[Vec<u8>]) -> Vec<u8> {
        let counts = [self.id, flags, 1, small(records.len()), 0, small(additional.len())];
        let counts = counts.map(u16::to_be_bytes).concat();
        let question = [encoded(&self.name), vec![0, self.kind.to_be_bytes()[1], 0, 1]].concat();
        [counts, question, records.concat(), additional.concat()].concat()
    }
}

fn encoded(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut bytes: Vec<u8> = labels
        .flat_map(|label| std::iter::once(small(label.len()).to_be_bytes()[1]).chain(label.bytes()))
        .collect();
    bytes.push(0);
    bytes
}

fn record(owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let head = [kind.to_be_bytes(), 1_u16.to_be_bytes()].concat();
    let length = small(data.len()).to_be_bytes();
    [owner, &head, &ttl.to_be_bytes(), &length, data].concat()
}

fn small(length: usize) -> u16 {
    u16::try_from(length).expect("a message is at most 64 KiB")
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no reply panics")
}
