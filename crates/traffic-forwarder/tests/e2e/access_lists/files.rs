//! Files of prefixes: their form, their mistakes, and many forwards with one file.

use std::fmt::Write as _;
use std::fs;

use tempfile::TempDir;
use testkit::{Behaviour, Port, Target};

use super::{is_reset, is_served};
use crate::support::{Config, forwarder};

/// A file of prefixes with this text; its entry for a list, and the directory that holds it.
fn file(text: &str) -> (String, TempDir) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("prefixes");
    fs::write(&path, text).unwrap();
    (format!("'file:{}'", path.display()), dir)
}

#[test]
fn a_file_has_one_prefix_a_line() {
    let (target, ports) = (Target::start(Behaviour::Echo), [Port::v4(), Port::v4()]);
    let (entry, _dir) = file(
        "# office\r\n  127.0.0.2   # a laptop\n\n127.0.0.4/30\n::ffff:127.0.0.8/125\n2001:db8::/32",
    );
    let config = Config::new()
        .forward(ports[0].addr(), target.addr(), format!("allow = [{entry}, '127.0.0.3']"))
        .forward(ports[1].addr(), target.addr(), format!("deny = {entry}"));
    let _forwarder = config.start();
    for (number, is_named) in [(1, false), (2, true), (4, true), (7, true), (8, true), (15, true)] {
        let source = format!("127.0.0.{number}");
        let [allowed, denied] = ports.each_ref().map(|port| {
            (if is_named { &ports[0] } else { &ports[1] }.number() == port.number(), port.addr())
        });
        for (is_allowed, addr) in [allowed, denied] {
            if is_allowed { is_served(&source, addr) } else { is_reset(&source, addr) }
        }
    }
    is_served("127.0.0.3", ports[0].addr());
}

/// A file that was emptied by mistake must not open the forward.
#[test]
fn an_empty_file_allows_none() {
    let (target, ports) = (Target::start(Behaviour::Echo), [Port::v4(), Port::v4()]);
    let (entry, _dir) = file("# none yet\n");
    let config = Config::new()
        .forward(ports[0].addr(), target.addr(), format!("allow = {entry}"))
        .forward(ports[1].addr(), target.addr(), format!("deny = {entry}"));
    let _forwarder = config.start();
    is_reset("127.0.0.1", ports[0].addr());
    is_served("127.0.0.1", ports[1].addr());
}

#[test]
fn every_wrong_line_is_named() {
    let (entry, dir) = file("10.0.0.0/8\n10.0.0.7/8\n  host # x\n::/0\n10.0.0.0/33\n");
    let missing = dir.path().join("missing");
    let lists = format!("deny = [{entry}, 'file:{}', '/etc/hosts', '1.2.3']", missing.display());
    let config = Config::new().forward(Port::v4().addr(), "127.0.0.1:9", &lists);
    let finished = forwarder().config(config.text()).run();
    assert_eq!(finished.status.code(), Some(2), "{}", finished.stderr);
    let path = format!("{}/prefixes", dir.path().display());
    for expected in [
        format!("{path}:2:1"),
        "`10.0.0.7/8`: bits are set behind the prefix; write 10.0.0.0/8".to_owned(),
        format!("{path}:3:3"),
        "`host`: expected an IP address or a prefix".to_owned(),
        format!("{path}:5:1"),
        "the length of the prefix must be a number from 0 to 32".to_owned(),
        format!("the prefix file `{}` does not exist", missing.display()),
        "write \"file:/etc/hosts\" for a file of prefixes".to_owned(),
        "`1.2.3`: expected".to_owned(),
    ] {
        assert!(finished.stderr.contains(&expected), "{expected}\n{}", finished.stderr);
    }
}

/// The lists of 1,000 forwards are one: a copy for each would take gigabytes.
#[test]
fn forwards_share_a_file() {
    const FORWARDS: usize = 1000;
    let mut text = String::new();
    for number in 0..100_000u32 {
        writeln!(text, "10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255).unwrap();
    }
    let (entry, _dir) = file(&text);
    let dir = TempDir::new().unwrap();
    let target = Target::start(Behaviour::Echo);
    let mut config =
        format!("[process]\nadmin = 'off'\n[defaults]\ndeny = [{entry}, '127.0.0.2']\n");
    for number in 0..FORWARDS {
        let listen = format!("unix:{}/{number}", dir.path().display());
        let settings = if number % 2 == 0 { format!("deny = {entry}\n") } else { String::new() };
        let to = target.addr();
        write!(config, "[[forward]]\nlisten = '{listen}'\nto = '{to}'\n{settings}").unwrap();
    }
    let port = Port::v4();
    let to = target.addr();
    write!(config, "[[forward]]\nlisten = '{}'\nto = '{to}'\n", port.addr()).unwrap();
    let forwarder = forwarder().config(config).start();
    forwarder.ready();
    is_served("127.0.0.1", port.addr());
    is_reset("127.0.0.2", port.addr());
    let used = forwarder.rss_bytes();
    assert!(used < 120 << 20, "{used} bytes");
}
