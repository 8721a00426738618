//! `[process] sandbox`: the rights and restrictions of a process that the kernel confines to its
//! directories. On a kernel without landlock these tests are skipped, with a message.

mod kernels;
mod life;
mod outside;
mod upgrades;

use std::ops::Deref;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Addr, Behaviour, ForwarderBuilder, LIMIT, Place, Port, Socket, Target, wait_for};

use crate::support::{Config, Operated, forwarder, messages, of_each_thread, served_client};

/// Text about an active sandbox.
const INSIDE: &str = "in its sandbox";

/// Text about a missing one.
const NONE: &str = "no sandbox: the process can open all that its user can";
const ON: &str = "sandbox = true";

/// A sandboxed process: its sandbox has the directories of its configuration, its admin socket, and
/// a Unix listener. It has one session.
struct Sandboxed {
    operated: Operated,
    /// Directory of its Unix listener.
    sockets: TempDir,
    target: Target,
    port: Port,
    client: Socket,
}

impl Sandboxed {
    /// `None` on a kernel without landlock.
    fn start() -> Option<Self> {
        Self::start_from(forwarder())
    }

    fn start_from(builder: ForwarderBuilder) -> Option<Self> {
        let (sockets, port) = (TempDir::new().unwrap(), Port::v4());
        // The target's Unix socket is in a directory outside the sandbox.
        let target = Target::start_at(Place::Unix, Behaviour::Echo);
        let operated = Operated::start_from(builder, config(ON, &port, &sockets, &target));
        if !is_inside(&operated) {
            return None;
        }
        let client = served_client(&port);
        Some(Self { operated, sockets, target, port, client })
    }

    /// The configuration at the start.
    fn config(&self) -> Config {
        self.config_with(ON)
    }

    /// The same, with another line in `[process]`.
    fn config_with(&self, line: &str) -> Config {
        config(line, &self.port, &self.sockets, &self.target)
    }

    /// A file in the directory of its Unix listener.
    fn socket_file(&self, name: &str) -> PathBuf {
        self.sockets.path().join(name)
    }

    /// The answer to a reload that must be refused.
    #[track_caller]
    fn refused_reload(&self, query: &str) -> String {
        let answer = self.operated.http.post(&format!("/v1/reload{query}")).status(409).json();
        assert_eq!(answer["error"]["code"], "unfit", "{answer}");
        answer["error"]["message"].as_str().unwrap().to_owned()
    }

    /// Asserts that every thread inherited the restriction, and that the admin interface reports
    /// it.
    #[track_caller]
    fn assert_inside(&self) {
        assert_eq!(self.operated.status()["sandboxed"], true);
        let threads = of_each_thread(self.operated.pid(), &["NoNewPrivs"]);
        assert!(threads.len() > 2, "workers and journal are threads");
        assert!(threads.iter().all(|of| of == &["1"]), "{threads:?}");
    }
}

impl Deref for Sandboxed {
    type Target = Operated;

    fn deref(&self) -> &Operated {
        &self.operated
    }
}

fn config(line: &str, port: &Port, sockets: &TempDir, target: &Target) -> Config {
    let socket = Addr::Unix(sockets.path().join("web.sock"));
    let config = Config::new().process(line);
    config.forward(port.addr(), target.addr(), "").forward(socket, target.addr(), "name = 'web'")
}

/// Whether the kernel has landlock, according to the log; without a line about it the test fails.
#[track_caller]
fn is_inside(operated: &Operated) -> bool {
    let line = wait_for("a line about the sandbox", LIMIT, || {
        let inside = messages(operated, INSIDE).first().cloned();
        inside.or_else(|| (!messages(operated, NONE).is_empty()).then_some(Value::Null))
    });
    if line.is_null() {
        skip();
        return false;
    }
    assert!(line["landlock_abi"].as_i64() > Some(0), "{line}");
    true
}

#[expect(clippy::print_stdout, reason = "skipped checks must be visible")]
fn skip() {
    println!("skipped: this kernel has no landlock, and the process starts without");
}
