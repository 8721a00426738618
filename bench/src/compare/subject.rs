//! The forwarders that are compared: found, described, started and ended.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::adapter::Adapter;
use super::affinity::{Cpus, spawn_on};
use super::template::fill_in;
use super::tree::Tree;
use crate::failure::{Context, Failure, Result};

/// Where daemons are; not every user has these in `PATH`.
const DAEMON_DIRS: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// How long a forwarder may take to start.
const START_LIMIT: Duration = Duration::from_secs(5);

/// A forwarder that is there.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) adapter: Adapter,
    pub(crate) binary: PathBuf,
    pub(crate) version: String,
}

impl Subject {
    /// Looks for the program of an adapter: `None` if it, or something it needs, is not there.
    pub(crate) fn find(adapter: &Adapter) -> Option<Self> {
        let binary = find_binary(&adapter.binary)?;
        let complete = adapter.needs.iter().all(|path| Path::new(path).exists());
        complete.then(|| Self::at(adapter, binary))
    }

    /// The program of an adapter, at this place.
    pub(crate) fn at(adapter: &Adapter, binary: PathBuf) -> Self {
        let values = [("binary", binary.display().to_string())];
        let version = version(&adapter.version, &values).unwrap_or_else(|| "unknown".to_owned());
        Self { adapter: adapter.clone(), binary, version }
    }

    /// Starts it on the given CPUs, and waits until it listens.
    pub(super) fn start(
        &self,
        target: SocketAddr,
        workers: usize,
        cpus: &Cpus,
        dir: &Path,
    ) -> Result<Running> {
        let listen = free_address()?;
        let config = dir.join(format!("{}.conf", self.adapter.key));
        let values = placeholders(&self.binary, &config, dir, listen, target, workers);
        if let Some(template) = &self.adapter.config {
            fs::write(&config, fill_in(template, &values)?)?;
        }
        let words = self.adapter.command.iter().map(|word| fill_in(word, &values));
        let words = words.collect::<Result<Vec<_>>>()?;
        let errors = dir.join(format!("{}.err", self.adapter.key));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&errors)?);
        let child = spawn_on(cpus, &mut command)?;
        let mut running = Running { tree: Tree::of(child.id()), child, address: listen, errors };
        running.wait_until_it_listens().context(&self.adapter.name)?;
        Ok(running)
    }
}

/// A forwarder at work; ended on `Drop`.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    errors: PathBuf,
    /// It and its children.
    pub(super) tree: Tree,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Running {
    fn wait_until_it_listens(&mut self) -> Result<()> {
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if self.child.try_wait()?.is_some() {
                return Err(self.explain(&Failure::new("it ended at once")));
            }
            if begun.elapsed() > START_LIMIT {
                return Err(self.explain(&Failure::new("it does not listen")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// A failure, with the last line of the forwarder's standard error.
    pub(super) fn explain(&self, failure: &Failure) -> Failure {
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

fn find_binary(name: &str) -> Option<PathBuf> {
    let dirs = format!("{}:{DAEMON_DIRS}", std::env::var("PATH").unwrap_or_default());
    std::env::split_paths(&dirs).map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// The first word of a command's output that looks like a version.
fn version(command: &[String], values: &[(&str, String)]) -> Option<String> {
    let words: Vec<_> =
        command.iter().map(|word| fill_in(word, values)).collect::<Result<_>>().ok()?;
    let (program, arguments) = words.split_first()?;
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    find_version(&String::from_utf8_lossy(&text)).map(str::to_owned)
}

fn find_version(text: &str) -> Option<&str> {
    let words = text.split(|c: char| c.is_whitespace() || "/(),".contains(c));
    let bare = words.map(|word| word.strip_prefix('v').unwrap_or(word));
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let numbers: Vec<_> = bare.filter(is_number).collect();
    numbers.iter().find(|word| word.contains('.')).or(numbers.first()).copied()
}

/// A free port below those that the kernel gives to outgoing connections.
fn free_address() -> Result<SocketAddr> {
    const FIRST: u32 = 17_000;
    const COUNT: u32 = 10_000;
    let begin = std::process::id();
    let ports = (0..COUNT).map(|step| FIRST + (begin.wrapping_mul(61).wrapping_add(step)) % COUNT);
    let mut addresses = ports.filter_map(|port| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).ok()?));
        TcpListener::bind(address).ok().map(|_| address)
    });
    addresses.next().ok_or_else(|| Failure::new("no free port"))
}

fn placeholders(
    binary: &Path,
    config: &Path,
    dir: &Path,
    listen: SocketAddr,
    target: SocketAddr,
    workers: usize,
) -> Vec<(&'static str, String)> {
    vec![
        ("binary", binary.display().to_string()),
        ("config", config.display().to_string()),
        ("dir", dir.display().to_string()),
        ("listen", listen.to_string()),
        ("listen_host", listen.ip().to_string()),
        ("listen_port", listen.port().to_string()),
        ("target", target.to_string()),
        ("target_host", target.ip().to_string()),
        ("target_port", target.port().to_string()),
        ("workers", workers.to_string()),
    ]
}

/// All placeholders that there are.
#[cfg(test)]
pub(super) fn placeholders_for_tests() -> Vec<(&'static str, String)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    placeholders(Path::new("b"), Path::new("c"), Path::new("d"), address, address, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (text, version) in [
            ("HAProxy version 2.6.12-1+deb12u4 2026/10/17 -", "2.6.12-1+deb12u4"),
            ("nginx version: nginx/1.22.1\n", "1.22.1"),
            ("socat by A B - see www.x.org\nsocat version 1.7.4.4 on", "1.7.4.4"),
            ("systemd 252 (252.39-1~deb12u2)\n", "252.39-1~deb12u2"),
            ("3.3\n", "3.3"),
            ("gost v3.0.0 (go1.22 linux/amd64)", "3.0.0"),
        ] {
            assert_eq!(find_version(text), Some(version));
        }
        assert_eq!(find_version("none"), None);
    }

    #[test]
    fn a_free_port_can_be_bound() {
        TcpListener::bind(free_address().unwrap()).unwrap();
    }
}
