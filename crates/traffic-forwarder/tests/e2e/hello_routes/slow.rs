//! Clients that send no hello, or only a part.

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use testkit::{LIMIT, Script, connect, connect_and_close, wait_until};

use super::{Scene, comes_back, hello, without_default};
use crate::support::{QUIET, ping, play};

const SOON: &str = "hello_timeout = '200ms'";
const LATE: &str = "hello_timeout = '60s'";

/// The server may speak first.
#[test]
fn a_silent_client_goes_to_the_default_in_the_end() {
    let scene = Scene::start(SOON);
    let client = connect(&scene.port).unwrap();
    wait_until("the default", LIMIT, || scene.targets[2].accepted() == 1);
    ping(&client);
    play(&client, Script::new().shutdown_write().read_to_end());
    let record = scene.operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "client/relay/fin");
}

#[test]
fn a_hello_that_stays_incomplete_ends_the_session() {
    let scene = Scene::start(SOON);
    let hello = hello("a.test", &[]);
    for (count, begun) in [1, 5, 9, hello.len() - 1].into_iter().enumerate() {
        let client = connect(&scene.port).unwrap();
        play(&client, Script::new().write_bytes(&hello[..begun]).read_to_reset());
        let record = scene.operated.wait_for_records(count + 1).pop().unwrap();
        assert_eq!(record.close_reason(), "limit/greet/hello_timeout", "{}", record.json);
    }
    assert_eq!(scene.targets.each_ref().map(testkit::Target::accepted), [0; 3]);
}

/// It gets no more time by sending a byte now and then.
#[test]
fn a_slow_hello_ends_at_the_timeout() {
    let scene = Scene::start(SOON);
    let mut client = connect(&scene.port).unwrap();
    let started = std::time::Instant::now();
    for byte in hello("a.test", &[]) {
        if client.write_all(&[byte]).is_err() || started.elapsed() > LIMIT {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(started.elapsed() < LIMIT, "never cut");
    let record = scene.operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "limit/greet/hello_timeout");
    assert!(record.json["duration"].as_f64().unwrap() < 1.5, "{}", record.json);
}

/// Nothing can complete it: the target decides about its bytes.
#[test]
fn the_beginning_of_a_hello_and_a_fin_go_to_the_default() {
    let scene = Scene::start(LATE);
    let hello = hello("a.test", &[]);
    for begun in [0, 1, 40] {
        let client = connect(&scene.port).unwrap();
        play(&client, Script::new().write_bytes(&hello[..begun]).shutdown_write());
        comes_back(&client, &hello[..begun]);
        play(&client, Script::new().read_to_end());
    }
    assert_eq!(scene.targets[2].accepted(), 3);
}

#[test]
fn a_client_that_leaves_before_its_hello_has_a_record() {
    let scene = Scene::start(LATE);
    let config = without_default(&scene.port, &scene.targets, LATE);
    scene.operated.reload(config);
    let hello = hello("a.test", &[]);
    for (count, begun) in [0, 20].into_iter().enumerate() {
        let client = connect(&scene.port).unwrap();
        play(&client, Script::new().write_bytes(&hello[..begun]));
        scene.operated.wait_for_sessions(1);
        crate::support::reset(client);
        let record = scene.operated.wait_for_records(count + 1).pop().unwrap();
        assert_eq!(record.close_reason(), "client/greet/reset", "{}", record.json);
    }
    connect_and_close(&scene.port);
    let record = scene.operated.wait_for_records(3).pop().unwrap();
    assert_eq!(record.close_reason(), "limit/greet/no_route", "{}", record.json);
}

/// Unread bytes in a socket raise no further event, and hold nothing but their session.
#[test]
fn waiting_for_hellos_takes_no_cpu_time_and_delays_no_other_client() {
    let scene = Scene::start(LATE);
    let hello = hello("a.test", &[]);
    let begun: Vec<_> = (0..50)
        .map(|count| {
            let client = connect(&scene.port).unwrap();
            play(&client, Script::new().write_bytes(&hello[..count % 40]));
            client
        })
        .collect();
    let sessions = scene.operated.wait_for_sessions(50);
    assert!(sessions.iter().all(|it| it["phase"] == "greet" && it["target"] == ""));
    let before = cpu_ticks(scene.operated.pid());
    std::thread::sleep(5 * QUIET);
    // A tick is 10 ms.
    assert!(cpu_ticks(scene.operated.pid()) - before <= 10, "it spins");
    drop(scene.is_served(&hello, 0));
    for (count, client) in begun.iter().enumerate().take(9) {
        play(client, Script::new().write_bytes(&hello[count % 40..]));
        comes_back(client, &hello);
    }
}

/// CPU time of a process in ticks of the kernel.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}
