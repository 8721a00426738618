//! Connections of a caller that has no token: silent, dripping, polling and reconnecting ones.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use testkit::{Socket, connect};

/// Connections of each kind.
const EACH: usize = 32;
/// Pause of each kind between two rounds over its connections.
const PAUSE: Duration = Duration::from_millis(5);

/// What a connection does.
#[derive(Clone, Copy)]
enum Kind {
    Silent,
    Dripping,
    Polling,
    Reconnecting,
}

/// 128 connections, each made again when it ends.
pub(super) struct Crowd {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    connects: AtomicU64,
}

impl Crowd {
    pub(super) fn start(addr: SocketAddr) -> Self {
        let shared = Arc::new(Shared::default());
        let kinds = [Kind::Silent, Kind::Dripping, Kind::Polling, Kind::Reconnecting];
        let threads = kinds.map(|kind| {
            let shared = Arc::clone(&shared);
            spawn(move || shared.play(kind, addr))
        });
        let crowd = Self { shared, threads: threads.into() };
        testkit::wait_until("the crowd", testkit::LIMIT, || crowd.connects() >= 4 * EACH as u64);
        crowd
    }

    /// Connections so far.
    pub(super) fn connects(&self) -> u64 {
        self.shared.connects.load(Ordering::Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| _ = thread.join());
    }
}

impl Shared {
    fn play(&self, kind: Kind, addr: SocketAddr) {
        let mut sockets: Vec<Option<Socket>> = (0..EACH).map(|_| None).collect();
        while !self.is_over.load(Ordering::Relaxed) {
            for slot in &mut sockets {
                *slot = slot.take().filter(|socket| goes_on(kind, socket)).or_else(|| {
                    let socket = connect(addr).ok()?;
                    self.connects.fetch_add(1, Ordering::Relaxed);
                    socket.set_nonblocking(true).ok()?;
                    begin(kind, &socket);
                    Some(socket)
                });
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn begin(kind: Kind, mut socket: &Socket) {
    let text: &[u8] = match kind {
        Kind::Silent | Kind::Reconnecting => b"",
        Kind::Dripping => b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        Kind::Polling => b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    };
    // The connection may have ended.
    let _ = socket.write_all(text);
}

/// The next step of a connection. False if it has ended.
fn goes_on(kind: Kind, mut socket: &Socket) -> bool {
    let mut bytes = [0; 1024];
    let is_open = match socket.read(&mut bytes) {
        Ok(length) => length > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    };
    is_open
        && match kind {
            Kind::Silent => true,
            Kind::Dripping => socket.write_all(b"x").is_ok(),
            Kind::Polling => {
                begin(kind, socket);
                true
            }
            Kind::Reconnecting => false,
        }
}
