//! Clients that try to outlast `timeout` of a header and `hello_timeout`: by slow bytes, both waits in a row, reloads,
//! upgrades and drains.

use std::io::Write as _;
use std::time::{Duration, Instant};

use testkit::{LIMIT, Script, Socket, connect};

use super::{Scene, comes_back, config, hello};
use crate::support::{QUIET, play};

/// A header of the PROXY protocol, v1.
const HEADER: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.9 4711 443\r\n";

/// Settings with both waits, in milliseconds.
fn waits(header: u32, hello: u32) -> String {
    format!(
        "accept_proxy = {{ from = ['127.0.0.1'], timeout = '{header}ms' }}\n\
         hello_timeout = '{hello}ms'"
    )
}

fn start(settings: &str) -> Scene {
    let scene = Scene::start("");
    scene.operated.reload(config(scene.port.addr(), &scene.targets, settings));
    scene
}

fn begins(scene: &Scene, bytes: &[u8]) -> Socket {
    let client = connect(&scene.port).unwrap();
    play(&client, Script::new().write_bytes(bytes));
    client
}

/// Writes a byte every 20 ms until the connection ends, or `meanwhile` has been called and the time is over.
fn drips(mut client: &Socket, bytes: &[u8], mut meanwhile: impl FnMut(usize)) {
    let started = Instant::now();
    for (count, byte) in bytes.iter().enumerate() {
        if client.write_all(&[*byte]).is_err() || started.elapsed() > LIMIT {
            break;
        }
        meanwhile(count);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(started.elapsed() < LIMIT, "never cut");
}

/// A slow header and then a slow hello have one wait each, and no more.
#[test]
fn a_header_and_a_hello_have_a_wait_each() {
    let scene = start(&waits(1500, 300));
    let client = begins(&scene, &HEADER[..10]);
    play(&client, Script::new().expect_silence(QUIET).write_bytes(&HEADER[10..]));
    drips(&client, &hello("a.test", &[]), |_| ());
    let record = scene.operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "limit/greet/hello_timeout", "{}", record.json);
    let duration = record.json["duration"].as_f64().unwrap();
    assert!((0.45..1.6).contains(&duration), "{}", record.json);
    assert_eq!(record.json["client"], "192.0.2.7:4711");
    // The wait for a header ends during it, whatever follows.
    let scene = start(&waits(300, 60_000));
    let client = connect(&scene.port).unwrap();
    drips(&client, &[HEADER, &hello("a.test", &[])].concat(), |_| ());
    let record = scene.operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "limit/greet/header_timeout", "{}", record.json);
    assert_eq!(scene.targets.each_ref().map(testkit::Target::accepted), [0; 3]);
}

/// Reloads and upgrades do not begin a wait anew.
#[test]
fn no_change_of_the_process_prolongs_a_wait() {
    for (settings, begin, reason) in [
        (waits(60_000, 1500), [HEADER, &hello("a.test", &[])[..5]].concat(), "hello_timeout"),
        (waits(1500, 60_000), HEADER[..5].to_vec(), "header_timeout"),
    ] {
        let scene = start(&settings);
        let client = begins(&scene, &begin);
        scene.operated.wait_for_sessions(1);
        let started = Instant::now();
        let mut changes = 0;
        while !scene.operated.sessions().is_empty() && started.elapsed() < LIMIT {
            let other = format!("{settings}\nmax_sessions = {}", 100 + changes);
            scene.operated.reload(config(scene.port.addr(), &scene.targets, other));
            if changes % 3 == 2 {
                assert_eq!(scene.operated.upgrade()["lost"], 0);
            }
            changes += 1;
        }
        play(&client, Script::new().read_to_reset());
        let record = scene.operated.wait_for_records(1).remove(0);
        assert_eq!(record.close_reason(), format!("limit/greet/{reason}"), "{}", record.json);
        let duration = record.json["duration"].as_f64().unwrap();
        assert!((1.4..3.5).contains(&duration), "{changes} changes: {}", record.json);
    }
}

/// A client that waits keeps the time with which it began.
#[test]
fn a_reload_changes_the_waits_of_new_clients() {
    let hello = hello("a.test", &[]);
    let all = [HEADER, &hello].concat();
    for (begun, reason) in [(HEADER.len() + 5, "hello_timeout"), (5, "header_timeout")] {
        let scene = start(&waits(60_000, 60_000));
        let first = begins(&scene, &all[..begun]);
        scene.operated.wait_for_sessions(1);
        scene.operated.reload(config(scene.port.addr(), &scene.targets, waits(200, 200)));
        let second = begins(&scene, &all[..begun]);
        play(&second, Script::new().read_to_reset());
        let record = scene.operated.wait_for_records(1).remove(0);
        assert_eq!(record.close_reason(), format!("limit/greet/{reason}"), "{}", record.json);
        play(&first, Script::new().write_bytes(&all[begun..]));
        comes_back(&first, &hello);
    }
}

/// A drain prolongs no wait for slow clients.
#[test]
fn a_drain_ends_with_the_waits() {
    let scene = start(&waits(60_000, 500));
    let hello = hello("a.test", &[]);
    let clients: Vec<_> =
        (0..20).map(|count| begins(&scene, &[HEADER, &hello[..=count]].concat())).collect();
    scene.operated.wait_for_sessions(20);
    scene.operated.http.post("/v1/forwards/f/drain").success();
    scene.operated.wait_for_sessions(0);
    for client in &clients {
        play(client, Script::new().read_to_reset());
    }
    let records = scene.operated.wait_for_records(20);
    assert!(records.iter().all(|it| it.close_reason() == "limit/greet/hello_timeout"));
    assert_eq!(scene.targets.each_ref().map(testkit::Target::accepted), [0; 3]);
}
