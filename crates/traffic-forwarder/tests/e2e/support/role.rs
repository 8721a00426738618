//! A server whose answer a test chooses, as the role endpoint of a database.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

/// Answers each request with the present answer, and closes the connection.
pub(crate) struct Role {
    addr: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// `None` is silence, until the client leaves.
    answer: Mutex<Option<Vec<u8>>>,
    asked: AtomicU64,
    last: Mutex<Vec<u8>>,
    is_over: AtomicBool,
}

/// The answer of a primary, and that of a replica.
pub(crate) const PRIMARY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
pub(crate) const REPLICA: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

impl Role {
    /// Listens at `addr`, and begins with this answer.
    pub(crate) fn start(addr: SocketAddr, answer: &str) -> Self {
        let listener = TcpListener::bind(addr).unwrap();
        let shared = Arc::new(Shared {
            answer: Mutex::new(Some(answer.into())),
            asked: AtomicU64::new(0),
            last: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        let thread = spawn(move || of_thread.serve(&listener));
        Self { addr, shared, thread: Some(thread) }
    }

    pub(crate) fn answer(&self, answer: impl Into<Vec<u8>>) {
        *self.shared.answer.lock().unwrap() = Some(answer.into());
    }

    pub(crate) fn be_silent(&self) {
        *self.shared.answer.lock().unwrap() = None;
    }

    /// Number of requests.
    pub(crate) fn asked(&self) -> u64 {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// The last request.
    pub(crate) fn last(&self) -> String {
        String::from_utf8_lossy(&self.shared.last.lock().unwrap()).into_owned()
    }
}

impl Shared {
    fn serve(&self, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            let Ok(mut stream) = stream else { continue };
            let mut request = [0; 4096];
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let length = stream.read(&mut request).unwrap_or(0);
            *self.last.lock().unwrap() = request[..length].to_vec();
            self.asked.fetch_add(1, Ordering::SeqCst);
            let answer = self.answer.lock().unwrap().clone();
            match answer {
                // The check may have left already.
                Some(answer) => _ = stream.write_all(&answer),
                None => _ = stream.read(&mut request),
            }
        }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        drop(std::net::TcpStream::connect(self.addr));
        self.thread.take().into_iter().for_each(|thread| thread.join().unwrap());
    }
}
