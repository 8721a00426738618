//! `at_limit = 'wait'` while every target that may serve is at its own `max_sessions`: clients wait in the
//! kernel's queue until a target has a place, whatever makes it.

mod replaced;

use std::collections::VecDeque;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use serde_json::Value;
use testkit::{
    Addr, Behaviour, LIMIT, Peer, Place, Port, Ports, Script, SessionRecord, Socket, Target,
    wait_until,
};

use crate::support::{
    BINARY, Config, Operated, asking_client, is_answered, is_waiting, messages, ping, play,
    served_client,
};

const CHECKED: &str = "check = { connect = true, every = '100ms', fall = 1, rise = 1 }";

/// An entry of `to` with room for `most` sessions.
fn limited(target: impl Into<Addr>, most: u32) -> String {
    format!("{{ address = '{}', max_sessions = {most} }}", target.into())
}

fn backup(target: impl Into<Addr>) -> String {
    format!("{{ address = '{}', backup = true }}", target.into())
}

/// A forward whose clients wait, to these entries.
fn config(workers: u32, port: &Port, to: &[String], settings: &str) -> Config {
    let text = format!(
        "name = 'f'\nto = [{}]\nat_limit = 'wait'\nbalance = 'first'\n{settings}",
        to.join(", ")
    );
    Config::new().process(&format!("workers = {workers}")).forward_with(port.addr(), text)
}

fn with_one_and_two_workers(shape: impl Fn(u32)) {
    for _ in 0..4 {
        [1, 2].into_iter().for_each(&shape);
    }
}

/// The number of sessions of the process: waiting clients are none.
#[track_caller]
fn sessions(operated: &Operated) -> usize {
    operated.sessions().len()
}

/// Accepts the session of a client. Checks send no byte.
fn with_a_byte(listener: &TcpListener) -> TcpStream {
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        if stream.read(&mut [0]).is_ok_and(|count| count > 0) {
            return stream;
        }
    }
}

fn state(operated: &Operated, target: usize) -> Value {
    operated.http.json("/v1/forwards/f")["targets"][target]["state"].clone()
}

/// An echo with room for one session, which is open, and two clients that wait.
struct Full {
    operated: Operated,
    echo: Target,
    port: Port,
    workers: u32,
}

impl Full {
    #[track_caller]
    fn start(workers: u32, more: &[String], settings: &str) -> (Self, Socket, [Socket; 2]) {
        let (echo, port) = (Target::start(Behaviour::Echo), Port::v4());
        let to: Vec<_> = std::iter::once(limited(&echo, 1)).chain(more.iter().cloned()).collect();
        let operated = Operated::start(config(workers, &port, &to, settings));
        let full = Self { operated, echo, port, workers };
        let served = served_client(&full.port);
        let waiting = [(); 2].map(|()| asking_client(&full.port));
        is_waiting(&waiting[0]);
        (full, served, waiting)
    }

    #[track_caller]
    fn reload(&self, to: &[String]) {
        self.operated.reload(config(self.workers, &self.port, to, ""));
    }
}

#[test]
fn clients_wait_in_order_until_a_target_has_a_place() {
    with_one_and_two_workers(|workers| {
        let (targets, port) = ([(); 2].map(|()| Target::start(Behaviour::Echo)), Port::v4());
        let to = [limited(&targets[0], 1), limited(&targets[1], 2)];
        let operated = Operated::start(config(workers, &port, &to, ""));
        let mut served: VecDeque<_> = (0..3).map(|_| served_client(&port)).collect();
        let mut waiting: VecDeque<_> = (0..4).map(|_| asking_client(&port)).collect();
        is_waiting(&waiting[0]);
        assert_eq!(sessions(&operated), 3, "waiting clients cost the process nothing");
        while let Some(next) = waiting.pop_front() {
            drop(served.pop_front());
            is_answered(&next);
            served.push_back(next);
            served.iter().for_each(ping);
            if let Some(last) = waiting.back() {
                is_waiting(last);
            }
        }
        assert_eq!(targets.iter().map(Target::accepted).sum::<u64>(), 7);
        let forward = operated.http.json("/v1/forwards/f");
        assert_eq!(forward["refused"], 0, "{forward}");
    });
}

#[test]
fn a_reload_that_makes_room_admits_them() {
    with_one_and_two_workers(|workers| {
        let (full, _served, waiting) = Full::start(workers, &[], "");
        full.reload(&[limited(&full.echo, 3)]);
        waiting.iter().for_each(is_answered);

        let (full, _served, waiting) = Full::start(workers, &[], "");
        let other = Target::start(Behaviour::Echo);
        full.reload(&[limited(&full.echo, 1), limited(&other, 1)]);
        is_answered(&waiting[0]);
        is_waiting(&waiting[1]);
        full.reload(&[format!("'{}'", Addr::from(&other))]);
        is_answered(&waiting[1]);
    });
}

