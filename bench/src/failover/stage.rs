//! Starts the programs, each with its own ports, configuration and files.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::is_listening;

use super::program::{Config, Program};
use crate::compare::template::fill_in;
use crate::failure::{Context, Failure, Result};

/// How long a program may take to listen, while many others start.
const START_LIMIT: Duration = Duration::from_secs(30);

/// The first port given out. All are below those that the kernel gives to outgoing connections, and
/// the network namespace has no other programs.
const FIRST_PORT: u16 = 10_000;

/// Name that the programs look up.
pub(super) const NAME: &str = "db.test";

type Values = Vec<(&'static str, String)>;

/// Where programs are started.
#[derive(Debug)]
pub(super) struct Stage {
    dir: PathBuf,
    next_port: AtomicU16,
}

/// Where the targets of a configuration are.
#[derive(Debug)]
pub(super) enum Way<'a> {
    /// Several addresses; the port is that of an HTTP check.
    Addresses(&'a Config, &'a [SocketAddr], u16),
    /// The addresses of [`NAME`] at this port, from this name server.
    Name(&'a str, u16, SocketAddr),
}

impl Stage {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), next_port: AtomicU16::new(FIRST_PORT) }
    }

    /// A port that was not given out before.
    pub(super) fn port(&self) -> u16 {
        self.next_port.fetch_add(1, Ordering::Relaxed)
    }

    /// Starts a program, and waits until it listens.
    pub(super) fn start(&self, program: &Program, way: &Way<'_>) -> Result<Running> {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port()));
        let dir = self.dir.join(listen.port().to_string());
        fs::create_dir(&dir).context(&dir.display().to_string())?;
        let config = dir.join("config");
        let mut values = vec![
            ("binary", program.binary.display().to_string()),
            ("config", config.display().to_string()),
            ("dir", dir.display().to_string()),
        ];
        values.extend(address_values(["listen", "listen_host", "listen_port"], listen));
        let text = way.text(&mut values)?;
        fs::write(&config, fill_in(text, &values)?).context(&config.display().to_string())?;
        let words = program.command.iter().map(|word| fill_in(word, &values));
        let mut command = way.command(&dir, words.collect::<Result<Vec<_>>>()?)?;
        let errors = dir.join("errors");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&errors)?);
        let child = command.spawn().context(&format!("start {}", program.name))?;
        let mut running = Running { child, address: listen, errors };
        running.wait_until_it_listens()?;
        Ok(running)
    }
}

impl<'a> Way<'a> {
    /// The template of the configuration, and the values that only it has.
    fn text(&self, values: &mut Values) -> Result<&'a str> {
        match self {
            Self::Addresses(config, addresses, check_port) => {
                let numbered = (1..).zip(*addresses);
                let target = |(number, address): (usize, &SocketAddr)| {
                    let mut values =
                        address_values(["target", "target_host", "target_port"], *address);
                    values.push(("number", number.to_string()));
                    values.push(("check_port", check_port.to_string()));
                    fill_in(&config.target, &values)
                };
                let parts = numbered.map(target).collect::<Result<Vec<_>>>()?;
                let first = addresses.first().map(ToString::to_string);
                values.push(("first_target", first.unwrap_or_default()));
                values.push(("other_targets", parts.iter().skip(1).cloned().collect()));
                values.push(("targets", parts.concat()));
                values.push(("check_port", check_port.to_string()));
                Ok(&config.text)
            }
            Self::Name(text, port, name_server) => {
                values.push(("name", NAME.to_owned()));
                values.push(("name_port", port.to_string()));
                let keys = ["name_server", "name_server_host", "name_server_port"];
                values.extend(address_values(keys, *name_server));
                Ok(text)
            }
        }
    }

    /// The command. With a name, the system's configuration of names is that of the case.
    fn command(&self, dir: &Path, words: Vec<String>) -> Result<Command> {
        const SCRIPT: &str = r#"mount --bind "$0/resolv.conf" /etc/resolv.conf && exec "$@""#;
        let Self::Name(_, _, name_server) = self else {
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]);
            return Ok(command);
        };
        let text = format!("nameserver {}\n", name_server.ip());
        fs::write(dir.join("resolv.conf"), text).context("resolv.conf")?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", SCRIPT]).arg(dir).args(words);
        Ok(command)
    }
}

fn address_values(keys: [&'static str; 3], address: SocketAddr) -> Values {
    let texts = [address.to_string(), address.ip().to_string(), address.port().to_string()];
    keys.into_iter().zip(texts).collect()
}

/// A program at work; killed on `Drop`. Every configuration has it in one process.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    pub(super) address: SocketAddr,
    errors: PathBuf,
}

impl Running {
    fn wait_until_it_listens(&mut self) -> Result<()> {
        let begun = Instant::now();
        // A connection, to see whether it listens, would be passed on to a target.
        while !is_listening(self.address) {
            if self.child.try_wait()?.is_some() {
                return Err(self.explain("it ended at once"));
            }
            if begun.elapsed() > START_LIMIT {
                return Err(self.explain("it does not listen"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// A failure, with the last line of the program's standard error.
    pub(super) fn explain(&self, what: &str) -> Failure {
        let text = fs::read_to_string(&self.errors).unwrap_or_default();
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        let words = last.map_or_else(String::new, |line| format!("; it said: {line}"));
        Failure::new(format!("{what}{words}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
