//! One question to one name server, over UDP, and over TCP if the answer is truncated.

use super::message::{Question, Reply, random_id};
use std::collections::HashMap;
use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{Notify, mpsc};

/// Questions that share a socket. A single question has a socket, and so a random port, of its own;
/// thousands of names under a silent name server take few descriptors.
const SHARED: usize = 128;
/// Datagrams that wait for one question: the answer, and forged ones before it.
const MOST_WAITING: usize = 8;
/// Size of the buffer for a datagram.
const BUFFER: usize = 4096;

/// Asks one server.
pub(super) async fn ask(
    sockets: &Arc<Sockets>,
    server: SocketAddr,
    question: &Question,
    tcp_only: bool,
) -> Result<Reply> {
    if tcp_only {
        return by_tcp(server, question, true).await;
    }
    match sockets.by_udp(server, question, true).await? {
        Reply::NoEdns => match sockets.by_udp(server, question, false).await? {
            Reply::NoEdns => Ok(Reply::Failed("FORMERR".to_owned())),
            Reply::Truncated => by_tcp(server, question, false).await,
            reply => Ok(reply),
        },
        Reply::Truncated => by_tcp(server, question, true).await,
        reply => Ok(reply),
    }
}

async fn by_tcp(server: SocketAddr, question: &Question, edns: bool) -> Result<Reply> {
    let message = question.message(random_id(), edns).ok_or(ErrorKind::InvalidInput)?;
    let length = u16::try_from(message.len()).map_err(|_| ErrorKind::InvalidInput)?;
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(&[&length.to_be_bytes(), &message[..]].concat()).await?;
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await?;
    match question.read(&bytes).filter(|_| bytes[..2] == message[..2]) {
        Some(Reply::Truncated) | None => Err(ErrorKind::InvalidData.into()),
        Some(Reply::NoEdns) => Ok(Reply::Failed("FORMERR".to_owned())),
        Some(reply) => Ok(reply),
    }
}

/// The open UDP sockets: for each server, the one that takes the next question.
#[derive(Default)]
pub(super) struct Sockets(Mutex<HashMap<SocketAddr, Arc<Channel>>>);

/// A socket connected to a server, and the questions that wait for an answer on it.
struct Channel {
    socket: UdpSocket,
    waiting: Mutex<Waiting>,
    /// The last question has ended.
    is_idle: Notify,
}

#[derive(Default)]
struct Waiting {
    by_id: HashMap<u16, mpsc::Sender<Vec<u8>>>,
    asked: usize,
}

/// A question that waits. Leaves the channel when it is dropped.
struct Place {
    channel: Arc<Channel>,
    id: u16,
    datagrams: mpsc::Receiver<Vec<u8>>,
}

impl Sockets {
    async fn by_udp(
        self: &Arc<Self>,
        server: SocketAddr,
        question: &Question,
        edns: bool,
    ) -> Result<Reply> {
        let mut place = self.place(server)?;
        let message = question.message(place.id, edns).ok_or(ErrorKind::InvalidInput)?;
        place.channel.socket.send(&message).await?;
        loop {
            let Some(bytes) = place.datagrams.recv().await else {
                return Err(ErrorKind::ConnectionRefused.into());
            };
            if let Some(reply) = question.read(&bytes) {
                return Ok(reply);
            }
        }
    }

    /// Takes a place on the server's socket, or opens a socket.
    fn place(self: &Arc<Self>, server: SocketAddr) -> Result<Place> {
        let mut channels = lock(&self.0);
        if let Some(place) = channels.get(&server).and_then(Channel::place) {
            return Ok(place);
        }
        let channel = Arc::new(Channel::open(server)?);
        let place = Channel::place(&channel).ok_or(ErrorKind::Other)?;
        channels.insert(server, Arc::clone(&channel));
        drop(channels);
        tokio::spawn(Arc::clone(self).receive(server, channel));
        Ok(place)
    }

    /// Passes datagrams on until no question waits.
    async fn receive(self: Arc<Self>, server: SocketAddr, channel: Arc<Channel>) {
        let mut buffer = vec![0; BUFFER];
        loop {
            tokio::select! {
                received = channel.socket.recv(&mut buffer) => match received {
                    Ok(length) => channel.pass_on(&buffer[..length]),
                    // The server's host reported that nothing listens there.
                    Err(_) => lock(&channel.waiting).by_id.clear(),
                },
                () = channel.is_idle.notified() => {
                    let mut channels = lock(&self.0);
                    if !lock(&channel.waiting).by_id.is_empty() {
                        continue;
                    }
                    if channels.get(&server).is_some_and(|next| Arc::ptr_eq(next, &channel)) {
                        channels.remove(&server);
                    }
                    return;
                }
            }
        }
    }
}

impl Channel {
    fn open(server: SocketAddr) -> Result<Self> {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = std::net::UdpSocket::bind(any)?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        Ok(Self { socket, waiting: Mutex::default(), is_idle: Notify::new() })
    }

    /// A place with a unique id; `None` if the socket has had enough questions.
    fn place(self: &Arc<Self>) -> Option<Place> {
        let mut waiting = lock(&self.waiting);
        if waiting.asked >= SHARED {
            return None;
        }
        waiting.asked += 1;
        let mut id = random_id();
        while waiting.by_id.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        let (sender, datagrams) = mpsc::channel(MOST_WAITING);
        waiting.by_id.insert(id, sender);
        Some(Place { channel: Arc::clone(self), id, datagrams })
    }

    fn pass_on(&self, datagram: &[u8]) {
        let Some(id) = datagram.first_chunk().copied().map(u16::from_be_bytes) else { return };
        if let Some(question) = lock(&self.waiting).by_id.get(&id) {
            // A flood of forged datagrams loses some of them.
            let _ = question.try_send(datagram.to_vec());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = lock(&self.channel.waiting);
        // After an error of the socket, another question may have this id.
        if !self.datagrams.is_closed() {
            waiting.by_id.remove(&self.id);
        }
        if waiting.by_id.is_empty() {
            self.channel.is_idle.notify_one();
        }
    }
}

/// The text of an error for the log.
pub(super) fn describe(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "the name servers refuse connections".to_owned(),
        _ => format!("the name servers cannot be asked: {}", flow::error_text(error)),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds a lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
