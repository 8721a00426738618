//! One check: connect, send, read, judge.

use super::judge::{judge, request};
use super::probe::{CheckFailure, CheckResult, Excerpt, MOST_BYTES, Probe, ProbeAddress};
use flow::Outbound;
use rustix::io::Errno;
use rustix::net::sockopt;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::{Instant, timeout_at};

/// Carries a check out. Ends within its timeout.
pub async fn check(probe: &Probe) -> CheckResult {
    let began = Instant::now();
    let end = began + probe.timeout;
    let mut answer = Vec::new();
    let outcome = timeout_at(end, attempt(probe, end, &mut answer)).await;
    let outcome = outcome.unwrap_or_else(|_| Err(CheckFailure::Timeout(Excerpt::of(&answer))));
    CheckResult { outcome, took: began.elapsed() }
}

/// Collects in `answer` what the target sends.
async fn attempt(probe: &Probe, end: Instant, answer: &mut Vec<u8>) -> Result<(), CheckFailure> {
    match &probe.to {
        ProbeAddress::Unix(path) => {
            let stream =
                UnixStream::connect(path).await.map_err(|error| connect_failure(&error))?;
            converse(stream, probe, answer).await
        }
        ProbeAddress::Tcp(addresses) => {
            let stream = connect(addresses, probe.way(), end).await?;
            converse(stream, probe, answer).await
        }
        ProbeAddress::Name(name) => {
            let stream = connect(&name.find().await, probe.way(), end).await?;
            converse(stream, probe, answer).await
        }
    }
}

/// Connects to one of these addresses, and resets the connection at once: the program of the target never sees it.
///
/// # Errors
/// The last error of connect(2); `TimedOut` without one within `limit`; `AddrNotAvailable` without an address.
pub async fn connect_once(
    addresses: &[SocketAddr],
    outbound: &Outbound,
    limit: Duration,
) -> Result<(), Error> {
    let end = Instant::now() + limit;
    let connected = timeout_at(end, connect(addresses, Way { outbound, is_unseen: true }, end));
    match connected.await.map_err(|_| Error::from(ErrorKind::TimedOut))? {
        Ok(_) => Ok(()),
        Err(Unconnected::NoAddress) => Err(ErrorKind::AddrNotAvailable.into()),
        Err(Unconnected::Failed(error)) => Err(error),
    }
}

/// How a socket is connected.
#[derive(Clone, Copy)]
struct Way<'a> {
    outbound: &'a Outbound,
    /// Nothing acknowledges the handshake before the reset, so that the program of the target never sees the
    /// connection.
    is_unseen: bool,
}

impl Probe {
    fn way(&self) -> Way<'_> {
        // The request acknowledges the handshake. Without a request the reset comes first.
        let is_unseen = !self.header.is_empty() || !self.kind.awaits_greeting();
        Way { outbound: &self.outbound, is_unseen }
    }
}

/// Why no address is connected.
enum Unconnected {
    NoAddress,
    Failed(Error),
}

impl From<Unconnected> for CheckFailure {
    fn from(unconnected: Unconnected) -> Self {
        match unconnected {
            Unconnected::NoAddress => Self::NoAddress,
            Unconnected::Failed(error) => connect_failure(&error),
        }
    }
}

/// Connects to the first address that accepts; each gets an even share of the time that is left.
async fn connect(
    addresses: &[SocketAddr],
    way: Way<'_>,
    end: Instant,
) -> Result<TcpStream, Unconnected> {
    let Some((last, others)) = addresses.split_last() else { return Err(Unconnected::NoAddress) };
    for (number, address) in others.iter().enumerate() {
        let waiting = u32::try_from(addresses.len() - number).unwrap_or(u32::MAX);
        let now = Instant::now();
        let share = end.saturating_duration_since(now) / waiting;
        if let Ok(Ok(stream)) = timeout_at(now + share, connect_to(*address, way)).await {
            return Ok(stream);
        }
    }
    // Its share is the rest, which the timeout of the check bounds.
    connect_to(*last, way).await.map_err(Unconnected::Failed)
}

async fn connect_to(address: SocketAddr, way: Way<'_>) -> Result<TcpStream, Error> {
    let turn = RandomState::new().hash_one(address);
    let mut result = Err(Error::from(Errno::AFNOSUPPORT));
    for source in sys::sources_of(way.outbound, address, turn) {
        let socket = socket_for(address, way)?;
        result = match sys::prepare(&socket, address, way.outbound, source) {
            Ok(()) => socket.connect(address).await.and_then(not_to_itself),
            Err(errno) => Err(errno.into()),
        };
        let has_no_port = |error: &Error| error.kind() == ErrorKind::AddrNotAvailable;
        if !result.as_ref().is_err_and(has_no_port) {
            break;
        }
    }
    result
}

/// A port of the ephemeral range on which nothing listens may become that of the socket itself, which then connects
/// (TCP simultaneous open, RFC 9293 section 3.5).
fn not_to_itself(stream: TcpStream) -> Result<TcpStream, Error> {
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(Errno::CONNREFUSED.into());
    }
    Ok(stream)
}

fn socket_for(address: SocketAddr, way: Way<'_>) -> Result<TcpSocket, Error> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Thousands of checks in a second must not leave a port in TIME-WAIT each.
    socket.set_zero_linger()?;
    if way.is_unseen {
        sockopt::set_tcp_quickack(&socket, false)?;
    }
    Ok(socket)
}

/// Sends the header and the request, and reads until the answer is judged.
async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    probe: &Probe,
    answer: &mut Vec<u8>,
) -> Result<(), CheckFailure> {
    let Probe { header, kind, .. } = probe;
    // One write: the target gets the header and the request in one segment.
    let request = [&header[..], &request(kind, &random())].concat();
    stream.write_all(&request).await.map_err(|error| broken(&error))?;
    if let Some(result) = judge(kind, &[], false) {
        return result;
    }
    loop {
        let mut part = [0; 2048];
        let length = stream.read(&mut part).await.map_err(|error| broken(&error))?;
        let room = MOST_BYTES - answer.len();
        answer.extend_from_slice(&part[..length.min(room)]);
        if let Some(result) = judge(kind, answer, length == 0) {
            return result;
        }
    }
}

/// Bytes for a ClientHello. They protect nothing, since no connection comes of it.
fn random() -> [u8; 32] {
    let state = RandomState::new();
    let mut random = [0; 32];
    for (number, part) in random.chunks_mut(8).enumerate() {
        part.copy_from_slice(&state.hash_one(number).to_be_bytes());
    }
    random
}

fn connect_failure(error: &Error) -> CheckFailure {
    CheckFailure::Connect(flow::error_text(error))
}

fn broken(error: &Error) -> CheckFailure {
    CheckFailure::Broken(flow::error_text(error))
}
