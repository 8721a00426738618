//! Under a service manager: notifications over a start, reloads, a drain, and with a hanging
//! worker.

use std::time::Instant;

use testkit::{Behaviour, Forwarder, LIMIT, Manager, Port, Signal, Target, connect, wait_until};

use crate::support::{Config, Held, QUIET, forwarder, ping, served_client};

/// A forwarder under a manager, with one forward to an echo.
struct Service {
    manager: Manager,
    forwarder: Forwarder,
    target: Target,
    port: Port,
}

impl Service {
    #[track_caller]
    fn start(environment: &[(&str, &str)], process: &str) -> Self {
        let (manager, target, port) =
            (Manager::start(), Target::start(Behaviour::Echo), Port::v4());
        let config = Config::new().process(process).forward(port.addr(), target.addr(), "");
        let builder = forwarder().config(config.text()).env("NOTIFY_SOCKET", manager.address());
        let builder = environment.iter().fold(builder, |it, (name, value)| it.env(*name, *value));
        let forwarder = builder.start();
        manager.wait_for("READY", 1);
        Self { manager, forwarder, target, port }
    }

    /// The first words of all messages so far, without watchdog and status messages.
    fn steps(&self) -> Vec<String> {
        let first = |message: &String| message.lines().next().unwrap().to_owned();
        let step = |line: &String| {
            ["READY=", "RELOADING=", "STOPPING="].iter().any(|start| line.starts_with(start))
        };
        self.manager.messages().iter().map(first).filter(step).collect()
    }

    fn status(&self) -> String {
        self.manager.values("STATUS").pop().unwrap_or_default()
    }
}

#[test]
fn ready_means_that_clients_are_served() {
    let service = Service::start(&[], "");
    served_client(&service.port);
    assert_eq!(service.manager.messages()[0], "READY=1\nSTATUS=1 forward, 0 sessions");
}

#[test]
fn start_reload_failed_reload_and_drain_are_notified_in_order() {
    let service = Service::start(&[], "shutdown_timeout = '1h'");
    let client = served_client(&service.port);
    let before = Manager::clock();
    service.forwarder.signal(Signal::HUP);
    service.manager.wait_for("READY", 2);
    let notified: u64 = service.manager.wait_for("MONOTONIC_USEC", 1).parse().unwrap();
    assert!((before..=Manager::clock()).contains(&notified), "{before} {notified}");

    service.forwarder.write_config("not = 'valid'");
    service.forwarder.signal(Signal::HUP);
    service.manager.wait_for("READY", 3);
    assert_eq!(service.status(), "1 forward, 1 session; the last reload failed");

    service.forwarder.signal(Signal::TERM);
    service.manager.wait_for("STOPPING", 1);
    assert_eq!(service.status(), "stopping, 1 session left");
    let patience: u64 = service.manager.wait_for("EXTEND_TIMEOUT_USEC", 1).parse().unwrap();
    assert!(patience >= 10_000_000, "{patience}");
    service.forwarder.signal(Signal::HUP);
    drop(client);
    assert_eq!(service.forwarder.wait_exit(LIMIT).code(), Some(0));
    let expected = ["READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "STOPPING=1"];
    assert_eq!(service.steps(), expected);
}

#[test]
fn a_missing_manager_or_a_useless_address_does_not_stop_the_process() {
    for address in ["", "vsock:2:1", "/nobody/listens/here"] {
        let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
        let config = Config::new().forward(port.addr(), target.addr(), "");
        let forwarder = forwarder().config(config.text()).env("NOTIFY_SOCKET", address).start();
        forwarder.ready();
        served_client(&port);
        forwarder.signal(Signal::TERM);
        assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0), "{address}");
        let warnings = forwarder.count_lines(|line| line.contains(r#""level":"warn""#));
        assert_eq!(warnings, usize::from(!address.is_empty()), "{address}: once, if at all");
    }
}

// === the watchdog ===

/// 100 ms, so a notification every 50 ms.
const WATCHDOG: &[(&str, &str)] = &[("WATCHDOG_USEC", "100000")];

impl Service {
    fn watchdog_notifications(&self) -> usize {
        self.manager.values("WATCHDOG").len()
    }

    /// Waits until no watchdog notification has arrived for a while.
    fn wait_for_silence(&self) {
        let (mut last, mut since) = (self.watchdog_notifications(), Instant::now());
        wait_until("silence", LIMIT, || {
            let now = self.watchdog_notifications();
            if now != last {
                (last, since) = (now, Instant::now());
            }
            since.elapsed() > 3 * QUIET
        });
    }
}

#[test]
fn watchdog_notifications_stop_while_a_worker_hangs() {
    let service = Service::start(WATCHDOG, "workers = 2");
    service.manager.wait_for("WATCHDOG", 3);
    let held = Held::hold(&service.forwarder, "worker-1");
    service.wait_for_silence();
    let before = service.watchdog_notifications();
    // The rest of the process continues.
    service.forwarder.signal(Signal::HUP);
    service.manager.wait_for("RELOADING", 1);
    assert_eq!(service.watchdog_notifications(), before);
    drop(held);
    service.manager.wait_for("WATCHDOG", before + 3);
}

#[test]
fn watchdog_notifications_continue_after_an_upgrade() {
    let service = Service::start(WATCHDOG, "");
    service.manager.wait_for("WATCHDOG", 3);
    service.forwarder.signal(Signal::USR2);
    service.forwarder.wait_for_message("upgraded");
    let before = service.watchdog_notifications();
    service.manager.wait_for("WATCHDOG", before + 3);
    served_client(&service.port);
}

#[test]
fn watchdog_settings_of_another_process_are_ignored() {
    let service = Service::start(&[WATCHDOG[0], ("WATCHDOG_PID", "1")], "");
    ping(&connect(&service.port).unwrap());
    service.wait_for_silence();
    assert_eq!(service.watchdog_notifications(), 0);
    drop(service.target);
}

#[test]
fn the_status_follows_the_open_sessions() {
    let service = Service::start(&[], "");
    let _client = served_client(&service.port);
    wait_until("the new status", LIMIT, || service.status() == "1 forward, 1 session");
}
