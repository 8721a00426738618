//! A temporary directory and free ports for running an example.

use crate::repository::{files, read, root};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;
use testkit::Port;

/// Listen ports of the examples.
const PORTS: [&str; 4] = ["18080", "18081", "18082", "18083"];
/// Listen port range of the examples.
const RANGE: &str = "18100-18104";
const RANGE_SIZE: u16 = 5;
/// Candidates for free ranges: below the kernel's ephemeral ports, of which few adjacent ones are
/// free.
const RANGES: std::ops::Range<u16> = 20_000..32_000;
/// Directory of the Unix sockets in the examples.
const SOCKETS: &str = "/run/traffic-forwarder";

pub(crate) struct Stand {
    dir: TempDir,
    ports: Vec<Port>,
    range: String,
}

impl Stand {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let ports = PORTS.iter().map(|_| Port::every_address()).collect();
        let stand = Self { dir, ports, range: free_range() };
        for name in files("examples") {
            stand.put(&name, &name);
        }
        stand.put("etc/traffic-forwarder.conf.example", "etc/traffic-forwarder.conf.example");
        stand.put("etc/traffic-forwarder.conf.example", "etc/traffic-forwarder.conf");
        stand
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Copies a file of the repository, with the ports of this stand.
    fn put(&self, name: &str, to: &str) {
        self.write(to, &self.with_free_ports(&read(name)));
    }

    /// Copies a file of the repository unchanged.
    pub(crate) fn put_unchanged(&self, name: &str) {
        let to = self.path_of(name);
        fs::copy(root().join(name), to).unwrap_or_else(|error| panic!("copy {name}: {error}"));
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path_of(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    fn path_of(&self, name: &str) -> std::path::PathBuf {
        let path = self.dir().join(name);
        let parent = path.parent().expect("a file is in a directory");
        fs::create_dir_all(parent).expect("create a directory in the stand");
        path
    }

    /// Replaces the ports and the socket directory in the text by those of this stand.
    pub(crate) fn with_free_ports(&self, text: &str) -> String {
        let directory = self.dir().to_str().expect("a path of text");
        let text = text.replace(SOCKETS, directory).replace(RANGE, &self.range);
        let ports = PORTS.iter().zip(&self.ports);
        ports.fold(text, |text, (name, port)| text.replace(name, &port.to_string()))
    }
}

/// Finds a range of unused ports, a different one for each stand and each test process.
fn free_range() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let blocks = u32::from((RANGES.end - RANGES.start) / RANGE_SIZE);
    let is_free = |port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok();
    for _ in 0..blocks {
        let next = std::process::id().wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let block = u16::try_from(next % blocks).expect("a number of ports");
        let first = RANGES.start + block * RANGE_SIZE;
        if (first..first + RANGE_SIZE).all(is_free) {
            return format!("{first}-{}", first + RANGE_SIZE - 1);
        }
    }
    panic!("no {RANGE_SIZE} adjacent free ports");
}
