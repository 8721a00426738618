//! `mptcp`: both sockets are those of MPTCP. `fidelity::mptcp` has the ends of connections.

use std::io::{Error, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::{
    Addr, Behaviour, ForwarderBuilder, LIMIT, Manager, Peer, Place, Port, Script, Signal, Socket,
    Target, Tool, connect, connect_mptcp, listen_mptcp, mptcp_is_missing, socket_connected_to,
    speaks_mptcp, wait_until,
};

use crate::support::{
    BINARY, Config, Operated, forwarder, has_mptcp, in_network_namespace, messages, on_each_path,
    path_is, ping, play, reset, served_client, test_name,
};

on_each_path!(bytes_pass_between_mptcp_and_tcp);

const MIB: u64 = 1024 * 1024;

/// A listener for MPTCP clients, and its address.
fn target_at(ip: SocketAddr) -> (Socket, SocketAddr) {
    let listener = listen_mptcp(ip).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    (listener, address)
}

/// An MPTCP client of an echo.
fn mptcp_client(port: &Port) -> Socket {
    let client = connect_mptcp(port.addr()).unwrap();
    ping(&client);
    client
}

fn echo_at(port: &Port, target: &Target, settings: &str) -> Config {
    Config::new().forward(port.addr(), target.addr(), format!("name = 'f'\n{settings}"))
}

fn bytes_pass_between_mptcp_and_tcp(path: &str) {
    if !has_mptcp() {
        return;
    }
    for (ip, port) in [
        ((Ipv4Addr::LOCALHOST, 0).into(), Port::v4()),
        ((Ipv6Addr::LOCALHOST, 0).into(), Port::v6()),
    ] {
        let (listener, target) = target_at(ip);
        let settings = format!("{}mptcp = true", path_is(path));
        let forwarder = Config::new().forward(port.addr(), target, settings).start();
        for speaks in [true, false] {
            let address = port.addr();
            let client = if speaks { connect_mptcp(address) } else { connect(address) }.unwrap();
            let target = listener.accept().unwrap().0;
            assert!(speaks_mptcp(&target));
            assert_eq!(speaks_mptcp(&client), speaks);
            let bulk = |sends, expects| {
                let script = Script::new().sending(sends).expecting(expects).write(48 * MIB);
                script.shutdown_write()
            };
            let writers = [(&client, 1, 2), (&target, 2, 1)].map(|(socket, sends, expects)| {
                Peer::play("a writer", socket.try_clone().unwrap(), bulk(sends, expects))
            });
            let readers = [(&client, 2), (&target, 1)].map(|(socket, expects)| {
                let script = Script::new().expecting(expects).read_to_end();
                Peer::play("a reader", socket.try_clone().unwrap(), script)
            });
            for reader in readers {
                assert_eq!(reader.finish().received, 48 * MIB);
            }
            for writer in writers {
                writer.finish();
            }
        }
        for record in forwarder.wait_for_records(2) {
            assert_eq!(record.path_up.as_deref(), Some(path), "{}", record.json);
            assert_eq!(record.close_reason().split('/').next_back(), Some("fin"));
        }
    }
}

/// `splice` from an MPTCP socket takes longer.
#[test]
fn bulk_from_mptcp_is_copied() {
    if !has_mptcp() {
        return;
    }
    let (port, (listener, target)) = (Port::v4(), target_at((Ipv4Addr::LOCALHOST, 0).into()));
    let forwarder = Config::new().forward(port.addr(), target, "mptcp = true").start();
    for (number, speaks) in [true, false].into_iter().enumerate() {
        let client = if speaks { connect_mptcp(port.addr()) } else { connect(&port) }.unwrap();
        let target = listener.accept().unwrap().0;
        for (from, to) in [(&client, &target), (&target, &client)] {
            let script = Script::new().write(16 * MIB).shutdown_write();
            let writer = Peer::play("a writer", from.try_clone().unwrap(), script);
            assert_eq!(play(to, Script::new().read_to_end()).received, 16 * MIB);
            writer.finish();
        }
        let record = forwarder.wait_for_records(number + 1).remove(number);
        let paths = [&record.path_up, &record.path_down].map(|it| it.as_deref().unwrap());
        assert_eq!(paths.map(|it| it.contains("splice")), [!speaks, false], "{}", record.json);
    }
}

#[test]
fn a_target_without_mptcp_gets_tcp() {
    if !has_mptcp() {
        return;
    }
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let forwarder = echo_at(&port, &target, "mptcp = true\nunsent = '16KiB'").start();
    assert!(speaks_mptcp(&mptcp_client(&port)));
    // An urgent byte of a client that speaks TCP stays in the stream.
    let client = connect(&port).unwrap();
    play(&client, Script::new().write_bytes("a").urgent_byte(b'!').write_bytes("b"));
    assert_eq!(play(&client, Script::new().read_exactly(3)).bytes, b"a!b");
    let address = client.local_addr().unwrap().as_socket().unwrap();
    let socket = socket_connected_to(forwarder.pid(), address).unwrap();
    assert_eq!(socket.tcp_notsent_lowat().unwrap(), 16_384);
}

/// Clients that connect one after another until [`Self::stop`].
struct Clients {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<(usize, Vec<Error>)>>,
}

impl Clients {
    fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let one = move || {
            let client = connect(address)?;
            client.set_read_timeout(Some(LIMIT))?;
            (&client).write_all(b"?")?;
            (&client).read_exact(&mut [0])
        };
        let client = |_| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                let (mut served, mut failed) = (0, Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    match one() {
                        Ok(()) => served += 1,
                        Err(error) => failed.push(error),
                    }
                }
                (served, failed)
            })
        };
        let threads = (0..2).map(client).collect();
        Self { stop, threads }
    }

    /// The errors of all clients.
    fn stop(self) -> Vec<Error> {
        self.stop.store(true, Ordering::Relaxed);
        let results = self.threads.into_iter().map(|thread| thread.join().unwrap());
        let check = |(served, failed)| {
            assert!(served > 0, "{failed:?}");
            failed
        };
        results.flat_map(check).collect()
    }
}

