//! Listeners in the service manager's descriptor store: clients that connect between two processes
//! wait for the next one.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use tempfile::TempDir;
use testkit::{
    Addr, Behaviour, Forwarder, ForwarderBuilder, LIMIT, Manager, Port, Signal, Target, connect,
    wait_until,
};

use crate::support::{Config, Operated, forwarder, messages, ping, served_client};

/// Waits for the manager: the process logs that it is ready before the manager reads its message.
#[track_caller]
fn keeps(manager: &Manager, names: &[String]) {
    wait_until(&format!("{names:?} to be kept"), LIMIT, || manager.kept() == names);
}

/// Name of a listener in the store.
fn name(addr: &(impl ToString + ?Sized)) -> String {
    format!("listener@{}", addr.to_string().replace(':', "%3A"))
}

fn under(manager: &Manager, builder: ForwarderBuilder) -> ForwarderBuilder {
    builder.env("NOTIFY_SOCKET", manager.address()).env("FDSTORE", "10")
}

#[track_caller]
fn start(manager: &Manager, config: &Config, kept: Option<(String, OwnedFd)>) -> Forwarder {
    let builder = under(manager, forwarder().config(config.text()));
    let builder = match kept {
        Some((name, descriptor)) => builder.given(name, descriptor),
        None => builder,
    };
    let forwarder = builder.start();
    forwarder.ready();
    forwarder
}

fn echo_at(listen: &(impl ToString + ?Sized), target: &Target) -> Config {
    Config::new().process("workers = 2").forward(listen.to_string(), target.addr(), "")
}

/// Clients that connect one after another, each with a byte to the echo and back.
struct Clients {
    stop: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    threads: Vec<thread::JoinHandle<Vec<ErrorKind>>>,
}

impl Clients {
    fn start(addr: &Addr) -> Self {
        const THREADS: usize = 3;
        let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = |_| {
            let (addr, stop, served) = (addr.clone(), Arc::clone(&stop), Arc::clone(&served));
            thread::spawn(move || {
                let mut refused = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    match connect(&addr).and_then(|client| echo(&client)) {
                        Ok(()) => drop(served.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => refused.push(error.kind()),
                    }
                }
                refused
            })
        };
        let threads = (0..THREADS).map(client).collect();
        Self { stop, served, threads }
    }

    #[track_caller]
    fn wait_for_more(&self, count: usize) {
        let enough = self.served.load(Ordering::Relaxed) + count;
        wait_until("clients that are served", LIMIT, || {
            self.served.load(Ordering::Relaxed) >= enough
        });
    }

    /// Errors of the failed clients.
    fn stop(self) -> Vec<ErrorKind> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    }
}

fn echo(client: &testkit::Socket) -> std::io::Result<()> {
    client.set_read_timeout(Some(LIMIT))?;
    (&*client).write_all(b"?")?;
    (&*client).read_exact(&mut [0])
}

/// Kills the process several times while clients connect, and starts the next one with the stored
/// listeners.
fn a_crash_refuses_no_client(listen: &str, addr: &Addr) {
    const CRASHES: usize = 5;
    let (manager, target) = (Manager::start(), Target::start(Behaviour::Echo));
    let config = echo_at(listen, &target);
    let mut forwarder = start(&manager, &config, None);
    manager.wait_for("READY", 1);
    keeps(&manager, &[name(listen)]);
    let clients = Clients::start(addr);
    for crash in 1..=CRASHES {
        clients.wait_for_more(20);
        forwarder.signal(Signal::KILL);
        forwarder.wait_exit(LIMIT);
        let waits = connect(addr).unwrap();
        let kept = (name(listen), manager.copy(&name(listen)));
        forwarder = start(&manager, &config, Some(kept));
        ping(&waits);
        manager.wait_for("READY", crash + 1);
        assert_eq!(manager.kept(), [name(listen)], "it is not kept twice");
    }
    clients.wait_for_more(20);
    let failures = clients.stop();
    // Each crash loses the killed process's sessions: a few.
    assert!(!failures.contains(&ErrorKind::ConnectionRefused), "{failures:?}");
    assert!(failures.len() <= 3 * CRASHES, "{failures:?}");
}

#[test]
fn a_crash_refuses_no_client_on_tcp() {
    let port = Port::v4();
    a_crash_refuses_no_client(&port.addr().to_string(), &Addr::from(&port));
}

#[test]
fn a_crash_refuses_no_client_on_every_address() {
    let port = Port::every_address();
    a_crash_refuses_no_client(&format!(":{port}"), &Addr::from(&port));
}

#[test]
fn a_crash_refuses_no_client_on_a_unix_socket() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("socket");
    let addr = Addr::from(path);
    a_crash_refuses_no_client(&addr.to_string(), &addr);
}

#[test]
fn a_requested_restart_refuses_no_client() {
    let (dir, target, manager) =
        (TempDir::new().unwrap(), Target::start(Behaviour::Echo), Manager::start());
    let addr = Addr::from(dir.path().join("socket"));
    let config = echo_at(&addr, &target);
    let forwarder = start(&manager, &config, None);
    forwarder.signal(Signal::TERM);
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
    let waits = connect(&addr).unwrap();
    let kept = (name(&addr), manager.copy(&name(&addr)));
    let _next = start(&manager, &config, Some(kept));
    ping(&waits);
}

