//! The neighbour: another client, whose service is measured.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use testkit::connect_from;

use super::case::Attack;
use crate::failure::{Context as _, Result};
use crate::trial::table::time;

/// Duration of the measurement, and time between two connections.
const TIME: Duration = Duration::from_secs(4);
const INTERVAL: Duration = Duration::from_millis(20);

/// A connection without its bytes back in this time is lost.
const SERVICE_LIMIT: Duration = Duration::from_secs(2);

/// Many of them may wait at the same time.
const STACK_BYTES: usize = 64 * 1024;

/// How the neighbour was served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Service {
    /// Times of the clients that were served, in order.
    times: Vec<Duration>,
    pub(super) lost: usize,
}

impl Service {
    /// Connects again and again, for [`TIME`], and measures each connection.
    pub(super) fn measure(address: SocketAddr, attack: Attack) -> Result<Self> {
        let (sender, results) = channel();
        let begun = Instant::now();
        while begun.elapsed() < TIME {
            let sender = sender.clone();
            let client = move || {
                // The receiver is there until all have ended.
                let _ = sender.send(exchange(address, attack.neighbour(), &attack.request()));
            };
            thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn(client)
                .context("start a client")?;
            thread::sleep(INTERVAL);
        }
        drop(sender);
        let mut service = Self::default();
        for result in results {
            match result {
                Some(time) => service.times.push(time),
                None => service.lost += 1,
            }
        }
        service.times.sort_unstable();
        Ok(service)
    }

    /// The slowest of those that were served.
    fn slowest(&self) -> Duration {
        self.times.last().copied().unwrap_or_default()
    }

    /// How many were served, the median of their times, and the slowest.
    pub(super) fn cells(&self) -> Vec<String> {
        let (served, all) = (self.times.len(), self.times.len() + self.lost);
        let mark = if self.lost > 0 { "**" } else { "" };
        let count = format!("{mark}{served}{mark} of {all}");
        match self.times.get(served / 2) {
            None => vec![count, "–".to_owned(), "–".to_owned()],
            Some(median) => vec![count, time(*median), time(self.slowest())],
        }
    }
}

/// One client: the time until its bytes were back, if they were in time.
fn exchange(to: SocketAddr, from: IpAddr, (head, echoed): &(Vec<u8>, Vec<u8>)) -> Option<Duration> {
    let begun = Instant::now();
    let mut socket = connect_from(from, to).ok()?;
    socket.write_all(&[&head[..], echoed].concat()).ok()?;
    let (mut answer, mut read) = (vec![0; echoed.len()], 0);
    while read < answer.len() {
        let left = SERVICE_LIMIT.checked_sub(begun.elapsed()).filter(|left| !left.is_zero())?;
        socket.set_read_timeout(Some(left)).ok()?;
        match socket.read(&mut answer[read..]) {
            Ok(0) => return None,
            Ok(count) => read += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    let took = begun.elapsed();
    (answer == *echoed && took <= SERVICE_LIMIT).then_some(took)
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::{Behaviour, Port, Target};

    #[test]
    fn a_client_is_served_if_its_bytes_come_back() {
        let request = (Vec::new(), b"x".to_vec());
        let ask = |address| exchange(address, [127, 0, 0, 7].into(), &request).is_some();
        assert!(ask(Target::start(Behaviour::Echo).addr().tcp()));
        assert!(!ask(Target::start(Behaviour::Reset).addr().tcp()));
        assert!(!ask(Port::v4().addr()));
    }

    #[test]
    fn losses_stand_out() {
        let times = [1, 2, 3].map(Duration::from_millis).to_vec();
        let service = Service { times, lost: 1 };
        assert_eq!(service.cells(), ["**3** of 4", "2.0 ms", "3.0 ms"]);
        assert_eq!(Service { times: Vec::new(), lost: 2 }.cells()[0], "**0** of 2");
    }
}
