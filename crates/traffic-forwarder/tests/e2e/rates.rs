//! Limits on the bytes per second of a session. The loopback interface sends ten segments of 64 KiB before the kernel
//! begins to pace: times are compared with what is beyond them.

use std::time::{Duration, Instant};

use testkit::{
    Behaviour, End, LIMIT, Listener, Peer, Place, Port, Script, Signal, Socket, Target, Tool,
    connect, wait_until,
};

use crate::support::{
    BINARY, Config, Operated, Session, messages, on_each_path, path_is, ping, play, reset,
    served_client, unacked,
};

on_each_path!(
    each_direction_has_its_rate,
    an_answer_arrives_whole_before_the_fin,
    bytes_before_a_reset_arrive,
    a_shutdown_drains_a_paced_session,
);

const MIB: u64 = 1024 * 1024;

/// What the kernel sends at once.
const UNPACED: u64 = MIB;

fn at_least(bytes: u64, rate: u64) -> Duration {
    Duration::from_millis(1000 * (bytes - UNPACED) / rate)
}

fn each_direction_has_its_rate(path: &str) {
    let rate = "rate = { up = '1MiB/s', down = '2MiB/s' }";
    let Session { forward, client, target } = Session::open(format!("{}{rate}", path_is(path)));
    let play = |name, socket: &Socket, sends, bytes| {
        let script = Script::new().sending(sends).write(bytes).shutdown_write();
        Peer::play(name, socket.try_clone().unwrap(), script)
    };
    let started = Instant::now();
    let reader = |socket: Socket, seed| {
        std::thread::spawn(move || {
            let script = Script::new().expecting(seed).read_to_end();
            (Peer::play("a reader", socket, script).finish().received, started.elapsed())
        })
    };
    let (up, down) = (3 * MIB, 5 * MIB);
    let peers = [play("client", &client, 1, up), play("target", &target, 2, down)];
    let (of_target, of_client) = (reader(target, 1), reader(client, 2));
    let ((got_up, took_up), (got_down, took_down)) =
        (of_target.join().unwrap(), of_client.join().unwrap());
    for peer in peers {
        peer.finish();
    }
    assert_eq!((got_up, got_down), (up, down));
    assert!(took_up >= at_least(up, MIB), "{took_up:?}");
    assert!(took_down >= at_least(down, 2 * MIB), "{took_down:?}");
    let record = forward.record();
    for used in [record.path_up, record.path_down] {
        assert_eq!(used.as_deref(), Some(path));
    }
}

/// The server closes at once, with most of its answer on the way.
fn an_answer_arrives_whole_before_the_fin(path: &str) {
    const ANSWER: u64 = 4 * MIB;
    let (port, settings) = (Port::v6(), format!("{}rate = {{ down = '2MiB/s' }}", path_is(path)));
    for behaviour in [Behaviour::Source(ANSWER), Behaviour::AnswerAtEof(ANSWER)] {
        let target = Target::start_at(Place::V6, behaviour);
        let forwarder = Config::new().forward(port.addr(), target.addr(), &settings).start();
        let started = Instant::now();
        let script = match behaviour {
            Behaviour::Source(_) => Script::new(),
            _ => Script::new().write(100).shutdown_write(),
        };
        let got = Peer::connect("client", &port, script.expecting(0).read_to_end()).finish();
        assert_eq!((got.received, got.read_end), (ANSWER, Some(End::Eof)), "{behaviour:?}");
        assert!(started.elapsed() >= at_least(ANSWER, 2 * MIB), "{:?}", started.elapsed());
        assert_eq!(forwarder.wait_for_records(1)[0].bytes_down, ANSWER);
    }
}

fn bytes_before_a_reset_arrive(path: &str) {
    const SENT: u64 = 3 * MIB;
    let rate = "rate = { down = '2MiB/s' }";
    let Session { forward, client, target } = Session::open(format!("{}{rate}", path_is(path)));
    let sender = Script::new().sending(1).write(SENT);
    let sender = Peer::play("target", target.try_clone().unwrap(), sender);
    // It reads only what the kernel delivers in its own time.
    let reading = Script::new().expecting(1).read_to_reset();
    let client = Peer::play("client", client, reading);
    sender.finish();
    wait_until("a target without unsent bytes", LIMIT, || unacked(&target) == 0);
    reset(target);
    assert_eq!(client.finish().received, SENT);
    assert_eq!(forward.close_reason(), "target/relay/reset");
}

fn a_shutdown_drains_a_paced_session(path: &str) {
    const ANSWER: u64 = 3 * MIB;
    let (port, target) = (Port::v4(), Target::start(Behaviour::Source(ANSWER)));
    let settings = format!("{}rate = {{ down = '1MiB/s' }}", path_is(path));
    let forwarder = Config::new().forward(port.addr(), target.addr(), settings).start();
    let client = connect(&port).unwrap();
    play(&client, Script::new().expecting(0).read_exactly(1));
    forwarder.signal(Signal::TERM);
    play(&client, Script::new().shutdown_write());
    let got = play(&client, Script::new().read_to_end());
    assert_eq!(got.received, ANSWER - 1);
    assert!(forwarder.wait_exit(LIMIT).success());
}

