//! A process works the same inside its sandbox as outside.

use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use tempfile::TempDir;
use testkit::{Addr, Behaviour, LIMIT, Port, Signal, Target, connect, uninterrupted, wait_until};

use super::{INSIDE, ON, Sandboxed, is_inside, skip};
use crate::support::{Config, Operated, forwarder, ping, served_client};

#[test]
fn ports_unix_sockets_and_names_work_in_the_sandbox() {
    let Some(sandboxed) = Sandboxed::start() else { return };
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let number = target.addr().tcp().port();
    let named = sandboxed.config().forward(port.addr(), format!("localhost:{number}"), "");
    sandboxed.reload(named);
    served_client(&port);
    let Addr::Unix(admin) = sandboxed.socket() else { unreachable!("it is in a directory") };
    let sockets = [sandboxed.socket_file("web.sock"), admin];
    assert!(sockets.iter().all(|file| file.exists()), "{sockets:?}");
    ping(&connect(sockets[0].clone()).unwrap());
    ping(&sandboxed.client);
    sandboxed.assert_inside();
    let Sandboxed { operated, client, .. } = &sandboxed;
    client.shutdown(std::net::Shutdown::Both).unwrap();
    operated.signal(Signal::TERM);
    assert_eq!(operated.wait_exit(LIMIT).code(), Some(0));
    assert!(sockets.iter().all(|file| !file.exists()), "{sockets:?}");
}

/// The file is replaced: written aside, and renamed.
#[test]
fn a_reload_reads_a_replaced_file_and_creates_a_socket() {
    let Some(sandboxed) = Sandboxed::start() else { return };
    let (file, target) = (sandboxed.socket_file("second.sock"), sandboxed.target.addr());
    let socket = Addr::Unix(file.clone());
    sandboxed.reload(sandboxed.config().forward(&socket, target, "name = 'second'"));
    ping(&connect(socket).unwrap());
    sandboxed.reload(sandboxed.config());
    assert!(!file.exists(), "it was removed with its forward");
    ping(&sandboxed.client);
}

/// By size, after the file is moved away, and at the start of another image.
#[test]
fn the_log_is_rotated_and_reopened() {
    let (dir, target, port) = (TempDir::new().unwrap(), Target::start(Behaviour::Echo), Port::v4());
    let path = |name: &str| dir.path().join(name);
    let text = |name: &str| fs::read_to_string(path(name)).unwrap_or_default();
    let log = format!("file = '{}'\nrotate_size = '2KiB'\nkeep = 2", path("log").display());
    let config = Config::new().process(ON).log(&log);
    let config = config.forward(port.addr(), target.addr(), "");
    let forwarder = forwarder().config(config.text()).start();
    wait_until("ready", LIMIT, || text("log").contains("ready"));
    if !text("log").contains(INSIDE) {
        return skip();
    }
    let sessions_until = |what: &str, is_so: &dyn Fn() -> bool| {
        wait_until(what, LIMIT, || {
            drop(served_client(&port));
            is_so()
        });
    };
    sessions_until("two rotated files", &|| path("log.2").exists());
    fs::rename(path("log"), path("moved")).unwrap();
    forwarder.signal(Signal::USR1);
    wait_until("the log is begun anew", LIMIT, || path("log").exists());
    forwarder.signal(Signal::USR2);
    sessions_until("the next image's log", &|| {
        ["log", "log.1", "log.2"].iter().any(|name| text(name).contains("upgraded"))
    });
    forwarder.signal(Signal::TERM);
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
    let all = ["log", "log.1", "log.2", "moved"].map(text).concat();
    assert!(!all.contains("cannot rotate") && !all.contains("cannot reopen"), "{all}");
}

/// As systemd provides one.
#[test]
fn a_service_manager_with_an_abstract_socket_is_notified() {
    let name = format!("traffic-forwarder-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = UnixDatagram::bind_addr(&address).unwrap();
    manager.set_read_timeout(Some(LIMIT)).unwrap();
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().process(ON).forward(port.addr(), target.addr(), "");
    let program = forwarder().env("NOTIFY_SOCKET", format!("@{name}"));
    let operated = Operated::start_from(program, config);
    if !is_inside(&operated) {
        return;
    }
    let mut message = [0; 4096];
    let size = uninterrupted(|| manager.recv(&mut message)).unwrap();
    let message = String::from_utf8_lossy(&message[..size]);
    assert!(message.lines().any(|line| line == "READY=1"), "{message}");
}
