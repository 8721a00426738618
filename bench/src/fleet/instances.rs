//! The instances: real processes on one host. Each has its own hosts file, in a mount namespace, which gives `self.test`
//! its address: so one published text listens on another address at each.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use testkit::{Forwarder, Signal, Tool};

use super::texts::ip;
use crate::failure::{Context, Result};

/// Makes the directory of an instance the source of its names, and becomes the program.
const SCRIPT: &str = r#"mount --bind "$0/hosts" /etc/hosts &&
mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf && exec "$@""#;
/// An end after SIGKILL.
const END: Duration = Duration::from_secs(10);

/// The instances `edge-1`, `edge-2` ...; here they are counted from 0.
pub(super) struct Instances {
    binary: PathBuf,
    dir: PathBuf,
    /// The address of their store.
    url: String,
    running: Vec<Option<Forwarder>>,
}

pub(super) fn name(instance: u16) -> String {
    format!("edge-{}", instance + 1)
}

impl Instances {
    /// Starts instances with nothing in their directories.
    pub(super) fn start(binary: &Path, dir: &Path, url: String, count: u16) -> Result<Self> {
        let running = (0..count).map(|_| None).collect();
        let (binary, dir) = (binary.to_owned(), dir.to_owned());
        let mut instances = Self { binary, dir, url, running };
        (0..count).try_for_each(|instance| instances.start_again(instance))?;
        Ok(instances)
    }

    /// Starts an instance that does not run, with the files of the one before, and waits until it is ready.
    pub(super) fn start_again(&mut self, instance: u16) -> Result<()> {
        let dir = self.dir.join(name(instance));
        fs::create_dir_all(&dir).context(&dir.display().to_string())?;
        fs::write(dir.join("hosts"), format!("{} self.test\n", ip(instance)))?;
        fs::write(dir.join("nsswitch.conf"), "hosts: files\n")?;
        // A killed process leaves its socket.
        let _ = fs::remove_file(dir.join("admin.sock"));
        let builder = Forwarder::binary(Tool::find("unshare").path());
        let builder = builder.args(["--mount", "sh", "-c", SCRIPT]).arg(&dir).arg(&self.binary);
        let forwarder = builder.config(self.config(&dir, instance)).start();
        forwarder.ready();
        self.running[usize::from(instance)] = Some(forwarder);
        Ok(())
    }

    fn config(&self, dir: &Path, instance: u16) -> String {
        let dir = dir.display();
        let mut config = String::new();
        let _ = write!(
            config,
            "[process]\nworkers = 1\nadmin = 'unix:{dir}/admin.sock'\n[log]\nformat = 'json'\n\
             [fleet]\nfrom = '{}'\nname = '{}'\nkeep = '{dir}/keep'\n",
            self.url,
            name(instance)
        );
        config
    }

    /// Kills an instance.
    pub(super) fn kill(&mut self, instance: u16) {
        if let Some(forwarder) = self.running[usize::from(instance)].take() {
            forwarder.signal(Signal::KILL);
            forwarder.wait_exit(END);
        }
    }

    /// A running instance.
    pub(super) fn get(&self, instance: u16) -> Option<&Forwarder> {
        self.running[usize::from(instance)].as_ref()
    }

    pub(super) fn numbers(&self) -> std::ops::Range<u16> {
        0..u16::try_from(self.running.len()).unwrap_or(u16::MAX)
    }
}
