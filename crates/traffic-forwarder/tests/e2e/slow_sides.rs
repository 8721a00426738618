//! The slow side: the time in which bytes waited for a peer, the target's first byte and the verdict, while a session
//! lives and in its record.

use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{
    LIMIT, Listener, Peer, Place, Port, Script, SessionRecord, Socket, connect, wait_until,
};

use crate::support::{
    BINARY, Config, Operated, messages, on_each_path, path_is, play, write_until_full,
};

on_each_path!(
    a_target_that_stood_still_is_named,
    a_client_that_stood_still_is_named,
    a_target_behind_a_unix_socket_is_named,
    a_rate_is_no_slow_client,
    a_slow_client_is_named_under_a_rate_too,
);

const SECOND: Duration = Duration::from_secs(1);
const MIB: u64 = 1024 * 1024;

/// A session with the sockets at its ends.
struct Stage {
    operated: Operated,
    port: Port,
    listener: Listener,
    client: Socket,
    target: Socket,
    begun: Instant,
}

impl Stage {
    fn open(settings: &str) -> Self {
        Self::open_at(Place::V4, settings)
    }

    fn open_at(place: Place, settings: &str) -> Self {
        let (port, listener) = (Port::v4(), Listener::bind(place));
        let operated =
            Operated::start(Config::new().forward(port.addr(), listener.addr(), settings));
        let begun = Instant::now();
        let client = connect(&port).unwrap();
        let target = listener.accept();
        Self { operated, port, listener, client, target, begun }
    }

    fn session(&self) -> Value {
        self.operated.sessions().remove(0)
    }

    /// Waits until the bytes of a lane have waited for this long.
    fn wait_for_stall(&self, lane: &str, least: Duration) {
        wait_until(&format!("{lane} to be stalled"), LIMIT, || {
            self.session()[lane]["stalled"].as_f64().unwrap() >= least.as_secs_f64()
        });
    }

    fn wait_for_verdict(&self, verdict: &str) -> Value {
        wait_until(verdict, LIMIT, || self.session()["verdict"] == verdict);
        self.session()
    }

    fn record(&self) -> SessionRecord {
        self.operated.wait_for_records(1).remove(0)
    }

    /// The metric of stalled time of the lanes up and down.
    fn counted(&self) -> [Duration; 2] {
        let metrics = self.operated.http.get("/metrics").success().body;
        ["up", "down"].map(|lane| {
            let label = format!("lane=\"{lane}\"}} ");
            let of_lane = |line: &&str| {
                line.starts_with("traffic_forwarder_stalled_seconds_total") && line.contains(&label)
            };
            let line = metrics.lines().find(of_lane).unwrap();
            Duration::from_secs_f64(line.rsplit_once(' ').unwrap().1.parse().unwrap())
        })
    }
}

/// The sender fills all buffers, the receiver rests for two seconds, and reads then.
fn stand_still(place: Place, path: &str, of_target: bool) {
    let stage = Stage::open_at(place, path_is(path).as_str());
    let Stage { client, target, .. } = &stage;
    let (sender, receiver) = if of_target { (client, target) } else { (target, client) };
    let (slow, lane) = if of_target { ("target-slow", "up") } else { ("client-slow", "down") };
    let written = write_until_full(sender, 1);
    stage.wait_for_verdict(slow);
    stage.wait_for_stall(lane, 2 * SECOND);
    play(receiver, Script::new().expecting(1).read_exactly(written));
    let stalled = stage.begun.elapsed();
    wait_until("bytes that do not wait", LIMIT, || stage.session()["verdict"] != slow);
    for socket in [sender, receiver] {
        play(socket, Script::new().shutdown_write());
    }
    let record = stage.record();
    let (of_lane, of_other) = match lane {
        "up" => (record.stalled_up, record.stalled_down),
        _ => (record.stalled_down, record.stalled_up),
    };
    assert!(
        (2 * SECOND..stalled).contains(&of_lane),
        "{of_lane:?} of {stalled:?}: {}",
        record.json
    );
    assert_eq!(of_other, Duration::ZERO, "{}", record.json);
    assert_eq!(record.verdict, slow, "{}", record.json);
    assert_eq!(stage.counted(), [record.stalled_up, record.stalled_down]);
    let first_byte = record.first_byte;
    assert_eq!(first_byte.is_some(), !of_target, "{}", record.json);
    let connected = record.connect_time.unwrap();
    assert!(first_byte.is_none_or(|it| it >= connected && it < SECOND), "{}", record.json);
}

fn a_target_that_stood_still_is_named(path: &str) {
    stand_still(Place::V4, path, true);
}

fn a_client_that_stood_still_is_named(path: &str) {
    stand_still(Place::V6, path, false);
}

fn a_target_behind_a_unix_socket_is_named(path: &str) {
    stand_still(Place::Unix, path, true);
}

