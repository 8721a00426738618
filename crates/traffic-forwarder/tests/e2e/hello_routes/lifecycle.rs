//! Routes over reloads, upgrades and the other parts of a session's life.

use std::net::SocketAddr;

use testkit::{LIMIT, Port, Script, Signal, connect, wait_until};

use super::{Scene, comes_back, config, hello, targets, without_default};
use crate::support::{Config, QUIET, ping, play};

const LATE: &str = "hello_timeout = '60s'";

/// A header of the PROXY protocol, v1.
const HEADER: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.9 4711 443\r\n";

#[test]
fn a_session_reads_the_rest_of_its_hello_after_an_upgrade() {
    let scene = Scene::start("");
    let config = without_default(&scene.port, &scene.targets, LATE);
    scene.operated.reload(config);
    let hello = hello("b.test", &[]);
    let clients = [0, 1, 20, hello.len() - 1].map(|count| {
        let client = connect(&scene.port).unwrap();
        play(&client, Script::new().write_bytes(&hello[..count]));
        (client, count)
    });
    scene.operated.wait_for_sessions(4);
    assert_eq!(scene.operated.upgrade()["lost"], 0);
    for (client, count) in &clients {
        play(client, Script::new().expect_silence(QUIET));
        play(client, Script::new().write_bytes(&hello[*count..]));
        comes_back(client, &hello);
    }
    assert_eq!(scene.targets[1].accepted(), 4);
    // With its name and its target, too.
    assert_eq!(scene.operated.upgrade()["lost"], 0);
    for session in scene.operated.wait_for_sessions(4) {
        assert_eq!(
            (&session["sni"], &session["target"]),
            (&"b.test".into(), &scene.address(1).into())
        );
    }
    for (client, _) in &clients {
        ping(client);
        play(client, Script::new().shutdown_write().read_to_end());
    }
    let records = scene.operated.wait_for_records(4);
    assert!(records.iter().all(|it| it.json["sni"] == "b.test"));
}

/// Their listener, or all of their forward, is not configured any more; the routes for them still are known.
#[test]
fn sessions_of_removed_listeners_keep_their_routes_over_an_upgrade() {
    let scene = Scene::start("");
    let (second, third) = (Port::v4(), Port::v4());
    let first = scene.port.addr();
    let [a, b, other] = [0, 1, 2].map(|target| scene.address(target));
    let settings = |name| {
        let [to_a, to_b] = [&a, &b].map(|to| format!("to = '{to}'"));
        let routes = format!("[{{ sni = 'a.test', {to_a} }}, {{ sni = 'b.test', {to_b} }}]");
        format!("name = '{name}'\nroute = {routes}\n{LATE}")
    };
    let both = [first, second.addr()];
    let before = Config::new().forward_at_several(&both, &other, settings("f"));
    scene.operated.reload(before.forward_with(third.addr(), settings("g")));
    let hello = hello("b.test", &[]);
    let clients = [&second, &third].map(|port| {
        let client = connect(port).unwrap();
        play(&client, Script::new().write_bytes(&hello[..20]));
        client
    });
    scene.operated.wait_for_sessions(2);
    scene.operated.reload(Config::new().forward(first, &other, settings("f")));
    for _ in 0..2 {
        assert_eq!(scene.operated.upgrade()["lost"], 0);
    }
    for client in &clients {
        play(client, Script::new().expect_silence(QUIET));
        play(client, Script::new().write_bytes(&hello[20..]));
        comes_back(client, &hello);
    }
    assert_eq!(scene.targets.each_ref().map(testkit::Target::accepted), [0, 2, 0]);
}

/// A session that waits for a place in a target of its route selects again there.
#[test]
fn a_session_keeps_its_route_over_an_upgrade() {
    let scene = Scene::start("");
    let [a, b, other] = [0, 1, 2].map(|target| scene.address(target));
    let routes = format!(
        "route = [{{ sni = 'a.test', to = '{a}' }}, \
         {{ sni = 'b.test', to = {{ address = '{b}', max_sessions = 1 }} }}]"
    );
    let settings =
        format!("name = 'f'\nto = '{other}'\n{routes}\nat_limit = 'wait'\nconnect_timeout = '60s'");
    scene.operated.reload(Config::new().forward_with(scene.port.addr(), settings));
    let hello_b = hello("b.test", &[]);
    let first = scene.is_served(&hello_b, 1);
    let second = connect(&scene.port).unwrap();
    play(&second, Script::new().write_bytes(&hello_b[..]));
    wait_until("it to wait", LIMIT, || {
        let sessions = scene.operated.sessions();
        sessions.iter().any(|it| it["verdict"] == "targets-full")
    });
    // A full route delays no client of another one.
    drop(scene.is_served(&hello("a.test", &[]), 0));
    assert_eq!(scene.operated.upgrade()["lost"], 0);
    play(&second, Script::new().expect_silence(QUIET));
    drop(first);
    comes_back(&second, &hello_b);
    assert_eq!(scene.targets.each_ref().map(testkit::Target::accepted), [1, 2, 0]);
}