#[test]
fn a_lowered_limit_holds_until_sessions_have_ended() {
    with_one_and_two_workers(|workers| {
        let (echo, port) = (Target::start(Behaviour::Echo), Port::v4());
        let config = |most| config(workers, &port, &[limited(&echo, most)], "");
        let operated = Operated::start(config(2));
        let served = [(); 2].map(|()| served_client(&port));
        operated.reload(config(1));
        let waiting = asking_client(&port);
        let [first, second] = served;
        drop(first);
        operated.wait_for_sessions(1);
        is_waiting(&waiting);
        drop(second);
        is_answered(&waiting);
    });
}

#[test]
fn clients_are_reset_if_a_reload_ends_waiting() {
    with_one_and_two_workers(|workers| {
        let (full, served, waiting) = Full::start(workers, &[], "");
        let text = format!("name = 'f'\nto = [{}]\nat_limit = 'refuse'", limited(&full.echo, 1));
        let config = Config::new().process(&format!("workers = {workers}"));
        full.operated.reload(config.forward_with(full.port.addr(), text));
        for client in &waiting {
            let _ = play(client, Script::new().expect_reset());
        }
        ping(&served);
        let records = full.operated.wait_for_records(2);
        let reasons: Vec<_> = records.iter().map(SessionRecord::close_reason).collect();
        assert_eq!(reasons, ["limit/connect/over_limit"; 2]);
    });
}

#[test]
fn backups_serve_them_when_the_full_target_goes_down_or_is_drained() {
    with_one_and_two_workers(|workers| {
        let (spare, port) = (Target::start(Behaviour::Echo), Port::v4());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let to = [limited(listener.local_addr().unwrap(), 1), backup(&spare)];
        let operated = Operated::start(config(workers, &port, &to, CHECKED));
        let _served = asking_client(&port);
        let _session = with_a_byte(&listener);
        let waiting = [(); 2].map(|()| asking_client(&port));
        is_waiting(&waiting[0]);
        drop(listener);
        waiting.iter().for_each(is_answered);
        assert_eq!(sessions(&operated), 3, "the target keeps its session");

        let (full, _served, waiting) = Full::start(workers, &[backup(&spare)], "");
        let drain = format!("/v1/forwards/f/drain?target={}", full.echo.addr());
        full.operated.http.post(&drain).success();
        waiting.iter().for_each(is_answered);
    });
}

#[test]
fn a_target_that_is_up_again_or_resumed_serves_them() {
    with_one_and_two_workers(|workers| {
        let (echo, dead, port) = (Target::start(Behaviour::Echo), Port::v4(), Port::v4());
        let to = [limited(&echo, 1), limited(&dead, 1)];
        let settings = format!("{CHECKED}\npassive = 'off'");
        let operated = Operated::start(config(workers, &port, &to, &settings));
        // A client that had tried it would not try it again.
        wait_until("the target to be down", LIMIT, || state(&operated, 1) == "down");
        let _served = served_client(&port);
        let waiting = [(); 2].map(|()| asking_client(&port));
        is_waiting(&waiting[0]);
        let _back = Target::start_at(Place::At(dead.addr()), Behaviour::Echo);
        is_answered(&waiting[0]);
        is_waiting(&waiting[1]);

        let (echo, spare) = (Target::start(Behaviour::Echo), Target::start(Behaviour::Echo));
        let port = Port::v4();
        let to = [limited(&echo, 1), limited(&spare, 1)];
        let operated = Operated::start(config(workers, &port, &to, ""));
        let target = format!("target={}", spare.addr());
        operated.http.post(&format!("/v1/forwards/f/drain?{target}")).success();
        let (_served, waiting) = (served_client(&port), asking_client(&port));
        is_waiting(&waiting);
        operated.http.post(&format!("/v1/forwards/f/resume?{target}")).success();
        is_answered(&waiting);
    });
}

/// A waiting session cannot take a place in a target that it has tried: the place is for clients in the queue.
#[test]
fn a_target_that_is_up_again_serves_the_queue_beside_a_client_that_it_has_refused() {
    with_one_and_two_workers(|workers| {
        let (echo, back, port) = (Target::start(Behaviour::Echo), Port::v4(), Port::v4());
        let settings = "connect_timeout = '60s'\n\
                        passive = { failures = 1, down = '200ms', down_max = '200ms' }";
        let full = config(workers, &port, &[limited(&echo, 1)], settings);
        let operated = Operated::start(full);
        let served = served_client(&port);
        let to = [limited(&back, 1), limited(&echo, 1)];
        operated.reload(config(workers, &port, &to, settings));
        let refused = asking_client(&port);
        operated.wait_for_message("a target is down after failed connects");
        wait_until("its session", LIMIT, || sessions(&operated) == 2);
        let _back = Target::start_at(Place::At(back.addr()), Behaviour::Echo);
        is_answered(&asking_client(&port));
        is_waiting(&refused);
        drop(served);
        is_answered(&refused);
    });
}