#[test]
fn an_unused_stored_socket_is_closed_before_any_bind() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::every_address());
    // Both addresses have the same port: as long as one is open, the other cannot be bound.
    let every = format!(":{port}");
    let one = format!("127.0.0.1:{port}");
    let manager = Manager::start();
    let forwarder = start(&manager, &echo_at(&every, &target), None);
    forwarder.signal(Signal::KILL);
    forwarder.wait_exit(LIMIT);
    let kept = (name(&every), manager.copy(&name(&every)));
    let _next = start(&manager, &echo_at(&one, &target), Some(kept));
    keeps(&manager, &[name(&one)]);
    served_client(&port);
}

#[test]
fn a_stored_socket_at_another_address_is_not_used() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let manager = Manager::start();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let kept = (name(&port.addr()), elsewhere.into());
    let _forwarder = start(&manager, &echo_at(&port.addr(), &target), Some(kept));
    served_client(&port);
    assert_eq!(manager.values("FDSTOREREMOVE"), ["1"]);
    keeps(&manager, &[name(&port.addr())]);
}

/// Waits until the manager stores the listeners at these addresses.
#[track_caller]
fn wait_for_kept(manager: &Manager, addrs: &[&Addr]) {
    keeps(manager, &names(addrs));
}

fn names(addrs: &[&Addr]) -> Vec<String> {
    let mut names: Vec<_> = addrs.iter().map(|addr| name(*addr)).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_store_holds_exactly_the_listeners() {
    let (manager, target, dir) =
        (Manager::start(), Target::start(Behaviour::Echo), TempDir::new().unwrap());
    let (one, two) = (Port::v4(), Port::v4());
    let (first, second) = (Addr::from(&one), Addr::from(&two));
    let unix = Addr::from(dir.path().join("socket"));
    let config = || Config::new().forward(&first, target.addr(), "name = 'first'");
    let operated = Operated::start_with(config(), |builder| under(&manager, builder));
    wait_for_kept(&manager, &[&first]);

    let both = || config().forward(&second, target.addr(), "");
    operated.reload(both().forward(&unix, target.addr(), ""));
    wait_for_kept(&manager, &[&first, &second, &unix]);

    // A finished reload has released the removed addresses.
    operated.reload(both());
    keeps(&manager, &names(&[&first, &second]));
    operated.reload(config());
    assert!(connect(&second).is_err());

    operated.http.post("/v1/forwards/first/drain").success();
    assert!(manager.kept().is_empty());
    assert!(connect(&first).is_err());
    operated.http.post("/v1/forwards/first/resume").success();
    wait_for_kept(&manager, &[&first]);
    served_client(&first);
}

#[test]
fn an_upgrade_does_not_change_the_store() {
    let (manager, target) = (Manager::start(), Target::start(Behaviour::Echo));
    let ports = [Port::v4(), Port::v4()];
    let [first, second] = [Addr::from(&ports[0]), Addr::from(&ports[1])];
    let one = || Config::new().forward(&first, target.addr(), "");
    let both = one().forward(&second, target.addr(), "");
    let operated = Operated::start_with(both, |builder| under(&manager, builder));
    wait_for_kept(&manager, &[&first, &second]);
    operated.signal(Signal::USR2);
    operated.wait_for_message("upgraded");
    manager.wait_for("READY", 2);
    assert_eq!(manager.values("FDSTORE").len(), 2, "they are not sent again");
    keeps(&manager, &names(&[&first, &second]));
    operated.reload(one());
    assert_eq!(manager.kept(), names(&[&first]), "it knows the stored sockets");
}

#[test]
fn a_store_overflow_is_logged_once() {
    let (manager, target) = (Manager::start(), Target::start(Behaviour::Echo));
    let ports: Vec<_> = (0..12).map(|_| Port::v4()).collect();
    let config = ports
        .iter()
        .fold(Config::new(), |config, port| config.forward(port.addr(), target.addr(), ""));
    let forwarder = start(&manager, &config, None);
    wait_until("ten to be kept", LIMIT, || manager.kept().len() == 10);
    forwarder.signal(Signal::HUP);
    manager.wait_for("READY", 2);
    let warning = "there are more listeners than the service manager keeps: \
                   raise FileDescriptorStoreMax=";
    assert_eq!(messages(&forwarder, warning).len(), 1);
}

#[test]
fn nothing_is_stored_unless_the_manager_offers_a_store() {
    let (manager, target, port) = (Manager::start(), Target::start(Behaviour::Echo), Port::v4());
    let config = echo_at(&port.addr(), &target);
    let builder = forwarder().config(config.text()).env("NOTIFY_SOCKET", manager.address());
    let forwarder = builder.start();
    forwarder.ready();
    manager.wait_for("READY", 1);
    assert!(manager.values("FDSTORE").is_empty());
}
