//! `allow` and `deny` behind `accept_proxy`: they decide about the client that a header states.

use testkit::{Behaviour, Port, Script, Target, connect};

use super::line;
use super::receiving::{REFUSED, TRUSTED, config, stated};
use crate::support::{Config, Operated, ping, play};

/// The lists decide about the client in the header, not about the proxy.
#[test]
fn the_lists_know_the_client_in_the_header() {
    let target = Target::start(Behaviour::Echo);
    for (lists, serves) in [
        ("allow = ['192.0.2.0/24']", true),
        ("allow = ['127.0.0.0/8']", false),
        ("deny = ['127.0.0.0/8']", true),
        ("deny = ['192.0.2.7']", false),
    ] {
        let port = Port::v4();
        let settings = format!("{TRUSTED}\n{lists}");
        let operated = Operated::start(config(port.addr(), target.addr(), &settings));
        let client = connect(&port).unwrap();
        play(&client, Script::new().write_bytes(line(stated().0, stated().1)));
        if serves {
            ping(&client);
            continue;
        }
        play(&client, Script::new().read_to_reset());
        let refused = operated.wait_for_message(REFUSED);
        assert!(refused.contains(&stated().0.to_string()), "{refused}");
        // Its report has come: a record would have, before.
        assert_eq!(operated.records().len(), 0, "{lists}");
    }
}

/// The lists of a removed forward still decide about clients whose header is awaited.
#[test]
fn the_lists_of_a_removed_forward_survive_an_upgrade() {
    let (target, [port, other]) = (Target::start(Behaviour::Echo), [Port::v4(), Port::v4()]);
    let (from, to) = stated();
    for lists in [
        format!("deny = '{}'", from.ip()),
        "allow = 'file:empty'".to_owned(),
        "allow = '198.51.100.0/24'".to_owned(),
    ] {
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join("empty");
        std::fs::write(&file, "").unwrap();
        let lists = lists.replace("file:empty", &format!("file:{}", file.display()));
        let settings = format!("{TRUSTED}\n{lists}");
        let operated = Operated::start(config(port.addr(), target.addr(), &settings));
        let client = connect(&port).unwrap();
        let header = line(from, to);
        play(&client, Script::new().write_bytes(&header[..9]));
        operated.wait_for_sessions(1);
        operated.reload(Config::new().forward(other.addr(), target.addr(), "name = 'other'"));
        assert_eq!(operated.upgrade()["lost"], 0);
        play(&client, Script::new().write_bytes(&header[9..]));
        play(&client, Script::new().read_to_reset());
        operated.wait_for_sessions(0);
    }
    assert_eq!(target.accepted(), 0);
}

/// A header with Unix paths states no address: the client counts as the proxy does.
#[test]
fn the_lists_see_the_proxy_of_a_client_without_an_address() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8".to_vec();
    header.extend([0; 216]);
    for (lists, serves) in [("deny = '127.0.0.1'", false), ("allow = '127.0.0.0/8'", true)] {
        let settings = format!("{TRUSTED}\n{lists}");
        let operated = Operated::start(config(port.addr(), target.addr(), &settings));
        let client = connect(&port).unwrap();
        play(&client, Script::new().write_bytes(&header[..]));
        if serves {
            ping(&client);
            let clients = operated.http.json("/v1/clients");
            assert_eq!(clients["clients"][0]["client"], "127.0.0.1", "{clients}");
        } else {
            play(&client, Script::new().read_to_reset());
            operated.wait_for_message(REFUSED);
        }
    }
}