#[test]
fn a_stall_goes_on_over_an_upgrade_and_a_reload_and_ends_with_a_kill() {
    let stage = Stage::open("");
    let Stage { operated, port, listener, client, begun, .. } = &stage;
    write_until_full(client, 1);
    stage.wait_for_stall("up", SECOND);
    operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
    wait_until("the next image", LIMIT, || !messages(operated, "upgraded").is_empty());
    operated.reload(Config::new().forward(port.addr(), listener.addr(), "max_age = '1h'"));
    stage.wait_for_stall("up", 2 * SECOND);
    let id = stage.session()["id"].as_u64().unwrap();
    operated.http.delete(&format!("/v1/sessions/{id}")).success();
    let record = stage.record();
    assert!((2 * SECOND..begun.elapsed()).contains(&record.stalled_up), "{}", record.json);
    assert_eq!((record.verdict.as_str(), record.first_byte), ("target-slow", None));
    let counted = stage.counted();
    assert_eq!(counted[0], record.stalled_up);
    operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
    wait_until("the image after it", LIMIT, || messages(operated, "upgraded").len() == 2);
    assert_eq!(stage.counted(), counted);
}

/// The peers keep up with the rate: only the rate is slow.
fn a_rate_is_no_slow_client(path: &str) {
    const BYTES: u64 = 4 * MIB;
    // Otherwise the kernel takes all of them at once.
    let settings = format!("{}rate = {{ down = '1MiB/s' }}\nsend_buffer = '64KiB'", path_is(path));
    let stage = Stage::open(&settings);
    let Stage { client, target, .. } = &stage;
    let sending = Script::new().sending(1).write(BYTES).shutdown_write();
    let sender = Peer::play("target", target.try_clone().unwrap(), sending);
    let reading = Script::new().expecting(1).read_to_end();
    let reader = Peer::play("client", client.try_clone().unwrap(), reading);
    let session = stage.wait_for_verdict("rate-limited");
    assert_eq!(session["down"]["rate_limit"], MIB, "{session}");
    assert_eq!(session["up"]["rate_limit"], Value::Null, "{session}");
    wait_until("three seconds of its rate", LIMIT, || {
        stage.session()["down"]["bytes"].as_u64().unwrap() >= 3 * MIB
    });
    let session = stage.session();
    let stalled = session["down"]["stalled"].as_f64().unwrap();
    assert!(stalled < SECOND.as_secs_f64() / 2.0, "as in the record: {session}");
    assert_eq!(reader.finish().received, BYTES);
    sender.finish();
    play(client, Script::new().shutdown_write());
    let record = stage.record();
    assert_eq!(record.verdict, "rate-limited", "{}", record.json);
    assert!(record.stalled_down < SECOND / 2, "{}", record.json);
}

fn a_slow_client_is_named_under_a_rate_too(path: &str) {
    let stage = Stage::open(&format!("{}rate = {{ down = '64MiB/s' }}", path_is(path)));
    write_until_full(&stage.target, 1);
    stage.wait_for_verdict("client-slow");
    stage.wait_for_stall("down", SECOND);
    let id = stage.session()["id"].as_u64().unwrap();
    stage.operated.http.delete(&format!("/v1/sessions/{id}")).success();
    let record = stage.record();
    assert_eq!(record.verdict, "client-slow", "{}", record.json);
    assert!(record.stalled_down >= SECOND / 2, "{}", record.json);
}

#[test]
fn a_client_that_left_a_silent_target_is_shown_with_the_time_that_is_left() {
    let stage = Stage::open("half_close_timeout = '5s'");
    let Stage { client, target, .. } = &stage;
    play(client, Script::new().write_bytes("?").shutdown_write());
    play(target, Script::new().read_exactly(1).expect_eof());
    let session = stage.wait_for_verdict("client-closed");
    assert_eq!(session["half_closed"]["by"], "client", "{session}");
    let left = session["half_closed"]["left"].as_f64().unwrap();
    assert!((0.0..=5.0).contains(&left), "{session}");
    // The client has got all of the FIN that there is: the target decides when the other one comes.
    play(client, Script::new().expect_reset());
    let record = stage.record();
    assert_eq!(record.close_reason(), "limit/relay/half_close_timeout");
    assert_eq!((record.verdict.as_str(), record.first_byte), ("client-closed", None));
}

#[test]
fn a_session_without_a_connection_says_what_it_waits_for() {
    let stage = Stage::open("");
    play(&stage.client, Script::new().shutdown_write());
    play(&stage.target, Script::new().shutdown_write());
    assert_eq!(stage.record().verdict, "ok");
    let port = Port::v4();
    let route = "route = [{ sni = 'a.test', to = '127.0.0.1:9' }]\nhello_timeout = '1h'";
    let config = Config::new().forward(port.addr(), stage.listener.addr(), route);
    let operated = Operated::start(config);
    let _client = connect(&port).unwrap();
    let session = operated.wait_for_sessions(1).remove(0);
    assert_eq!((&session["verdict"], &session["phase"]), (&"greeting".into(), &"greet".into()));
}
