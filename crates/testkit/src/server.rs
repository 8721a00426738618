//! Real servers, each in its own directory and on its own reserved port. They listen on `127.0.0.1`, if a
//! configuration says nothing else.

mod authority;
mod etcd;
mod held_store;
mod nginx;
mod postgres;
mod sshd;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

pub use authority::{Authority, Certificate};
pub use etcd::{Etcd, EtcdTls};
pub use held_store::{HeldStore, Hold, PublisherRequest};
pub use nginx::Nginx;
pub use postgres::Postgres;
pub use sshd::Sshd;

use crate::addr::Addr;
use crate::port::Port;
use crate::process::Process;
use crate::tool::Tool;
use crate::wait::{LIMIT, wait_until};

/// How long a server may take to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    process: Process,
    port: Port,
    dir: TempDir,
}

impl Server {
    /// A Redis without persistence that takes values of 512 MiB and more.
    pub fn redis() -> Self {
        Self::start("redis-server", |command, port, dir| {
            command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
            command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(dir);
            command.args(["--proto-max-bulk-len", "1gb", "--client-query-buffer-limit", "2gb"]);
        })
    }

    /// An iperf3 server; it serves one test after the other.
    pub fn iperf3() -> Self {
        Self::start("iperf3", |command, port, _| {
            command.args(["-s", "--bind", "127.0.0.1", "--port", &port.to_string()]);
        })
    }

    /// Another forwarder, or any server that reads all it needs from a configuration file: its
    /// arguments end with the file that `config` gives for its port.
    pub fn with_config(
        program: &str,
        arguments: &[&str],
        config: impl FnOnce(&Port) -> String,
    ) -> Self {
        Self::start(program, |command, port, dir| {
            let file = dir.join("config");
            fs::write(&file, config(port)).expect("write into an own directory");
            command.args(arguments).arg(file);
        })
    }

    /// Address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// Temporary directory of the server.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Main process of the server.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Starts `program`, completed by `arguments`, and waits until its port listens.
    fn start(program: &str, arguments: impl FnOnce(&mut Command, &Port, &Path)) -> Self {
        let (port, dir) = (Port::every_address(), TempDir::new().expect("a temporary directory"));
        let mut command = Tool::find(program).command();
        arguments(&mut command, &port, dir.path());
        let process = Process::spawn(program, command, GRACE);
        wait_until(&format!("{program} to listen on port {port}"), LIMIT, || {
            assert_eq!(process.exit_status(), None, "{program} ended instead of listening");
            is_listening(port.addr())
        });
        Self { process, port, dir }
    }
}

impl From<&Server> for Addr {
    fn from(server: &Server) -> Self {
        Self::Tcp(server.addr())
    }
}

/// Whether a socket listens on this port, of either family. Unlike connecting, the check does not disturb the
/// server.
pub fn is_listening(addr: SocketAddr) -> bool {
    const LISTEN: &str = "0A";
    let suffix = format!(":{:04X}", addr.port());
    let is_in = |table: &str| {
        table.lines().any(|line| {
            let fields: Vec<_> = line.split_whitespace().take(4).collect();
            matches!(fields[..], [_, local, _, LISTEN] if local.ends_with(&suffix))
        })
    };
    let v4 = fs::read_to_string("/proc/net/tcp").expect("the kernel's table of TCP sockets");
    // There is none in a kernel without IPv6.
    is_in(&v4) || is_in(&fs::read_to_string("/proc/net/tcp6").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::Ipv6Addr;

    use super::*;
    use crate::addr::{Listener, Place};

    #[test]
    fn a_reserved_port_is_not_listening_until_it_is() {
        let port = Port::v4();
        assert!(!is_listening(port.addr()));
        let listener = Listener::bind(Place::At(port.addr()));
        assert!(is_listening(port.addr()));
        drop(listener);
        let v6 = (Ipv6Addr::LOCALHOST, port.number()).into();
        let _listener = Listener::bind(Place::At(v6));
        assert!(is_listening(port.addr()));
    }

    #[test]
    fn redis_takes_a_value_of_512_mib() {
        let (redis, dir) = (Server::redis(), TempDir::new().unwrap());
        let port = redis.addr().port().to_string();
        let cli = Tool::find("redis-cli");
        let file = dir.path().join("value");
        File::create(&file).unwrap().set_len(512 * 1024 * 1024).unwrap();
        let mut set = cli.command();
        set.args(["-p", &port, "-x", "SET", "big"]).stdin(File::open(&file).unwrap());
        assert_eq!(crate::run(&mut set, LIMIT * 6).success().text(), "OK\n");
        let len = cli.run(["-p", &port, "STRLEN", "big"], LIMIT).text();
        assert_eq!(len.trim(), (512 * 1024 * 1024).to_string());
    }

    #[test]
    fn redis_benchmark_runs() {
        let redis = Server::redis();
        let port = redis.addr().port().to_string();
        let args = ["-p", &port, "-n", "1000", "-t", "ping_mbulk", "-q"];
        let output = Tool::find("redis-benchmark").run(args, LIMIT).text();
        assert!(output.contains("requests per second"), "{output}");
    }

    #[test]
    fn iperf3_measures() {
        let iperf3 = Server::iperf3();
        let port = iperf3.addr().port().to_string();
        let args = ["-c", "127.0.0.1", "-p", &port, "-n", "10M", "--json"];
        let output = Tool::find("iperf3").run(args, LIMIT).text();
        let json: serde_json::Value = serde_json::from_str(&output).unwrap();
        // Its server stops counting when the client has sent everything, so the sum may be less.
        assert_eq!(json["end"]["sum_sent"]["bytes"], 10 * 1024 * 1024, "{output}");
        assert_ne!(json["end"]["sum_received"]["bytes"], 0, "{output}");
    }
}
