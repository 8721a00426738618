//! Clients: each connects, sends a line, and waits for it to come back.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Context, Result};

/// A client that is not served after this time is lost. Longer than four attempts to connect of the
/// forwarder that makes most of them.
pub(super) const PATIENCE: Duration = Duration::from_secs(12);

/// Sent by each client, and echoed by the targets.
pub(super) const LINE: &[u8; 15] = b"PING a client\r\n";

/// Many clients wait at the same time.
const STACK_BYTES: usize = 64 * 1024;

/// Why a client was not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Refused,
    Reset,
    Fin,
    Silence,
    WrongBytes,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Reset => "RST",
            Self::Fin => "FIN",
            Self::Silence => "no answer",
            Self::WrongBytes => "wrong bytes",
        })
    }
}

/// The result of one client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    begun: Instant,
    /// Until its answer, or its loss.
    took: Duration,
    loss: Option<Loss>,
}

impl Client {
    fn serve(address: SocketAddr) -> Self {
        let begun = Instant::now();
        let loss = exchange(address, begun).err();
        Self { begun, took: begun.elapsed(), loss }
    }
}

fn exchange(address: SocketAddr, begun: Instant) -> std::result::Result<(), Loss> {
    Session::open(address)?.exchange(begun)
}

/// A connection of a client.
#[derive(Debug)]
pub(super) struct Session(TcpStream);

impl Session {
    pub(super) fn open(address: SocketAddr) -> std::result::Result<Self, Loss> {
        Ok(Self(TcpStream::connect_timeout(&address, PATIENCE)?))
    }

    /// Sends the line and reads the answer, until [`PATIENCE`] after `begun`.
    pub(super) fn exchange(&mut self, begun: Instant) -> std::result::Result<(), Loss> {
        self.0.write_all(LINE)?;
        let mut answer = [0; LINE.len()];
        let mut read = 0;
        while read < answer.len() {
            let left = PATIENCE.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
            self.0.set_read_timeout(Some(left))?;
            match self.0.read(&mut answer[read..]) {
                Ok(0) => return Err(Loss::Fin),
                Ok(length) => read += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if answer == *LINE { Ok(()) } else { Err(Loss::WrongBytes) }
    }
}

impl From<std::io::Error> for Loss {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Self::Silence,
            _ => Self::Reset,
        }
    }
}

/// Starts a client that sends its result. It ends by itself within [`PATIENCE`].
fn start(address: SocketAddr, results: &Sender<Client>) -> Result<()> {
    let results = results.clone();
    let client = move || {
        // The receiver is gone when the results of further clients are of no interest.
        let _ = results.send(Client::serve(address));
    };
    thread::Builder::new().stack_size(STACK_BYTES).spawn(client).context("start a client")?;
    Ok(())
}

/// The results of several clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Clients(Vec<Client>);

impl Clients {
    /// Clients for this time, one at each interval. Returns when all have ended.
    pub(super) fn come(address: SocketAddr, time: Duration, interval: Duration) -> Result<Self> {
        let (sender, results) = channel();
        let begun = Instant::now();
        while begun.elapsed() < time {
            start(address, &sender)?;
            thread::sleep(interval);
        }
        drop(sender);
        Ok(Self(results.iter().collect()))
    }

    /// Number of clients that were not served.
    pub(super) fn lost(&self) -> usize {
        self.0.iter().filter(|client| client.loss.is_some()).count()
    }

    /// The longest time until an answer, or until a loss.
    pub(super) fn slowest(&self) -> Duration {
        self.0.iter().map(|client| client.took).max().unwrap_or_default()
    }

    /// How many were lost, and how.
    pub(super) fn describe(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        for loss in [Loss::Refused, Loss::Reset, Loss::Fin, Loss::Silence, Loss::WrongBytes] {
            let count = self.0.iter().filter(|client| client.loss == Some(loss)).count();
            if count > 0 {
                words.push(format!("{count} {loss}"));
            }
        }
        match words[..] {
            [] => format!("0 of {}", self.0.len()),
            _ => format!("**{}** of {} ({})", self.lost(), self.0.len(), words.join(", ")),
        }
    }
}

/// Time from now on until the first client is served that comes from now on; `None` if none is
/// within the limit.
pub(super) fn first_served(address: SocketAddr, limit: Duration) -> Result<Option<Duration>> {
    const INTERVAL: Duration = Duration::from_millis(20);
    let (sender, results) = channel::<Client>();
    let begun = Instant::now();
    while begun.elapsed() < limit {
        start(address, &sender)?;
        let next = Instant::now() + INTERVAL;
        while let Ok(client) = results.recv_timeout(next.saturating_duration_since(Instant::now()))
        {
            if client.loss.is_none() {
                return Ok(Some(client.begun.saturating_duration_since(begun) + client.took));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use testkit::{Behaviour, Port, Target};

    use super::*;

    #[test]
    fn losses_are_counted_with_their_kind() {
        let loss = |loss| Client { begun: Instant::now(), took: Duration::from_millis(3), loss };
        let all = [None, Some(Loss::Fin), Some(Loss::Reset), Some(Loss::Fin)].map(loss);
        let clients = Clients(all.to_vec());
        assert_eq!(clients.describe(), "**3** of 4 (1 RST, 2 FIN)");
        assert_eq!((clients.lost(), clients.slowest()), (3, Duration::from_millis(3)));
    }

    #[test]
    fn a_client_is_served_by_an_echo_only() {
        let one = |address| {
            let once = Duration::from_millis(1);
            Clients::come(address, once, once).unwrap().describe()
        };
        let target = |behaviour| Target::start(behaviour);
        assert_eq!(one(target(Behaviour::Echo).addr().tcp()), "0 of 1");
        assert_eq!(one(target(Behaviour::Source(0)).addr().tcp()), "**1** of 1 (1 FIN)");
        assert_eq!(one(Port::v4().addr()), "**1** of 1 (1 refused)");
    }

    #[test]
    fn the_first_served_client_ends_the_wait() {
        let (limit, target) = (Duration::from_secs(10), Target::start(Behaviour::Echo));
        assert!(first_served(target.addr().tcp(), limit).unwrap().unwrap() < limit);
        let nothing = first_served(Port::v4().addr(), Duration::from_millis(50));
        assert_eq!(nothing.unwrap(), None);
    }
}
