//! Checks of targets that require a header.

use testkit::{Addr, Listener, Place, Port, Script};

use super::{haproxy, nginx, v2};
use crate::support::{Config, Operated, play};

/// A forwarder whose target is checked often.
fn checked(to: &Addr, settings: &str) -> Operated {
    let port = Port::v4();
    let settings = format!("name = 'f'\nto = '{to}'\n{settings}");
    Operated::start(Config::new().forward_with(port.addr(), settings))
}

#[track_caller]
fn wait_for_state(operated: &Operated, state: &str) {
    testkit::wait_until(state, testkit::LIMIT, || {
        operated.http.json("/v1/forwards/f")["targets"][0]["state"] == state
    });
}

#[test]
fn a_check_sends_a_header_without_addresses() {
    let exchange = "check = { send = 'PING', expect = 'PONG', every = '100ms' }";
    for (version, header) in [("v1", b"PROXY UNKNOWN\r\n".to_vec()), ("v2", v2(0x20, 0, b""))] {
        let listener = Listener::bind(Place::V4);
        let settings = format!("{exchange}\nsend_proxy = '{version}'");
        let operated = checked(listener.addr(), &settings);
        let expected = [&header[..], b"PING"].concat();
        let target = listener.accept();
        let script = Script::new().read_exactly(expected.len() as u64).write_bytes("PONG");
        assert_eq!(play(&target, script).bytes, expected);
        wait_for_state(&operated, "up");
    }
}

#[test]
fn a_check_by_connect_of_a_unix_socket_sends_a_header() {
    let listener = Listener::bind(Place::Unix);
    let settings = "check = { connect = true, every = '100ms' }\nsend_proxy = 'v1'";
    let _operated = checked(listener.addr(), settings);
    let script = Script::new().read_to_end();
    assert_eq!(play(&listener.accept(), script).bytes, b"PROXY UNKNOWN\r\n");
}

#[test]
fn a_check_of_another_port_sends_no_header() {
    let (listener, other) = (Listener::bind(Place::V4), Listener::bind(Place::V4));
    let settings = format!(
        "check = {{ send = 'PING', expect = 'PONG', port = {}, every = '100ms' }}\n\
         send_proxy = 'v2'",
        other.addr().tcp().port()
    );
    let operated = checked(listener.addr(), &settings);
    let script = Script::new().read_exactly(4).write_bytes("PONG");
    assert_eq!(play(&other.accept(), script).bytes, b"PING");
    wait_for_state(&operated, "up");
}

#[test]
fn servers_that_require_a_header_are_up() {
    let check = "check = { http = '/', every = '100ms', fall = 1, rise = 1 }";
    for server in [haproxy("accept-proxy"), nginx()] {
        let operated = checked(&(&server).into(), &format!("{check}\nsend_proxy = 'v1'"));
        wait_for_state(&operated, "up");
        for (settings, state) in
            [("send_proxy = 'off'", "down"), ("send_proxy = 'v2'", "up"), ("", "down")]
        {
            let port = Port::v4();
            let settings = format!("name = 'f'\nto = '{}'\n{check}\n{settings}", server.addr());
            operated.reload(Config::new().forward_with(port.addr(), settings));
            wait_for_state(&operated, state);
        }
    }
}