/// Whether a new client at this port gets MPTCP.
fn is_on(port: &Port) -> bool {
    speaks_mptcp(&mptcp_client(port))
}

#[test]
fn a_reload_turns_it_on_and_off() {
    if !has_mptcp() {
        return;
    }
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let config = |settings| echo_at(&port, &target, settings).process("workers = 2");
    let operated = Operated::start(config(""));
    let (plain, clients) = (served_client(&port), Clients::start(port.addr()));
    let mut old = vec![plain];
    for (settings, expected) in
        [("mptcp = true", true), ("mptcp = true\nidle_timeout = '5m'", true), ("", false)]
    {
        operated.write(config(settings));
        let before = is_on(&port);
        operated.http.post("/v1/reload?dry_run=true").success();
        assert_eq!(is_on(&port), before);
        operated.http.post("/v1/reload").success();
        let client = mptcp_client(&port);
        assert_eq!(speaks_mptcp(&client), expected, "{settings}");
        old.push(client);
    }
    operated.write(config("mptcp = true"));
    operated.http.post("/v1/reload?confirm=1s").success();
    assert!(is_on(&port));
    wait_until("the fall-back", LIMIT, || !is_on(&port));
    let failed = clients.stop();
    assert!(failed.is_empty(), "{failed:?}");
    old.iter().for_each(ping);
}

#[test]
fn an_upgrade_keeps_sessions_and_listeners() {
    if !has_mptcp() {
        return;
    }
    let (port, (listener, target)) = (Port::v4(), target_at((Ipv4Addr::LOCALHOST, 0).into()));
    let config = Config::new().forward(port.addr(), target, "name = 'f'\nmptcp = true");
    let operated = Operated::start(config);
    let client = connect_mptcp(port.addr()).unwrap();
    let target = listener.accept().unwrap().0;
    let up = |text: &str| {
        play(&client, Script::new().write_bytes(text));
        assert_eq!(play(&target, Script::new().read_exactly(1)).bytes, text.as_bytes());
    };
    up("a");
    operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
    wait_until("the next image", LIMIT, || messages(&operated, "upgraded").len() == 1);
    up("b");
    // The listener is the same, and a reload finds nothing to bind.
    operated.http.post("/v1/reload").success();
    let next = connect_mptcp(port.addr()).unwrap();
    assert!(speaks_mptcp(&next) && speaks_mptcp(&listener.accept().unwrap().0));
    play(&client, Script::new().shutdown_write());
    play(&target, Script::new().expect_eof().write_bytes("c"));
    reset(target);
    play(&client, Script::new().read_to_reset());
    let record = operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "target/relay/reset");
}

