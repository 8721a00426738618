//! A member of etcd as one publisher reaches it: requests pass, and the chosen one is held for good.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::etcd::Etcd;
use crate::wait::wait_until;

/// Longer than the steps of a publisher up to any request.
const REACHED: Duration = Duration::from_secs(60);

/// A transaction of a publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublisherRequest {
    /// The write of `current` with this number, from 1.
    Current(usize),
    /// The removal of texts that nothing names.
    CleanUp,
}

/// What is held back.
#[derive(Clone, Copy, Debug)]
pub enum Hold {
    /// The request: the store never sees it.
    Before(PublisherRequest),
    /// Its answer: the store has carried it out.
    After(PublisherRequest),
}

/// A proxy before one member.
#[derive(Debug)]
pub struct HeldStore {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    member: SocketAddr,
    hold: Hold,
    writes: AtomicUsize,
    is_reached: AtomicBool,
    is_over: AtomicBool,
}

impl HeldStore {
    /// Starts a proxy before the first member of a cluster.
    pub fn start(cluster: &Etcd, hold: Hold) -> Self {
        let member = cluster.endpoints()[0].parse().expect("an endpoint is an address");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let [is_reached, is_over] = [const { AtomicBool::new(false) }; 2];
        let state = State { member, hold, writes: AtomicUsize::new(0), is_reached, is_over };
        let state = Arc::new(state);
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&shared);
                // A publisher that is killed ends its connection.
                thread::spawn(move || shared.serve(&client));
            }
        });
        Self { address, state }
    }

    /// The store of a prefix through this proxy.
    pub fn url(&self, prefix: &str) -> String {
        format!("etcd://{}{prefix}", self.address)
    }

    /// Waits until a publisher has reached the step.
    #[track_caller]
    pub fn wait_until_held(&self) {
        let what = format!("{:?}", self.state.hold);
        wait_until(&what, REACHED, || self.state.is_reached.load(Ordering::SeqCst));
    }
}

impl Drop for HeldStore {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    /// Passes requests and answers until either end closes, or one is held.
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        let member = TcpStream::connect(self.member)?;
        let is_mute = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| self.answers(&member, client, &is_mute));
            let result = self.requests(client, &member, &is_mute);
            let _ = member.shutdown(Shutdown::Both);
            result
        })
    }

    fn answers(
        &self,
        mut member: &TcpStream,
        mut client: &TcpStream,
        is_mute: &AtomicBool,
    ) -> io::Result<()> {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let read = member.read(&mut chunk)?;
            if read == 0 {
                return client.shutdown(Shutdown::Both);
            }
            if is_mute.load(Ordering::SeqCst) {
                self.is_reached.store(true, Ordering::SeqCst);
            } else {
                client.write_all(&chunk[..read])?;
            }
        }
    }

    fn requests(
        &self,
        client: &TcpStream,
        mut member: &TcpStream,
        is_mute: &AtomicBool,
    ) -> io::Result<()> {
        let mut reader = BufReader::new(client);
        while let Some((head, body)) = read_request(&mut reader)? {
            let request = self.request(&String::from_utf8_lossy(&body));
            match self.hold {
                Hold::Before(held) if request == Some(held) => {
                    self.is_reached.store(true, Ordering::SeqCst);
                    return reader.read_to_end(&mut Vec::new()).map(drop);
                }
                Hold::After(held) if request == Some(held) => is_mute.store(true, Ordering::SeqCst),
                _ => {}
            }
            member.write_all(head.as_bytes())?;
            member.write_all(&body)?;
        }
        Ok(())
    }

    /// Parts of a text are written without a comparison.
    fn request(&self, body: &str) -> Option<PublisherRequest> {
        if !body.contains(r#""compare":[{"#) {
            return None;
        }
        if body.contains("request_delete_range") {
            return Some(PublisherRequest::CleanUp);
        }
        Some(PublisherRequest::Current(self.writes.fetch_add(1, Ordering::SeqCst) + 1))
    }
}

/// Head and body of the next request; `None` at the end of the connection.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<(String, Vec<u8>)>> {
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let begin = head.len();
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        let line = head[begin..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((head, body)))
}
