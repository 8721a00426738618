//! The running configuration survives an upgrade, whatever happened to its file; a reload reads the
//! file.

use std::fs;

use testkit::{Behaviour, Forwarder, Port, Signal, Target, connect};

use super::upgrading::{arrivals, old_forwarder, start, wait_for_arrival};
use crate::support::{Config, Operated, ping, served_client};

struct Echo {
    target: Target,
    ports: [Port; 2],
}

impl Echo {
    fn new() -> Self {
        Self { target: Target::start(Behaviour::Echo), ports: [Port::v4(), Port::v4()] }
    }

    fn forward(&self, at: usize) -> Config {
        Config::new().forward(self.ports[at].addr(), self.target.addr(), format!("name = 'f{at}'"))
    }
}

/// Asserts that the first forward runs and the second does not.
#[track_caller]
fn continues(operated: &Operated, echo: &Echo) {
    assert_eq!(operated.upgrade()["lost"], 0);
    served_client(&echo.ports[0]);
    assert!(connect(&echo.ports[1]).is_err());
    assert_eq!(operated.generation(), 1);
}

#[test]
fn a_changed_file_applies_at_the_next_reload_only() {
    let echo = Echo::new();
    let operated = start(echo.forward(0));
    let client = served_client(&echo.ports[0]);
    operated.write(echo.forward(1));
    continues(&operated, &echo);
    ping(&client);
    assert_eq!(operated.http.post("/v1/reload").success().json()["generation"], 2);
    served_client(&echo.ports[1]);
    assert!(connect(&echo.ports[0]).is_err());
    ping(&client);
}

#[test]
fn a_broken_or_missing_file_does_not_prevent_an_upgrade() {
    let echo = Echo::new();
    let operated = start(echo.forward(0));
    operated.write_config("[[[ this is no configuration");
    continues(&operated, &echo);
    operated.http.post("/v1/reload").status(422);
    continues(&operated, &echo);
    fs::remove_file(operated.config_path()).unwrap();
    continues(&operated, &echo);
    operated.write(echo.forward(1));
    operated.http.post("/v1/reload").success();
    served_client(&echo.ports[1]);
}

/// The older format: an invalid line is skipped with a warning, once.
#[test]
fn forwards_of_the_older_format_continue() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::every_address());
    let to = target.addr().tcp();
    let text = format!("{port} | {} | {}\nthis is no line\n", to.ip(), to.port());
    let forwarder = old_forwarder().config(text).start();
    forwarder.ready();
    let client = served_client(port.addr());
    let skipped = || forwarder.count_lines(|line| line.contains("this is no line"));
    let warned = skipped();
    usr2(&forwarder, 2);
    ping(&client);
    served_client(port.addr());
    assert_eq!(skipped(), warned);
}

/// Without a file.
#[test]
fn forwards_of_the_command_line_continue() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let forwarder = old_forwarder()
        .args(["-timeout", "30s", "-max-conns=7"])
        .arg(format!("{}={}", port.addr(), target.addr()))
        .start();
    forwarder.ready();
    let client = served_client(port.addr());
    usr2(&forwarder, 2);
    ping(&client);
    served_client(port.addr());
}

/// Upgrades by signal, `times` times. The log is text.
fn usr2(forwarder: &Forwarder, times: usize) {
    let arrived = || forwarder.count_lines(|line| line.contains(" INFO upgraded "));
    for _ in 0..times {
        let before = arrived();
        forwarder.signal(Signal::USR2);
        testkit::wait_until("the next image", testkit::LIMIT, || arrived() > before);
    }
}

/// `watch = true`: a change that the process has not seen yet is applied after the upgrade.
#[test]
fn a_watched_file_stays_watched() {
    let echo = Echo::new();
    let operated = start(echo.forward(0).process("watch = true"));
    operated.upgrade();
    operated.write(echo.forward(1).process("watch = true"));
    testkit::wait_until("the new forward", testkit::LIMIT, || connect(&echo.ports[1]).is_ok());
    operated.wait_for_message("configuration reloaded");
    let before = arrivals(&operated).len();
    operated.signal(Signal::USR2);
    wait_for_arrival(&operated, before);
    assert_eq!(operated.generation(), 2);
}
