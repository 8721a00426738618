//! Starts the programs, each with its own ports, configuration and files.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::is_listening;

use super::program::Program;
use crate::compare::template::fill_in;
use crate::failure::{Context, Failure, Result};

/// How long a program may take to listen, while many others start.
const START_LIMIT: Duration = Duration::from_secs(30);

/// The first port given out. All are below those that the kernel gives to outgoing connections, and
/// the network namespace has no other programs.
const FIRST_PORT: u16 = 10_000;

/// Values of placeholders.
pub(crate) type Values = Vec<(&'static str, String)>;

/// Where programs are started.
#[derive(Debug)]
pub(crate) struct Stage {
    dir: PathBuf,
    next_port: AtomicU16,
}

impl Stage {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), next_port: AtomicU16::new(FIRST_PORT) }
    }

    /// A port that was not given out before.
    pub(crate) fn port(&self) -> u16 {
        self.next_port.fetch_add(1, Ordering::Relaxed)
    }

    /// Starts a program that listens at this address, and waits until it does. `wrap` makes the command from the
    /// directory of the program and the words of its command line.
    pub(crate) fn start<C>(
        &self,
        program: &Program<C>,
        listen: SocketAddr,
        text: &str,
        mut values: Values,
        wrap: impl FnOnce(&Path, &[String]) -> Result<Command>,
    ) -> Result<Running> {
        let dir = self.dir.join(listen.port().to_string());
        fs::create_dir(&dir).context(&dir.display().to_string())?;
        let config = dir.join("config");
        values.extend([
            ("binary", program.binary.display().to_string()),
            ("config", config.display().to_string()),
            ("dir", dir.display().to_string()),
        ]);
        values.extend(address_values(["listen", "listen_host", "listen_port"], listen));
        fs::write(&config, fill_in(text, &values)?).context(&config.display().to_string())?;
        let words = program.command.iter().map(|word| fill_in(word, &values));
        let mut command = wrap(&dir, &words.collect::<Result<Vec<_>>>()?)?;
        let errors = dir.join("errors");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&errors)?);
        let child = command.spawn().context(&format!("start {}", program.name))?;
        let mut running = Running { child, address: listen, errors };
        running.wait_until_it_listens()?;
        Ok(running)
    }
}

/// The command of these words.
pub(crate) fn command(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// The values of an address: it, its host, and its port.
pub(crate) fn address_values(keys: [&'static str; 3], address: SocketAddr) -> Values {
    let texts = [address.to_string(), address.ip().to_string(), address.port().to_string()];
    keys.into_iter().zip(texts).collect()
}

/// A program at work; killed on `Drop`. Every configuration has it in one process.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
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
    pub(crate) fn explain(&self, what: &str) -> Failure {
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