#[test]
fn a_reload_changes_the_routes_of_new_sessions() {
    let scene = Scene::start(LATE);
    let hello = hello("a.test", &[]);
    let open = scene.is_served(&hello, 0);
    let waiting = [0, 20].map(|count| {
        let client = connect(&scene.port).unwrap();
        play(&client, Script::new().write_bytes(&hello[..count]));
        client
    });
    scene.operated.wait_for_sessions(3);
    let [a, b, other] = [0, 1, 2].map(|target| scene.address(target));
    let with = |routes: &str| {
        let late = if routes.is_empty() { "" } else { LATE };
        let settings = format!("name = 'f'\nto = '{other}'\n{routes}\n{late}");
        scene.operated.reload(Config::new().forward_with(scene.port.addr(), settings))
    };
    let report = with(&format!("route = [{{ sni = 'a.test', to = '{b}' }}]"));
    let changes = report["changed"][0]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{report}");
    assert_eq!(changes[0]["key"], "route");
    // One whose hello is awaited is new; an open one keeps its target.
    play(&waiting[1], Script::new().write_bytes(&hello[20..]));
    comes_back(&waiting[1], &hello);
    assert_eq!(scene.targets[1].accepted(), 1);
    ping(&open);
    assert!(targets(&scene.operated).iter().all(|it| it["address"] != a), "it has left");
    with("");
    ping(&waiting[0]);
    drop(scene.is_served(&hello, 2));
    assert_eq!(scene.targets[2].accepted(), 2);
    with(&format!("route = [{{ sni = 'a.test', to = '{a}' }}]"));
    drop(scene.is_served(&hello, 0));
    ping(&open);
}

#[test]
fn a_header_comes_before_the_hello() {
    let scene = Scene::start("");
    let settings = format!("accept_proxy = {{ from = ['127.0.0.1'] }}\n{LATE}\nmax_sessions = 4");
    scene.operated.reload(config(scene.port.addr(), &scene.targets, &settings));
    let hello = hello("a.test", &[]);
    let bytes = [HEADER, &hello].concat();
    for first in [bytes.len(), HEADER.len(), HEADER.len() + 9, 10] {
        let client = connect(&scene.port).unwrap();
        play(&client, Script::new().write_bytes(&bytes[..first]));
        scene.operated.wait_for_sessions(1);
        play(&client, Script::new().write_bytes(&bytes[first..]));
        comes_back(&client, &hello);
        let session = scene.operated.wait_for_sessions(1).remove(0);
        let stated: SocketAddr = "192.0.2.7:4711".parse().unwrap();
        assert_eq!(session["client"], stated.to_string());
        assert_eq!(session["sni"], "a.test");
        drop(client);
        scene.operated.wait_for_sessions(0);
    }
    let parts = [10, HEADER.len(), HEADER.len() + 9].map(|first| {
        let client = connect(&scene.port).unwrap();
        play(&client, Script::new().write_bytes(&bytes[..first]));
        (client, first)
    });
    scene.operated.wait_for_sessions(3);
    assert_eq!(scene.operated.upgrade()["lost"], 0);
    for (client, first) in &parts {
        play(client, Script::new().write_bytes(&bytes[*first..]));
        comes_back(client, &hello);
    }
    assert_eq!(scene.targets[0].accepted(), 7);
}

#[test]
fn a_header_for_the_target_stands_before_the_hello() {
    let scene = Scene::start("send_proxy = 'v1'");
    let hello = hello("a.test", &[]);
    let client = connect(&scene.port).unwrap();
    let own = client.local_addr().unwrap().as_socket().unwrap();
    play(&client, Script::new().write_bytes(&hello[..]));
    let to = scene.port.addr();
    let header = format!("PROXY TCP4 {} {} {} {}\r\n", own.ip(), to.ip(), own.port(), to.port());
    comes_back(&client, &[header.as_bytes(), &hello].concat());
}

#[test]
fn drains_and_shutdowns_wait_for_hellos_and_a_kill_does_not() {
    let scene = Scene::start(LATE);
    let hello = hello("a.test", &[]);
    let begin = || {
        let client = connect(&scene.port).unwrap();
        play(&client, Script::new().write_bytes(&hello[..20]));
        client
    };
    let (first, killed) = (begin(), begin());
    let sessions = scene.operated.wait_for_sessions(2);
    let id = sessions[1]["id"].as_u64().unwrap();
    scene.operated.http.post("/v1/forwards/f/drain").success();
    scene.operated.http.delete(&format!("/v1/sessions/{id}")).success();
    play(&killed, Script::new().read_to_reset());
    let record = scene.operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "operator/greet/killed", "{}", record.json);
    play(&first, Script::new().write_bytes(&hello[20..]));
    comes_back(&first, &hello);
    assert!(connect(&scene.port).is_err());
    drop(first);
    scene.operated.http.post("/v1/forwards/f/resume").success();
    let last = begin();
    scene.operated.wait_for_sessions(1);
    scene.operated.signal(Signal::TERM);
    scene.operated.wait_for_message("draining");
    play(&last, Script::new().write_bytes(&hello[20..]));
    comes_back(&last, &hello);
    drop(last);
    scene.operated.wait_exit(LIMIT);
}
