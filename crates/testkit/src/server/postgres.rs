//! A PostgreSQL server, and the clients of its version.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;

use super::Server;
use crate::port::Port;
use crate::tool::{Tool, run};
use crate::wait::{LIMIT, wait_until};

/// Where Debian installs each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// PostgreSQL refuses to run as root.
const USER: &str = "postgres";

/// A running PostgreSQL with an empty database, without passwords, that does not sync to disk.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    addr: SocketAddr,
}

impl Postgres {
    /// Starts one at a free port of this address.
    pub fn start(ip: IpAddr) -> Self {
        let program = program("postgres");
        let prefix = as_user();
        let first = prefix.first().map_or(path_text(&program), |word| (*word).to_owned());
        let server = Server::start(&first, |command, port, dir| {
            if geteuid().is_root() {
                Tool::find("chown").run([USER.as_ref(), dir], LIMIT);
            }
            let data = dir.join("data");
            let mut initdb = prepared("initdb");
            initdb.args(["--auth", "trust", "--username", USER, "--no-sync", "--pgdata"]);
            run(initdb.arg(&data), LIMIT).success();
            command.args(prefix.iter().skip(1));
            if !prefix.is_empty() {
                command.arg(&program);
            }
            command.arg("-D").arg(&data).args(settings(ip, port));
        });
        let addr = SocketAddr::new(ip, server.addr().port());
        // It listens before it serves.
        wait_until("PostgreSQL to be ready", LIMIT, || {
            run(&mut Self::client("pg_isready", addr), LIMIT).status.success()
        });
        Self { server, addr }
    }

    /// Address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Temporary directory of the server.
    pub fn dir(&self) -> &Path {
        self.server.dir()
    }

    /// The output of a statement, without headings.
    #[track_caller]
    pub fn query(&self, statement: &str) -> String {
        let mut psql = Self::client("psql", self.addr);
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", statement, USER]);
        run(&mut psql, LIMIT).success().text().trim().to_owned()
    }

    /// A client program that connects to `addr`: the server's or that of a forward to it.
    pub fn client(name: &str, addr: SocketAddr) -> Command {
        let mut command = Command::new(program(name));
        let port = addr.port().to_string();
        command.args(["--host", &addr.ip().to_string(), "--port", &port, "--username", USER]);
        command
    }
}

fn settings(ip: IpAddr, port: &Port) -> Vec<String> {
    let settings = [
        format!("listen_addresses={ip}"),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(),
        "fsync=off".to_owned(),
        "max_connections=50".to_owned(),
    ];
    settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

/// The words before a command that make it run as [`USER`] if this is root.
fn as_user() -> &'static [&'static str] {
    if geteuid().is_root() {
        &["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups"]
    } else {
        &[]
    }
}

fn prepared(name: &str) -> Command {
    let program = program(name);
    match as_user() {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    }
}

/// A program of the newest version that is installed. The servers are not in `PATH`.
fn program(name: &str) -> PathBuf {
    Tool::find("psql");
    let entries = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let programs = entries.map(|entry| entry.path().join("bin").join(name));
    let newest = programs.filter(|path| path.is_file()).max();
    newest.unwrap_or_else(|| panic!("no {name} in {VERSIONS}: apt-get install -y postgresql"))
}

fn path_text(path: &Path) -> String {
    path.to_str().expect("a path of Debian is text").to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn answers_at_its_address() {
        let postgres = Postgres::start(Ipv4Addr::new(127, 0, 0, 2).into());
        assert_eq!(postgres.query("SELECT 6 * 7"), "42");
        assert!(postgres.dir().join("data").is_dir());
    }
}
