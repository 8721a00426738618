//! Signals that are ignored at the start stay ignored: nohup(1), and background jobs of scripts.

use std::path::Path;

use testkit::{Behaviour, Forwarder, ForwarderBuilder, LIMIT, Port, Signal, Target};

use crate::support::{Config, QUIET, forwarder, ping, served_client};

/// Starts the program with these signals ignored, as a shell names them.
fn ignoring(signals: &str) -> ForwarderBuilder {
    let script = format!(r#"trap '' {signals}; exec "$0" "$@""#);
    forwarder().through("sh", ["-c", &script])
}

/// Sends a signal that must have no effect.
#[track_caller]
fn lives_on(forwarder: &Forwarder, signal: Signal) {
    forwarder.signal(signal);
    std::thread::sleep(QUIET);
    assert!(forwarder.exit_status().is_none(), "{signal:?}: {:?}", forwarder.stderr());
}

#[test]
fn a_forward_on_the_command_line_survives_its_terminal_under_nohup() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let spec = format!("{}={}", port.addr(), target.addr());
    let nohup = forwarder().arg(spec).through("nohup", [] as [&Path; 0]).start();
    nohup.ready();
    let client = served_client(port.addr());
    lives_on(&nohup, Signal::HUP);
    ping(&client);
    nohup.signal(Signal::TERM);
    drop(client);
    assert_eq!(nohup.wait_exit(LIMIT).code(), Some(0));
}

#[test]
fn ignored_signals_stay_ignored_over_an_upgrade() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().forward(port.addr(), target.addr(), "");
    let job = ignoring("HUP INT QUIT USR1").config(config.text()).start();
    job.ready();
    job.signal(Signal::USR2);
    job.wait_for_message("upgraded");
    for signal in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::USR1] {
        lives_on(&job, signal);
    }
    assert_eq!(job.count_lines(|line| line.contains("reload")), 0);
    job.signal(Signal::TERM);
    assert_eq!(job.wait_exit(LIMIT).code(), Some(0));
}

#[test]
fn other_signals_keep_their_effect() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().forward(port.addr(), target.addr(), "");
    let job = ignoring("HUP").config(config.text()).start();
    job.ready();
    job.signal(Signal::INT);
    assert_eq!(job.wait_exit(LIMIT).code(), Some(0));
}
