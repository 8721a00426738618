//! `status --check`: the command of a container's health check.

use testkit::{Finished, LIMIT, Port, Signal, wait_until};

use crate::support::{BINARY, Config, Console, Session, forwarder};

#[test]
fn a_serving_process_is_ready() {
    let console = Console::new();
    let port = Port::v4();
    let config = Config::new().admin(&console.admin()).forward(port.addr(), "192.0.2.1:9", "");
    let _running = config.start();
    assert_eq!(console.done(&["status", "--check"]).text(), "ready\n");
}

#[test]
fn a_missing_process_is_not_ready() {
    let console = Console::new();
    let refusal = console.refused(&["status", "--check"], 1);
    assert!(refusal.contains("no running traffic-forwarder answers"), "{refusal}");
}

#[test]
fn a_stopping_process_is_not_ready() {
    let console = Console::new();
    let config = Config::new().admin(&console.admin()).process("shutdown_timeout = '1h'");
    let session = Session::open_with(config, "");
    session.forward.signal(Signal::TERM);
    session.forward.wait_for_message("draining");
    wait_until("the failed check", LIMIT, || {
        console.ask(&["status", "--check"]).status.code() == Some(1)
    });
    assert_eq!(console.refused(&["status", "--check"], 1), "error: the process is shutting down\n");
}

/// With a private, writable `/run` or `$XDG_RUNTIME_DIR`, as in a container, the command needs no
/// options.
#[test]
fn the_default_socket_is_found() {
    let port = Port::v4();
    let config = format!("[[forward]]\nlisten = '{}'\nto = '192.0.2.1:9'\n", port.addr());
    // A namespace in which no other process holds the system-wide default path.
    let script = "mount -t tmpfs none /run || exit; \"$0\" -c \"$2\" & \
        until \"$0\" status --check; do kill -0 $! || exit 9; sleep 0.02; done; kill $!; wait $!";
    let unshare = testkit::Tool::find("unshare");
    let finished = testkit::Forwarder::binary(unshare.path())
        .args(crate::support::unshare_arguments("--mount"))
        .args(["sh", "-c", script, BINARY])
        .config(config)
        .run()
        .success();
    assert!(finished.text().ends_with("ready\n"), "{finished}");
}

/// The probes of a port need no token.
#[test]
fn a_port_is_probed_without_a_token() {
    let (console, admin, port) = (Console::new(), Port::v4(), Port::v4());
    let token = console.file("token", "0123456789abcdef0123\n");
    let config = Config::new()
        .admin(&admin.addr().to_string())
        .process(&format!("admin_token_file = '{token}'"));
    let _running = config.forward(port.addr(), "192.0.2.1:9", "").start();
    let ask = |arguments: &[&str]| -> Finished {
        let address = admin.addr().to_string();
        forwarder().args(arguments.iter().copied()).args(["--admin", &address]).run()
    };
    assert_eq!(ask(&["status", "--check"]).success().text(), "ready\n");
    assert_eq!(ask(&["status"]).status.code(), Some(2));
}
