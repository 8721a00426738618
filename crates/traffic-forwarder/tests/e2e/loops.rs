//! A target that is a listener of the process itself, by another spelling: one client is one
//! session, which ends at once with the cause `loop`.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use tempfile::TempDir;
use testkit::{Behaviour, LIMIT, Port, SessionRecord, Target, connect, wait_until};

use crate::support::{Config, Operated, forwarder, served_client};

/// Connects once through a forward that leads back to the process, and asserts that the only
/// session ends at once with `loop`.
#[track_caller]
fn assert_loop(operated: &Operated, addr: impl Into<testkit::Addr>, what: &str) {
    let before = operated.records().len();
    // The reset may arrive before connect(2) returns.
    if let Ok(mut client) = connect(addr) {
        let _ = std::io::Read::read(&mut client, &mut [0]);
    }
    let records = operated.wait_for_records(before + 1);
    let reasons: Vec<_> = records[before..].iter().map(SessionRecord::close_reason).collect();
    assert_eq!(reasons, ["target/connect/loop"], "{what}");
    wait_until("no session is left", LIMIT, || operated.sessions().is_empty());
    assert_eq!(operated.records().len(), before + 1, "{what}: one client, one session");
}

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// Several spellings of the path of our socket in this directory.
fn spellings(dir: &Path) -> Vec<&'static str> {
    symlink(dir.join("socket"), dir.join("link")).unwrap();
    symlink("link", dir.join("link-to-link")).unwrap();
    symlink(dir, dir.join("directory")).unwrap();
    fs::create_dir(dir.join("below")).unwrap();
    symlink("../socket", dir.join("below/relative")).unwrap();
    vec!["link", "link-to-link", "directory/socket", "below/relative", "hard"]
}

fn config(dir: &Path, to: &str) -> Config {
    let listen = unix(&dir.join("socket"));
    Config::new().process("workers = 2").forward(listen, unix(&dir.join(to)), "name = 'x'")
}

#[test]
fn a_unix_socket_is_recognized_by_every_path() {
    let dir = TempDir::new().unwrap();
    let spellings = spellings(dir.path());
    let operated = Operated::start(config(dir.path(), "link"));
    fs::hard_link(dir.path().join("socket"), dir.path().join("hard")).unwrap();
    for spelling in spellings {
        operated.reload(config(dir.path(), spelling));
        assert_loop(&operated, dir.path().join("socket"), spelling);
    }
}

/// Listeners are added and removed, and another process may bind the path later.
#[test]
fn a_unix_socket_is_recognized_while_it_listens() {
    let dir = TempDir::new().unwrap();
    let (one, two, link) =
        (dir.path().join("one"), dir.path().join("two"), dir.path().join("link"));
    symlink(&two, &link).unwrap();
    let both = |operated: Option<&Operated>, second: bool| {
        let config = Config::new().forward(unix(&one), unix(&link), "name = 'one'");
        let config =
            if second { config.forward(unix(&two), "127.0.0.1:9", "name = 'two'") } else { config };
        match operated {
            Some(operated) => _ = operated.reload(config),
            None => return Some(Operated::start(config)),
        }
        None
    };
    let operated = both(None, false).unwrap();
    // Added by a reload.
    both(Some(&operated), true);
    assert_loop(&operated, one.clone(), "added");
    // Over an upgrade.
    operated.http.post("/v1/upgrade").status(202);
    operated.wait_for_message("upgraded");
    assert_loop(&operated, one.clone(), "upgraded");
    // Its file was removed, and recreated by a reload.
    fs::remove_file(&two).unwrap();
    both(Some(&operated), true);
    assert_loop(&operated, one.clone(), "made again");
    // Removed by a reload: the path belongs to another process.
    both(Some(&operated), false);
    let target = Target::start(Behaviour::Echo);
    let other = relay(&two, &target);
    served_client(one);
    drop(other);
}

/// A listener outside the process under test, which relays one client to the echo target.
fn relay(path: &Path, target: &Target) -> std::thread::JoinHandle<()> {
    let listener = UnixListener::bind(path).unwrap();
    let echo = target.addr().tcp();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut echo = std::net::TcpStream::connect(echo).unwrap();
        let mut byte = [0];
        std::io::Read::read_exact(&mut client, &mut byte).unwrap();
        std::io::Write::write_all(&mut echo, &byte).unwrap();
        std::io::Read::read_exact(&mut echo, &mut byte).unwrap();
        std::io::Write::write_all(&mut client, &byte).unwrap();
    })
}

#[test]
fn an_activated_unix_socket_is_recognized() {
    let dir = TempDir::new().unwrap();
    let (path, link) = (dir.path().join("socket"), dir.path().join("link"));
    symlink(&path, &link).unwrap();
    let socket = UnixListener::bind(&path).unwrap();
    let builder = forwarder().given("web", socket.into());
    let config = Config::new().forward("fd:web", unix(&link), "name = 'x'");
    let operated = Operated::start_from(builder, config);
    assert_loop(&operated, path, "given");
}

/// A listener and the host of a target. The text of the configuration shows some of these loops,
/// but not those through a name or through a listener on every address.
#[test]
fn an_ip_listener_is_recognized_by_every_address() {
    // A non-loopback address of this host, if it has one.
    let udp = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = udp.connect("203.0.113.1:9").and_then(|()| udp.local_addr()).map(|it| it.ip());
    for host in own.into_iter().map(|ip| ip.to_string()) {
        let port = Port::every_address();
        for listen in [format!(":{port}"), format!("0.0.0.0:{port}"), format!("{host}:{port}")] {
            let to = format!("[::ffff:{host}]:{port}");
            for to in [format!("{host}:{port}"), to] {
                let checked = plan_accepts(&listen, &to);
                if !checked {
                    continue;
                }
                let operated = Operated::start(Config::new().forward(&listen, &to, "name = 'x'"));
                let reached = format!("{host}:{port}").parse::<std::net::SocketAddr>().unwrap();
                assert_loop(&operated, reached, &format!("{listen} {to}"));
            }
        }
    }
    // An activated socket has no address in the text.
    for to in ["127.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]", "localhost"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let builder = forwarder().given("web", listener.into());
        let to = format!("{to}:{}", address.port());
        let operated = Operated::start_from(builder, Config::new().forward("fd:web", &to, ""));
        assert_loop(&operated, address, &to);
    }
}

/// Whether the text alone passes the check.
fn plan_accepts(listen: &str, to: &str) -> bool {
    let text = Config::new().forward(listen, to, "name = 'x'").text();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("forwarder.conf");
    fs::write(&file, text).unwrap();
    forwarder().args(["check".as_ref(), "-c".as_ref(), file.as_os_str()]).run().status.success()
}