/// The rate that the kernel shows for the socket of the forwarder that is connected to `socket`.
fn rate_towards(socket: &Socket) -> Option<String> {
    let peer = socket.local_addr().unwrap().as_socket().unwrap();
    let shown = Tool::find("ss").run(["-tinH", "dst", &peer.to_string()], LIMIT).text();
    let rate = shown.split_once("pacing_rate ")?.1.split_whitespace().next()?;
    Some(rate.split_once('/')?.1.to_owned())
}

/// The rates towards client and target.
fn rates(client: &Socket, target: &Socket) -> [Option<String>; 2] {
    [client, target].map(rate_towards)
}

fn shown(down: &str, up: &str) -> [Option<String>; 2] {
    [down, up].map(|rate| Some(rate.to_owned()).filter(|rate| !rate.is_empty()))
}

#[test]
fn a_reload_changes_the_rates_of_open_sessions() {
    let (port, listener) = (Port::v4(), Listener::bind(Place::V4));
    let config = |rate: &str| {
        Config::new().process("workers = 2").forward(port.addr(), listener.addr(), rate)
    };
    let operated = Operated::start(config(""));
    let client = connect(&port).unwrap();
    let target = listener.accept();
    let has = |down: &str, up: &str| {
        let expected = shown(down, up);
        wait_until(&format!("{expected:?}"), LIMIT, || rates(&client, &target) == expected);
    };
    has("", "");
    operated.reload(config("rate = { up = '1000000/s', down = '2000000/s' }"));
    has("16000000bps", "8000000bps");
    operated.reload(config("rate = { up = '1000000/s' }"));
    has("", "8000000bps");
    // A trial that is not confirmed.
    operated.write(config("rate = { up = '3000000/s', down = '3000000/s' }"));
    operated.http.post("/v1/reload?confirm=2s").success();
    has("24000000bps", "24000000bps");
    has("", "8000000bps");
    operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
    wait_until("the next image", LIMIT, || !messages(&operated, "upgraded").is_empty());
    has("", "8000000bps");
    operated.reload(config("rate = 'off'"));
    has("", "");
    // At full speed again: the first rate would take a quarter of an hour.
    let bytes = 1024 * MIB;
    let sender = Script::new().sending(1).write(bytes);
    let sender = Peer::play("client", client, sender);
    assert_eq!(play(&target, Script::new().expecting(1).read_exactly(bytes)).received, bytes);
    sender.finish();
}

/// A client that waits in the kernel's queue has been connected under the earlier rules.
#[test]
fn a_client_that_waited_has_the_present_rate() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let config = |rate: &str| {
        let settings = format!("max_sessions = 1\nat_limit = 'wait'\nshare = 'off'\n{rate}");
        Config::new().forward(port.addr(), target.addr(), settings)
    };
    let operated = Operated::start(config("rate = { down = '1000000/s' }"));
    let first = served_client(&port);
    assert_eq!(rate_towards(&first).as_deref(), Some("8000000bps"));
    let second = connect(&port).unwrap();
    operated.reload(config("rate = { up = '1000000/s' }"));
    drop(first);
    ping(&second);
    assert_eq!(rate_towards(&second), None);
}

/// The kernel sends a segment about once a second here, and no byte moves in a lane meanwhile.
#[test]
fn bytes_that_are_paced_out_are_progress() {
    const ANSWER: u64 = 5 * MIB / 4;
    let (port, target) = (Port::v4(), Target::start(Behaviour::Source(ANSWER)));
    let settings = "idle_timeout = '3s'\nhalf_close_timeout = '3s'\nuser_timeout = '500ms'\n\
                    rate = { down = '64KiB/s' }";
    let forwarder = Config::new().forward(port.addr(), target.addr(), settings).start();
    let started = Instant::now();
    let got = Peer::connect("client", &port, Script::new().expecting(0).read_to_end()).finish();
    assert_eq!(got.received, ANSWER);
    let took = started.elapsed();
    assert!(took >= Duration::from_secs(4), "{took:?}");
    assert_eq!(forwarder.wait_for_records(1)[0].bytes_down, ANSWER);
}

/// The bytes under way when the image changes arrive, at the rate that the socket keeps.
#[test]
fn an_upgrade_keeps_a_paced_session() {
    const ANSWER: u64 = 4 * MIB;
    let (port, target) = (Port::v4(), Target::start(Behaviour::Source(ANSWER)));
    let rate = "rate = { down = '1MiB/s' }";
    let operated = Operated::start(Config::new().forward(port.addr(), target.addr(), rate));
    let client = connect(&port).unwrap();
    let started = Instant::now();
    let reading = Script::new().expecting(0).read_to_end();
    let reader = Peer::play("client", client, reading);
    wait_until("bytes", LIMIT, || target.sent() > 0);
    operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
    wait_until("the next image", LIMIT, || !messages(&operated, "upgraded").is_empty());
    assert_eq!(reader.finish().received, ANSWER);
    assert!(started.elapsed() >= at_least(ANSWER, MIB), "{:?}", started.elapsed());
}
