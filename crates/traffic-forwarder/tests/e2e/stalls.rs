//! A session whose bytes wait for a peer that takes none is cut by `stall_timeout`; one whose peer is slow is not.

use std::time::{Duration, Instant};

use testkit::{LIMIT, Listener, Peer, Place, Port, Script, Socket, connect, wait_until};

use crate::support::{
    BINARY, Config, Operated, QUIET, Session, messages, on_each_path, path_is, play,
    write_until_full,
};

on_each_path!(
    a_target_that_stops_reading_is_cut,
    a_client_that_stops_reading_is_cut,
    a_slow_reader_is_not_cut,
    a_target_behind_a_unix_socket_is_cut,
);

const SECOND: Duration = Duration::from_secs(1);

/// The sender fills every buffer on the way, and the receiver never reads.
fn stop_reading(path: &str, of_target: bool) {
    let session = Session::open(format!("{}stall_timeout = '1s'", path_is(path)));
    let Session { client, target, .. } = &session;
    let (sender, receiver) = if of_target { (client, target) } else { (target, client) };
    write_until_full(sender, 1);
    play(sender, Script::new().expect_reset());
    // Its kernel may still have bytes in front of the RST.
    play(receiver, Script::new().read_to_reset());
    let record = session.forward.record();
    assert_eq!(record.close_reason(), "limit/relay/stalled");
    assert!((SECOND..6 * SECOND).contains(&record.duration), "{}", record.json);
}

fn a_target_that_stops_reading_is_cut(path: &str) {
    stop_reading(path, true);
}

fn a_client_that_stops_reading_is_cut(path: &str) {
    stop_reading(path, false);
}

/// Its kernel takes the bytes: a third of a send buffer must be free before the forwarder sees that.
fn a_slow_reader_is_not_cut(path: &str) {
    const CHUNK: usize = 64 * 1024;
    const BYTES: u64 = 32 * 1024 * 1024;
    let Session { forward, client, target } =
        Session::open(format!("{}stall_timeout = '1s'", path_is(path)));
    let sending = Script::new().sending(1).write(BYTES).shutdown_write();
    let sender = Peer::play("client", client.try_clone().unwrap(), sending);
    let slowly = Script::new().expecting(1).read_slowly(CHUNK, 20, QUIET).read_to_end();
    assert_eq!(play(&target, slowly).received, BYTES);
    sender.finish();
    drop(target);
    play(&client, Script::new().expect_eof());
    assert_eq!(forward.close_reason(), "client/relay/fin");
}

fn a_target_behind_a_unix_socket_is_cut(path: &str) {
    let (port, listener) = (Port::v6(), Listener::bind(Place::Unix));
    let settings = format!("{}stall_timeout = '1s'", path_is(path));
    let forwarder = Config::new().forward(port.addr(), listener.addr(), settings).start();
    let client = connect(&port).unwrap();
    let target = listener.accept();
    write_until_full(&client, 1);
    play(&client, Script::new().expect_reset());
    play(&target, Script::new().drain());
    assert_eq!(forwarder.wait_for_records(1)[0].close_reason(), "limit/relay/stalled");
}

/// A session whose target reads nothing, with all buffers full.
fn stalled(settings: &str) -> (Operated, Port, Listener, Socket, Socket) {
    let (port, listener) = (Port::v4(), Listener::bind(Place::V4));
    let config = Config::new().forward(port.addr(), listener.addr(), settings);
    let operated = Operated::start(config);
    let client = connect(&port).unwrap();
    let target = listener.accept();
    write_until_full(&client, 1);
    (operated, port, listener, client, target)
}

#[test]
fn a_reload_cuts_sessions_that_are_stalled_already() {
    let (operated, port, listener, client, _target) = stalled("");
    operated.reload(Config::new().forward(port.addr(), listener.addr(), "stall_timeout = '8s'"));
    // It is looked at every second, and the first look finds nothing to compare with.
    play(&client, Script::new().expect_silence(4 * SECOND));
    let reloaded = Instant::now();
    operated.reload(Config::new().forward(
        port.addr(),
        listener.addr(),
        "stall_timeout = '2500ms'",
    ));
    play(&client, Script::new().expect_reset());
    assert!(reloaded.elapsed() < 2 * SECOND, "the clock began anew: {:?}", reloaded.elapsed());
    assert_eq!(operated.wait_for_records(1)[0].close_reason(), "limit/relay/stalled");
}

#[test]
fn the_time_before_an_upgrade_counts() {
    let begun = Instant::now();
    let (operated, .., client, _target) = stalled("stall_timeout = '6s'");
    play(&client, Script::new().expect_silence(3 * SECOND));
    operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
    wait_until("the next image", LIMIT, || !messages(&operated, "upgraded").is_empty());
    let upgraded = begun.elapsed();
    play(&client, Script::new().expect_reset());
    let record = operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "limit/relay/stalled");
    let took = begun.elapsed();
    assert!((6 * SECOND..upgraded + 5 * SECOND).contains(&took), "{took:?}: {}", record.json);
}
