//! Shared parts: the binary and its configuration, one forward, one session with both of its outer
//! sockets in the test's hands.

mod console;
mod held;
mod hosts;
mod kernel;
mod late_target;
mod network_namespace;
mod operated;
pub(crate) mod role;

mod sessions;
mod setup;
mod slow_lookups;

use std::fmt::{Display, Write as _};
use std::fs;
use std::net::SocketAddr;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use serde_json::Value;
use testkit::{Addr, Forwarder, ForwarderBuilder, Port, SessionRecord, Socket, connect};

pub(crate) use console::Console;
pub(crate) use held::Held;
pub(crate) use hosts::{with_hosts, with_mounts, with_names, with_run};
pub(crate) use kernel::{
    connections_to, has_mptcp, leave_open_files, of_each_thread, set_open_files, tcp_row, unacked,
    waiting_connections_to,
};
pub(crate) use late_target::LateTarget;
pub(crate) use network_namespace::{in_network_namespace, on_each_network_namespace, test_name};
pub(crate) use operated::Operated;
pub(crate) use sessions::{
    OPENING, Session, asking_client, close_listener, is_answered, is_waiting, ping, play, reset,
    served_client, write_until_full,
};
pub(crate) use setup::{Setup, on_each_setup};
pub(crate) use slow_lookups::SlowLookups;

/// The program under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_traffic-forwarder");

/// A pause long enough for a mistake to show.
pub(crate) const QUIET: Duration = Duration::from_millis(200);

/// Defines a test per scenario for `path = "copy"` and one for `path = "splice"`.
macro_rules! on_each_path {
    ($($scenario:ident),+ $(,)?) => {
        mod copy { $(#[test] fn $scenario() { super::$scenario("copy"); })+ }
        mod splice { $(#[test] fn $scenario() { super::$scenario("splice"); })+ }
    };
}
pub(crate) use on_each_path;

/// Version and build as the program prints them: `0.2.0 (abc1234)`.
pub(crate) fn version() -> String {
    match env!("BUILD_ID") {
        "" => env!("CARGO_PKG_VERSION").to_owned(),
        build => format!("{} ({build})", env!("CARGO_PKG_VERSION")),
    }
}

/// The arguments by which unshare(1) gives a program namespaces of this kind, as root or not.
pub(crate) fn unshare_arguments(kind: &str) -> Vec<&str> {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let user: &[_] = if is_root { &[] } else { &["--user", "--map-root-user"] };
    [user, &[kind]].concat()
}

pub(crate) fn forwarder() -> ForwarderBuilder {
    Forwarder::binary(BINARY)
}

// === configurations ===

/// Builder of a TOML file. It logs JSON by default, without an admin interface: concurrent
/// forwarders would compete for its socket.
#[derive(Clone)]
pub(crate) struct Config {
    admin: String,
    process: String,
    log: String,
    forwards: String,
}

impl Config {
    pub(crate) fn new() -> Self {
        let log = "format = 'json'\n".to_owned();
        Self { admin: "off".to_owned(), process: String::new(), log, forwards: String::new() }
    }

    /// Sets the address of the admin interface.
    pub(crate) fn admin(mut self, admin: &str) -> Self {
        admin.clone_into(&mut self.admin);
        self
    }

    /// Adds a line to `[process]`.
    pub(crate) fn process(mut self, line: &str) -> Self {
        writeln!(self.process, "{line}").unwrap();
        self
    }

    /// Replaces the content of `[log]`.
    pub(crate) fn log(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.log);
        self
    }

    /// Adds a forward with further settings.
    pub(crate) fn forward(
        mut self,
        listen: impl Display,
        to: impl Display,
        settings: impl Display,
    ) -> Self {
        let forwards = &mut self.forwards;
        writeln!(forwards, "[[forward]]\nlisten = '{listen}'\nto = '{to}'\n{settings}").unwrap();
        self
    }

    /// Adds a forward with several listen addresses, and with further settings.
    pub(crate) fn forward_at_several(
        mut self,
        listen: &[impl Display],
        to: impl Display,
        settings: impl Display,
    ) -> Self {
        let listen: Vec<_> = listen.iter().map(|address| format!("'{address}'")).collect();
        let (forwards, listen) = (&mut self.forwards, listen.join(", "));
        writeln!(forwards, "[[forward]]\nlisten = [{listen}]\nto = '{to}'\n{settings}").unwrap();
        self
    }

    /// Adds a forward with several targets, and with further settings.
    pub(crate) fn forward_to_several(
        mut self,
        listen: impl Display,
        to: &[impl Display],
        settings: impl Display,
    ) -> Self {
        let to: Vec<_> = to.iter().map(|target| format!("'{target}'")).collect();
        let (forwards, to) = (&mut self.forwards, to.join(", "));
        writeln!(forwards, "[[forward]]\nlisten = '{listen}'\nto = [{to}]\n{settings}").unwrap();
        self
    }

    /// Adds a forward whose settings have its targets.
    pub(crate) fn forward_with(mut self, listen: impl Display, settings: impl Display) -> Self {
        writeln!(self.forwards, "[[forward]]\nlisten = '{listen}'\n{settings}").unwrap();
        self
    }

    pub(crate) fn text(&self) -> String {
        let Self { admin, process, log, forwards } = self;
        format!("[process]\nadmin = '{admin}'\n{process}\n[log]\n{log}\n{forwards}")
    }

    /// Starts the forwarder and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(&self) -> Forwarder {
        let forwarder = forwarder().config(self.text()).start();
        forwarder.ready();
        forwarder
    }
}

/// A running forwarder with one forward, from a port of `127.0.0.1`.
pub(crate) struct Forward {
    forwarder: Forwarder,
    port: Port,
}

impl Forward {
    #[track_caller]
    pub(crate) fn start(to: impl Into<Addr>, settings: impl Display) -> Self {
        Self::start_with(Config::new(), to, settings)
    }

    /// Adds the forward to `config`.
    #[track_caller]
    pub(crate) fn start_with(config: Config, to: impl Into<Addr>, settings: impl Display) -> Self {
        let (port, to) = (Port::v4(), to.into());
        let config = config.forward(port.addr(), to, settings);
        Self { forwarder: config.start(), port }
    }

    /// A forward with several targets.
    #[track_caller]
    pub(crate) fn to_several(to: &[Addr], settings: impl Display) -> Self {
        let port = Port::v4();
        let config = Config::new().forward_to_several(port.addr(), to, settings);
        Self { forwarder: config.start(), port }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    pub(crate) fn connect(&self) -> Socket {
        connect(&self.port).unwrap()
    }

    /// The record of the only session.
    #[track_caller]
    pub(crate) fn record(&self) -> SessionRecord {
        self.wait_for_records(1).remove(0)
    }

    /// The only session's close reason.
    #[track_caller]
    pub(crate) fn close_reason(&self) -> String {
        self.record().close_reason()
    }
}

impl Deref for Forward {
    type Target = Forwarder;

    fn deref(&self) -> &Forwarder {
        &self.forwarder
    }
}

impl From<&Forward> for Addr {
    fn from(forward: &Forward) -> Self {
        Self::Tcp(forward.addr())
    }
}

/// The value of `path` as a line of a configuration.
pub(crate) fn path_is(path: &str) -> String {
    format!("path = '{path}'\n")
}

/// The log lines with this message, of a forwarder that logs JSON.
pub(crate) fn messages(forwarder: &Forwarder, message: &str) -> Vec<Value> {
    let lines = forwarder.stderr();
    let parsed = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.filter(|json| json["message"] == message).collect()
}
