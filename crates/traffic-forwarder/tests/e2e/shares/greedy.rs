//! Clients that take all they get, and reconnect at once.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::{Behaviour, LIMIT, Port, Socket, Target, wait_until};

use super::{client, fill, is_refused, is_served, places, refused};
use crate::support::{Config, Operated, in_network_namespace, messages, test_name};

/// Newcomers of a test, one after the other.
const NEWCOMERS: u16 = 30;
/// Number of the first newcomer.
const FIRST: u16 = 10_000;

/// Attempts after which a greedy client gives a place up, which all of them try to get.
const ATTEMPTS: usize = 20;

/// Stops the greedy clients when it is dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Clients of the numbers `0..count`, which take all that they get.
fn take_all(count: u16, to: SocketAddr, stop: &AtomicBool) {
    let mut held: Vec<Vec<Socket>> = (0..count).map(|_| Vec::new()).collect();
    for number in (0..usize::from(count)).cycle() {
        for _ in 0..ATTEMPTS / usize::from(count).min(ATTEMPTS) {
            held[number].extend(client(u16::try_from(number).unwrap(), to));
        }
        if !held[number].is_empty() && number % ATTEMPTS == 0 {
            held[number].remove(0);
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// In a separate process, since other tests leave this one few of its open files.
#[track_caller]
fn newcomers_are_served_in(test: &str, greedy: u16, limit: u32, settings: &str) {
    in_network_namespace(test, "true", || newcomers_are_served_beside(greedy, limit, settings));
}

fn newcomers_are_served_beside(greedy: u16, limit: u32, settings: &str) {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let settings = format!("name = 'f'\nmax_sessions = {limit}\n{settings}");
    let config = Config::new()
        .process("workers = 2\nmax_sessions = 3000")
        .log("format = 'json'\nsessions = false");
    let operated = Operated::start(config.forward(port.addr(), target.addr(), settings));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for _ in 0..2 {
            scope.spawn(|| take_all(greedy, port.addr(), &stop));
        }
        let is_full = || refused(&operated, "f", "client_limit") > 200;
        wait_until("greedy clients at their share", 3 * LIMIT, is_full);
        for number in FIRST..FIRST + NEWCOMERS {
            let newcomer = client(number, port.addr());
            assert!(newcomer.is_some(), "newcomer {number} is refused: {:?}", places(&operated));
        }
    });
    assert_eq!(refused(&operated, "f", "over_limit"), 0, "there was always a place");
    let line = &messages(
        &operated,
        "connections refused: the client has its share of the forward's places",
    )[0];
    assert_eq!([&line["level"], &line["forward"], &line["key"]], ["warn", "f", "share"], "{line}");
    let close = &line["close"];
    let close = [&close["by"], &close["phase"], &close["cause"]];
    assert_eq!(close, ["limit", "admit", "client_limit"]);
    assert!(line["client"].as_str().unwrap().starts_with("127.9.0."), "{line}");
    assert!(line["places"].as_u64() > Some(0) && line["free"].as_u64() > Some(0), "{line}");
}

#[test]
fn a_newcomer_is_served_beside_one_greedy_client() {
    newcomers_are_served_beside(1, 100, "");
}

#[test]
fn a_newcomer_is_served_beside_ten_greedy_clients() {
    let name = test_name!(a_newcomer_is_served_beside_ten_greedy_clients);
    newcomers_are_served_in(name, 10, 400, "");
}

#[test]
fn a_newcomer_is_served_beside_a_hundred_greedy_clients() {
    let name = test_name!(a_newcomer_is_served_beside_a_hundred_greedy_clients);
    newcomers_are_served_in(name, 100, 1000, "");
}

#[test]
fn a_newcomer_is_served_beside_ten_greedy_clients_where_clients_wait() {
    let name = test_name!(a_newcomer_is_served_beside_ten_greedy_clients_where_clients_wait);
    newcomers_are_served_in(name, 10, 400, "at_limit = 'wait'");
}

fn a_lone_client_gets_nine_tenths(settings: &str) {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let settings = format!("name = 'f'\nmax_sessions = 100\n{settings}");
    let config = Config::new().process("workers = 2");
    let operated = Operated::start(config.forward(port.addr(), target.addr(), settings));
    let held = fill(1, port.addr(), 200);
    assert_eq!(held.len(), 90);
    is_refused(1, port.addr());
    // The second one gets less, and the last place is for one that has none.
    let second = fill(2, port.addr(), 200);
    assert_eq!(second.len(), 9);
    assert_eq!(places(&operated), [("127.9.0.1".to_owned(), 90), ("127.9.0.2".to_owned(), 9)]);
    let _third = is_served(3, port.addr());
    assert_eq!(refused(&operated, "f", "client_limit"), 3);
    assert_eq!(operated.http.json("/v1/forwards/f")["client_limit"], 3);
}

#[test]
fn a_lone_client_gets_nine_tenths_and_the_last_place_is_for_a_newcomer() {
    a_lone_client_gets_nine_tenths("");
}

#[test]
fn a_lone_client_gets_nine_tenths_where_clients_wait() {
    a_lone_client_gets_nine_tenths("at_limit = 'wait'");
}

#[test]
fn without_a_share_one_client_may_take_all() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().process("workers = 2");
    let settings = "max_sessions = 50\nshare = 'off'";
    let operated = Operated::start(config.forward(port.addr(), target.addr(), settings));
    assert_eq!(fill(1, port.addr(), 200).len(), 50);
    let clients = operated.http.json("/v1/clients");
    assert_eq!((&clients["total"], clients["uncounted"].as_array().unwrap().len()), (&0.into(), 1));
}

