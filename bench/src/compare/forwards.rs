//! Many forwards in one file: how long until all of them serve, and the memory they take.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use super::launch::{Running, START_LIMIT};
use super::stage::{MIB, Sample, Stage};
use crate::failure::{Context, Failure, Result};
use crate::stats::float;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// What the forwards of a fresh forwarder took.
pub(super) fn forwards(stage: &Stage<'_>) -> Result<Sample> {
    let running = stage.forwarder()?;
    let started = all_serve(running, stage.ready)?;
    let mut sample = stage.cost();
    // From its start on, for this is what the start costs.
    sample.insert("cpu_s", running.tree.cpu_time().as_secs_f64());
    sample.insert("start_ms", 1e3 * started.as_secs_f64());
    sample.insert("rss_mib", float(running.tree.resident_bytes()) / MIB);
    Ok(sample)
}

/// When all forwards listened: usually when the last one of the file had served its first byte, at
/// `ready`, but nothing obliges a forwarder to keep the order of its file.
fn all_serve(running: &Running, ready: Duration) -> Result<Duration> {
    let mut at = ready;
    loop {
        let listening = listening_ports()?;
        let silent = |port: &u16| !listening.contains(port);
        let ports = running.addresses.iter().map(std::net::SocketAddr::port);
        let missing = ports.filter(silent).count();
        if missing == 0 {
            return Ok(at);
        }
        if at > START_LIMIT {
            return Err(Failure::new(format!("{missing} forwards do not listen")));
        }
        at = running.begun.elapsed();
    }
}

/// The ports of all IPv4 listeners of this host.
fn listening_ports() -> Result<HashSet<u16>> {
    const TABLE: &str = "/proc/net/tcp";
    let text = fs::read_to_string(TABLE).context(TABLE)?;
    Ok(text.lines().filter_map(listening_port).collect())
}

fn listening_port(line: &str) -> Option<u16> {
    let mut fields = line.split_whitespace().skip(1);
    let (_, port) = fields.next()?.split_once(':')?;
    (fields.nth(1)? == LISTEN).then(|| u16::from_str_radix(port, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn only_listeners_count() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        let ports = listening_ports().unwrap();
        assert!(ports.contains(&address.port()));
        assert!(!ports.contains(&client.local_addr().unwrap().port()));
        assert_eq!(listening_port("  sl  local_address rem_address   st"), None);
    }
}