/// An MPTCP listener whose buffers had a size does not give them back to the kernel.
#[test]
fn a_reload_gives_buffers_back_to_the_kernel() {
    if !has_mptcp() {
        return;
    }
    let (port, target) = (Port::v4(), Target::start(Behaviour::Source(64 * MIB)));
    let config = |size| echo_at(&port, &target, &format!("mptcp = true\nsend_buffer = {size}"));
    let operated = Operated::start(config("'32KiB'"));
    // Of a client that has read a part of what comes.
    let size = || {
        let client = connect_mptcp(port.addr()).unwrap();
        play(&client, Script::new().read_exactly(32 * MIB));
        let peer = client.local_addr().unwrap().as_socket().unwrap().to_string();
        let shown = Tool::find("ss").run(["-MnmH", "dst", &peer], LIMIT).text();
        shown.split_once("tb").unwrap().1.split(',').next().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(size(), 65_536);
    operated.reload(config("'auto'"));
    assert!(size() > 131_072);
}

/// The socket of a unit is as `SocketProtocol=` of that unit says.
#[test]
fn a_passed_socket_keeps_its_protocol() {
    if !has_mptcp() {
        return;
    }
    let target = Target::start(Behaviour::Echo);
    for settings in ["", "mptcp = true"] {
        let (socket, address) = target_at((Ipv4Addr::LOCALHOST, 0).into());
        let config = Config::new().forward("fd:web", target.addr(), settings);
        let passed = forwarder().config(config.text()).given("web", socket.into());
        let forwarder = passed.start();
        forwarder.ready();
        let client = connect_mptcp(address).unwrap();
        ping(&client);
        assert!(speaks_mptcp(&client));
        served_client(address);
    }
}

#[test]
fn a_stored_socket_of_the_other_protocol_is_not_used() {
    if !has_mptcp() {
        return;
    }
    let (target, port, manager) = (Target::start(Behaviour::Echo), Port::v4(), Manager::start());
    let name = format!("listener@{}", port.addr().to_string().replace(':', "%3A"));
    let under = |settings: &str| {
        let builder = forwarder().config(echo_at(&port, &target, settings).text());
        builder.env("NOTIFY_SOCKET", manager.address()).env("FDSTORE", "10")
    };
    let kept = |builder: ForwarderBuilder| builder.given(name.clone(), manager.copy(&name)).start();
    let killed = |forwarder: testkit::Forwarder| {
        forwarder.signal(Signal::KILL);
        forwarder.wait_exit(LIMIT);
    };
    let first = under("").start();
    first.ready();
    wait_until("the store", LIMIT, || manager.kept().contains(&name));
    killed(first);
    for (settings, expected) in [("mptcp = true", true), ("mptcp = true", true), ("", false)] {
        let next = kept(under(settings));
        next.ready();
        assert_eq!(is_on(&port), expected);
        wait_until("the store", LIMIT, || manager.kept() == [name.clone()]);
        killed(next);
    }
}

/// Starts, and tries to reload, with these settings.
#[track_caller]
fn is_refused(settings: &str, to: &Addr, said: &str) {
    let config = |port: &Port, settings: &str| {
        Config::new().forward(port.addr(), to, format!("name = 'f'\n{settings}"))
    };
    let ended = forwarder().config(config(&Port::v4(), settings).text()).run();
    assert_eq!(ended.status.code(), Some(2), "{settings}: {}", ended.stderr);
    assert!(ended.stderr.contains(said), "{settings}: {}", ended.stderr);
    let port = Port::v4();
    let operated = Operated::start(config(&port, ""));
    operated.write(config(&port, settings));
    for query in ["?dry_run=true", ""] {
        let refused = operated.http.post(&format!("/v1/reload{query}")).status(409).body;
        assert!(refused.contains(said), "{settings}: {refused}");
    }
    assert!(connect(&port).is_ok());
}

/// Either this kernel has no MPTCP, or a namespace turns it off.
#[test]
fn a_kernel_that_grants_none_is_named() {
    let name = test_name!(a_kernel_that_grants_none_is_named);
    let turn_off = "if [ -e /proc/sys/net/mptcp/enabled ]; then \
                    echo 0 > /proc/sys/net/mptcp/enabled; fi";
    in_network_namespace(name, turn_off, || {
        let exists = std::path::Path::new("/proc/sys/net/mptcp/enabled").exists();
        let said = if exists {
            "cannot set `mptcp = true`: protocol not available (it is turned off: `sysctl net.mptcp.enabled=1` \
             turns it on)"
        } else {
            "(this kernel was built without CONFIG_MPTCP)"
        };
        assert!(mptcp_is_missing().is_some());
        is_refused("mptcp = true", Target::start(Behaviour::Echo).addr(), said);
    });
}

#[test]
fn options_that_its_sockets_do_not_have_are_named() {
    if !has_mptcp() {
        return;
    }
    let [v4, v6] = [Place::V4, Place::V6].map(|place| Target::start_at(place, Behaviour::Echo));
    let (v4, v6) = (v4.addr(), v6.addr());
    for (key, value, to) in
        [("rate", "{ up = '1MiB/s' }", v4), ("user_timeout", "'1m'", v4), ("dscp", "46", v6)]
    {
        // A later kernel may have them.
        let settings = format!("mptcp = true\n{key} = {value}");
        let said = format!(
            "`: MPTCP sockets of this kernel do not have it (leave out `{key}` or `mptcp`)"
        );
        is_refused(&settings, to, &said);
    }
    let port = Port::v4();
    let settings = "mptcp = true\ndscp = 46\nunsent = '16KiB'\ncongestion = 'reno'\n\
                    local_address = '127.0.0.7'\ninterface = 'lo'";
    let target = Target::start(Behaviour::Echo);
    let _forwarder = echo_at(&port, &target, settings).start();
    mptcp_client(&port);
    served_client(&port);
}
