//! Two servers, one of which is the primary: they note each write, and say by HTTP which one it is.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::clients::LINE;
use crate::failure::{Context, Result};

/// How soon the threads notice that they shall stop.
const TICK: Duration = Duration::from_millis(50);

/// The answer of a replica, as long as that of the primary.
const READ_ONLY: &[u8; LINE.len()] = b"-READONLY you\r\n";

/// Time at which one of the servers was asked for something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) at: Instant,
    pub(super) server: usize,
}

#[derive(Debug)]
struct State {
    primary: AtomicUsize,
    stop: AtomicBool,
    /// Lines from clients.
    writes: Mutex<Vec<Asked>>,
    /// Checks that were answered with 503.
    refused_checks: Mutex<Vec<Asked>>,
}

/// Two running servers; the first is the primary at first.
#[derive(Debug)]
pub(super) struct Roles {
    state: Arc<State>,
    threads: Vec<JoinHandle<()>>,
}

impl Roles {
    /// Starts servers at these addresses, and at the same addresses the endpoints of checks.
    pub(super) fn start(addresses: &[SocketAddr; 2], check_port: u16) -> Result<Self> {
        let state = Arc::new(State {
            primary: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            writes: Mutex::default(),
            refused_checks: Mutex::default(),
        });
        let mut roles = Self { state, threads: Vec::new() };
        for (server, address) in addresses.iter().enumerate() {
            roles.listen(*address, server, serve_client)?;
            roles.listen((address.ip(), check_port).into(), server, answer_check)?;
        }
        Ok(roles)
    }

    /// Makes the second server the primary: the time.
    pub(super) fn swap(&self) -> Instant {
        self.state.primary.store(1, Ordering::SeqCst);
        Instant::now()
    }

    /// Lines that came from clients.
    pub(super) fn writes(&self) -> Vec<Asked> {
        self.state.writes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks that were answered with 503.
    pub(super) fn refused_checks(&self) -> Vec<Asked> {
        self.state.refused_checks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn listen(&mut self, address: SocketAddr, server: usize, serve: Serve) -> Result<()> {
        let listener = TcpListener::bind(address).context(&format!("listen on {address}"))?;
        listener.set_nonblocking(true)?;
        let state = Arc::clone(&self.state);
        self.threads.push(thread::spawn(move || accept(&listener, &state, server, serve)));
        Ok(())
    }
}

impl Drop for Roles {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic of the thread was printed; the case fails by itself.
            let _ = thread.join();
        }
    }
}

type Serve = fn(&State, usize, TcpStream) -> std::io::Result<()>;

/// Serves each connection on a separate thread, which ends with it or with the servers.
fn accept(listener: &TcpListener, state: &State, server: usize, serve: Serve) {
    thread::scope(|scope| {
        while !state.stop.load(Ordering::Relaxed) {
            match listener.accept() {
                // The end of a connection is no failure of the server.
                Ok((stream, _)) => drop(scope.spawn(move || serve(state, server, stream))),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::sleep(Duration::from_millis(2));
                }
                Err(_) => thread::sleep(TICK),
            }
        }
    });
}

impl State {
    fn is_primary(&self, server: usize) -> bool {
        self.primary.load(Ordering::SeqCst) == server
    }

    fn note(list: &Mutex<Vec<Asked>>, server: usize) {
        let asked = Asked { at: Instant::now(), server };
        list.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }

    /// Reads what is there; `None` at the end of the stream, or of the servers.
    fn read(&self, stream: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<Option<usize>> {
        while !self.stop.load(Ordering::Relaxed) {
            match stream.read(buffer) {
                Ok(0) => return Ok(None),
                Ok(length) => return Ok(Some(length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// Notes each line, and answers it.
fn serve_client(state: &State, server: usize, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(TICK))?;
    let mut buffer = [0; 512];
    while let Some(length) = state.read(&mut stream, &mut buffer)? {
        for _ in buffer[..length].iter().filter(|byte| **byte == b'\n') {
            State::note(&state.writes, server);
            let is_primary = state.is_primary(server);
            stream.write_all(if is_primary { LINE } else { READ_ONLY })?;
        }
    }
    Ok(())
}

/// Answers a request with 200 from the primary, and with 503 from the replica.
fn answer_check(state: &State, server: usize, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(TICK))?;
    let (mut request, mut buffer) = (Vec::new(), [0; 512]);
    while !request.ends_with(b"\r\n\r\n") {
        let Some(length) = state.read(&mut stream, &mut buffer)? else { return Ok(()) };
        request.extend_from_slice(&buffer[..length]);
    }
    let is_primary = state.is_primary(server);
    let status = if is_primary { "200 OK" } else { "503 Service Unavailable" };
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes())?;
    if !is_primary {
        State::note(&state.refused_checks, server);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use testkit::Ports;

    use super::*;
    use crate::failover::clients::{Loss, Session};

    /// Answers of the checks of both servers, as their status.
    fn check(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /primary HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    }

    #[test]
    fn roles_change_with_their_answers() {
        let ports = Ports::range(2);
        let [data, checks] = [0, 1].map(|at| ports.as_slice()[at].addr().port());
        let address = |last| SocketAddr::from(([127, 0, 0, last], data));
        let addresses = [address(1), address(2)];
        let roles = Roles::start(&addresses, checks).unwrap();
        let mut session = Session::open(addresses[0]).unwrap();
        session.exchange(Instant::now()).unwrap();
        assert_eq!(check((addresses[0].ip(), checks).into()), "200");
        roles.swap();
        assert_eq!(session.exchange(Instant::now()), Err(Loss::WrongBytes));
        assert_eq!(check((addresses[0].ip(), checks).into()), "503");
        assert_eq!(check((addresses[1].ip(), checks).into()), "200");
        assert_eq!((roles.writes().len(), roles.refused_checks().len()), (2, 1));
    }
}