/// No event announces the end of a back-off.
#[test]
fn a_target_whose_back_off_is_over_serves_them() {
    with_one_and_two_workers(|workers| {
        let (dead, echo, port) = (Port::v4(), Target::start(Behaviour::Echo), Port::v4());
        let passive = "passive = { failures = 1, down = '500ms', down_max = '500ms' }";
        let to = [limited(&dead, 5), limited(&echo, 1)];
        let _operated = Operated::start(config(workers, &port, &to, passive));
        let _served = served_client(&port);
        let waiting = asking_client(&port);
        let back = Target::start_at(Place::At(dead.addr()), Behaviour::Echo);
        is_answered(&waiting);
        assert_eq!((back.accepted(), echo.accepted()), (1, 1));
    });
}

#[test]
fn while_no_target_may_serve_clients_are_refused_and_do_not_wait() {
    with_one_and_two_workers(|workers| {
        let (dead, port) = (Port::v4(), Port::v4());
        let settings = format!("none_up = 'refuse'\n{CHECKED}");
        let operated = Operated::start(config(workers, &port, &[limited(&dead, 1)], &settings));
        wait_until("the target to be down", LIMIT, || state(&operated, 0) == "down");
        Peer::connect("client", &port, Script::new().expect_reset()).finish();
        assert_eq!(operated.wait_for_records(1)[0].close_reason(), "target/connect/no_target");
    });
}

/// It was accepted before the others, and gets the place before them.
#[test]
fn a_client_whose_target_fails_waits_for_a_place_in_the_others() {
    with_one_and_two_workers(|workers| {
        let (echo, dead, port) = (Target::start(Behaviour::Echo), Port::v4(), Port::v4());
        let passive = "passive = { failures = 1, down = '1h', down_max = '1h' }";
        let to = [limited(&dead, 1), limited(&echo, 1)];
        let without = [limited(&echo, 1)];
        let operated = Operated::start(config(workers, &port, &without, passive));
        let served = served_client(&port);
        operated.reload(config(workers, &port, &to, passive));
        let first = asking_client(&port);
        operated.wait_for_message("a target is down after failed connects");
        let second = asking_client(&port);
        is_waiting(&second);
        assert_eq!(sessions(&operated), 2, "the first one is a session");
        // The place is for either of them.
        drop(second);
        drop(served);
        is_answered(&first);
        drop(first);
        let is_retried = |record: &SessionRecord| record.json["attempts"] == 2;
        wait_until("its record", LIMIT, || operated.records().iter().any(is_retried));
    });
}

#[test]
fn a_client_that_was_accepted_waits_until_connect_timeout() {
    with_one_and_two_workers(|workers| {
        let (echo, dead, port) = (Target::start(Behaviour::Echo), Port::v4(), Port::v4());
        let settings = "connect_timeout = '300ms'\npassive = 'off'";
        let operated = Operated::start(config(workers, &port, &[limited(&echo, 1)], settings));
        let _served = served_client(&port);
        let to = [limited(&dead, 9), limited(&echo, 1)];
        operated.reload(config(workers, &port, &to, settings));
        Peer::connect("client", &port, Script::new().expect_reset()).finish();
        let record = operated.wait_for_records(1).remove(0);
        assert_eq!(record.close_reason(), "limit/connect/over_limit");
        assert_eq!(record.json["target"], dead.addr().to_string(), "the one that was tried");
        assert!(record.json["duration"].as_f64().unwrap() >= 0.3, "{record:?}");
    });
}

#[test]
fn forwards_with_two_listeners_and_many_clients_lose_none() {
    const CLIENTS: usize = 60;
    for workers in [1, 2] {
        let (targets, ports) =
            ([(); 3].map(|()| Target::start(Behaviour::Echo)), [Port::v4(), Port::v4()]);
        let to: Vec<_> = targets.iter().map(|target| limited(target, 2)).collect();
        let text = format!(
            "[[forward]]\nname = 'f'\nlisten = ['{}', '{}']\nto = [{}]\nat_limit = 'wait'\n",
            ports[0].addr(),
            ports[1].addr(),
            to.join(", ")
        );
        let process = Config::new().process(&format!("workers = {workers}")).text();
        let forwarder = crate::support::forwarder().config(process + &text).start();
        forwarder.ready();
        let client = |at: usize| asking_client(&ports[at % 2]);
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        std::thread::scope(|scope| {
            for client in clients {
                scope.spawn(move || is_answered(&client));
            }
        });
        let records = forwarder.wait_for_records(CLIENTS);
        assert!(records.iter().all(|record| record.close_reason() == "client/relay/fin"));
    }
}
