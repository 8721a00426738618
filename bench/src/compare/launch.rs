//! A forwarder from its start to its end.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::affinity::{Cpus, spawn_on};
use super::subject::Subject;
use super::template::fill_in;
use super::tree::Tree;
use crate::failure::{Context, Failure, Result};

/// How long a forwarder may take to start, with many forwards too.
pub(super) const START_LIMIT: Duration = Duration::from_secs(20);

/// How often it is asked whether it listens: the precision of its time to start.
const POLL: Duration = Duration::from_millis(1);

/// How a forwarder is started.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    /// Where all its forwards go to.
    pub(crate) target: SocketAddr,
    /// How many forwards it has.
    pub(crate) forwards: usize,
    pub(crate) workers: usize,
    pub(crate) cpus: &'a Cpus,
    /// Where its configuration is written.
    pub(crate) dir: &'a Path,
}

impl Launch<'_> {
    /// Starts a forwarder, and waits until it listens at its last address.
    pub(super) fn start(&self, subject: &Subject) -> Result<Running> {
        let mut running = self.spawn(subject)?;
        running.wait_until_it_listens().context(&subject.adapter.name)?;
        Ok(running)
    }

    /// Starts a forwarder, and waits for nothing.
    pub(crate) fn spawn(&self, subject: &Subject) -> Result<Running> {
        let adapter = &subject.adapter;
        let addresses = free_addresses(self.forwards)?;
        let address = *addresses.last().ok_or_else(|| Failure::new("no forward to start"))?;
        let config = self.dir.join(format!("{}.conf", adapter.key));
        let mut values = self.values(&subject.binary, &config);
        if let Some(block) = &adapter.forward {
            values.push(("forwards", self.blocks(block, &addresses)?));
        }
        values.extend(self.forward_values(1, address));
        if let Some(template) = &adapter.config {
            fs::write(&config, fill_in(template, &values)?)?;
        }
        let words = adapter.command.iter().map(|word| fill_in(word, &values));
        let words = words.collect::<Result<Vec<_>>>()?;
        let errors = self.dir.join(format!("{}.err", adapter.key));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&errors)?);
        let begun = Instant::now();
        let child = spawn_on(self.cpus, &mut command)?;
        let tree = Tree::of(child.id());
        Ok(Running { child, errors, tree, address, addresses, begun })
    }

    /// The block of an adapter, once for each forward.
    fn blocks(&self, block: &str, addresses: &[SocketAddr]) -> Result<String> {
        let numbered = (1..).zip(addresses);
        numbered.map(|(n, listen)| fill_in(block, &self.forward_values(n, *listen))).collect()
    }

    /// The placeholders of a command and of a configuration as a whole.
    fn values(&self, binary: &Path, config: &Path) -> Vec<(&'static str, String)> {
        vec![
            ("binary", binary.display().to_string()),
            ("config", config.display().to_string()),
            ("dir", self.dir.display().to_string()),
            ("workers", self.workers.to_string()),
        ]
    }

    /// The placeholders of one forward.
    fn forward_values(&self, number: usize, listen: SocketAddr) -> Vec<(&'static str, String)> {
        vec![
            ("number", number.to_string()),
            ("listen", listen.to_string()),
            ("listen_host", listen.ip().to_string()),
            ("listen_port", listen.port().to_string()),
            ("target", self.target.to_string()),
            ("target_host", self.target.ip().to_string()),
            ("target_port", self.target.port().to_string()),
        ]
    }
}

/// A forwarder at work; ended on `Drop`.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    errors: PathBuf,
    /// It and its children.
    pub(super) tree: Tree,
    /// Where it listens: the address of its last forward.
    pub(crate) address: SocketAddr,
    /// The addresses of all its forwards.
    pub(super) addresses: Vec<SocketAddr>,
    /// When it was started.
    pub(super) begun: Instant,
}

impl Running {
    fn wait_until_it_listens(&mut self) -> Result<()> {
        while TcpStream::connect(self.address).is_err() {
            if self.child.try_wait()?.is_some() {
                return Err(self.explain(&Failure::new("it ended at once")));
            }
            if self.begun.elapsed() > START_LIMIT {
                return Err(self.explain(&Failure::new("it does not listen")));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// A failure, with the last line of the forwarder's standard error.
    pub(crate) fn explain(&self, failure: &Failure) -> Failure {
        let text = fs::read_to_string(&self.errors).unwrap_or_default();
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        let words = last.map_or_else(String::new, |line| format!("; it said: {line}"));
        Failure::new(format!("{failure}{words}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tree.kill();
        // It has been killed; an error means that it was waited for already.
        let _ = self.child.wait();
    }
}

/// Sends a byte through a forwarder to an echo and waits for it: it is open up to the target.
pub(super) fn exchange_once(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address).context("first connection")?;
    stream.set_read_timeout(Some(START_LIMIT))?;
    stream.write_all(b"x").context("first byte")?;
    stream.read_exact(&mut [0]).context("first byte")
}

/// Free ports below those that the kernel gives to outgoing connections by default (from 32,768 on).
fn free_addresses(count: usize) -> Result<Vec<SocketAddr>> {
    const FIRST: u32 = 12_000;
    const PORTS: u32 = 20_000;
    // Two benchmarks at the same time begin in different places.
    let begin = std::process::id().wrapping_mul(61);
    let ports = (0..PORTS).map(|step| FIRST + begin.wrapping_add(step) % PORTS);
    let free = ports.filter_map(|port| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).ok()?));
        TcpListener::bind(address).ok().map(|_| address)
    });
    let free: Vec<_> = free.take(count).collect();
    if free.len() == count {
        return Ok(free);
    }
    let last = FIRST + PORTS - 1;
    Err(Failure::new(format!(
        "only {} of {count} ports from {FIRST} to {last} are free",
        free.len()
    )))
}

/// All placeholders that there are.
#[cfg(test)]
pub(super) fn placeholders_for_tests() -> Vec<(&'static str, String)> {
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let cpus = "0".parse().unwrap();
    let launch = Launch { target, forwards: 1, workers: 1, cpus: &cpus, dir: Path::new("d") };
    let mut values = launch.values(Path::new("b"), Path::new("c"));
    values.extend(launch.forward_values(1, target));
    values.push(("forwards", String::new()));
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use testkit::{LIMIT, wait_for};

    #[test]
    fn free_ports_are_different_and_can_be_bound() {
        let addresses = free_addresses(300).unwrap();
        // A child that another test is just starting may hold a copy of the socket that tried one.
        let bind = |address| wait_for("a free port", LIMIT, || TcpListener::bind(address).ok());
        let _listeners: Vec<_> = addresses.iter().map(bind).collect();
        assert_eq!(addresses.iter().collect::<HashSet<_>>().len(), 300);
        assert!(free_addresses(30_000).unwrap_err().to_string().contains("of 30000 ports"));
    }

    #[test]
    fn a_block_stands_once_for_each_forward() {
        let cpus = "0".parse().unwrap();
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let launch = Launch { target, forwards: 2, workers: 1, cpus: &cpus, dir: Path::new("d") };
        let addresses = [1, 2].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let text = launch.blocks("{number}: {listen_port} {target_port}\n", &addresses).unwrap();
        assert_eq!(text, "1: 1 9\n2: 2 9\n");
    }
}