/// Lines of the older format and forwards on the command line have no shares.
#[test]
fn a_forward_on_the_command_line_has_no_share() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let forward = format!("{}={}", port.addr(), target.addr());
    let arguments = ["--max-conns", "30", &*forward];
    let forwarder = crate::support::forwarder().args(arguments).start();
    forwarder.wait_for_line("ready", LIMIT, |line| line.contains("ready"));
    assert_eq!(fill(1, port.addr(), 200).len(), 30);
}

#[test]
fn a_forward_leaves_room_in_the_process_to_the_others() {
    let (target, ports) = (Target::start(Behaviour::Echo), [Port::v4(), Port::v4()]);
    let config = Config::new().process("workers = 2\nmax_sessions = 100");
    let config =
        ["first", "second"].into_iter().zip(&ports).fold(config, |config, (name, port)| {
            config.forward(
                port.addr(),
                target.addr(),
                format!("name = '{name}'\nmax_sessions = 1000"),
            )
        });
    let operated = Operated::start(config);
    let [first, second] = ports.each_ref().map(Port::addr);
    // The first forward may have 90 of the 100 places, and a client of it 81 of those.
    let greedy = fill(1, first, 200);
    assert_eq!(greedy.len(), 81);
    let others: Vec<_> = (2..200).map_while(|number| client(number, first)).collect();
    assert_eq!(greedy.len() + others.len(), 90);
    let message = "connections refused: the forward has its share of the process's max_sessions";
    let line: serde_json::Value =
        serde_json::from_str(&operated.wait_for_message(message)).unwrap();
    assert_eq!([&line["limit"], &line["sessions"]], [100, 90], "{line}");
    assert_eq!(refused(&operated, "first", "over_limit"), 1);
    // A client of the other forward is served.
    let _newcomer = is_served(1, second);
    assert!(!fill(2, second, 100).is_empty());
}

/// At its share of the process, a forward whose clients wait leaves them in the queue until there is room.
#[test]
fn a_forward_at_its_share_of_the_process_lets_clients_wait() {
    let (target, ports) = (Target::start(Behaviour::Echo), [Port::v4(), Port::v4()]);
    let config = Config::new().process("workers = 2\nmax_sessions = 20");
    let config = ports.iter().fold(config, |config, port| {
        config.forward(port.addr(), target.addr(), "at_limit = 'wait'")
    });
    let operated = Operated::start(config);
    let [first, second] = ports.each_ref().map(Port::addr);
    let mut held: Vec<_> = (0..18).map(|number| is_served(number, first)).collect();
    let waiting = crate::support::asking_client(first);
    crate::support::is_waiting(&waiting);
    drop(is_served(1, second));
    crate::support::is_waiting(&waiting);
    drop(held.pop());
    crate::support::is_answered(&waiting);
    drop(operated);
}
