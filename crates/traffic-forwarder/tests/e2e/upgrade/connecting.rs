//! Sessions without a target yet continue to connect.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use testkit::{
    Addr, BlackHole, LIMIT, Listener, Place, Port, Script, Socket, connect, uninterrupted,
    wait_until,
};

use super::upgrading::{old_binary, start};
use crate::support::{LateTarget, Operated, Setup, SlowLookups, on_each_setup, play};

on_each_setup!(
    a_late_target_is_connected,
    a_pending_lookup_is_repeated,
    a_busy_unix_target_is_retried;
    a_silent_target_times_out_as_without_an_upgrade,
);

/// A client that has sent its request and waits for a target.
fn asking(operated: &Operated, port: &Port) -> Socket {
    let client = connect(port).unwrap();
    play(&client, Script::new().write_bytes("question"));
    operated.wait_for_sessions(1);
    assert_eq!(operated.sessions()[0]["phase"], "connect");
    client
}

/// Asserts that the session continues with this target.
fn is_served(operated: &Operated, client: Socket, target: Socket) {
    assert_eq!(play(&target, Script::new().read_exactly(8)).bytes, b"question");
    play(&target, Script::new().write_bytes("answer"));
    assert_eq!(play(&client, Script::new().read_exactly(6)).bytes, b"answer");
    drop(client);
    play(&target, Script::new().expect_eof());
    drop(target);
    let record = operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "client/relay/fin", "{}", record.json);
    assert_eq!((record.id.as_str(), record.bytes_up, record.bytes_down), ("1", 8, 6));
    let pause: f64 =
        super::upgrading::arrivals(operated).iter().map(|it| it["pause"].as_f64().unwrap()).sum();
    let connecting = record.connect_time.unwrap();
    assert!(connecting > Duration::from_secs_f64(pause), "from acceptance on: {}", record.json);
}

fn upgrade_twice(operated: &Operated) {
    for _ in 0..2 {
        assert_eq!(operated.upgrade()["sessions"], 1);
    }
}

fn a_late_target_is_connected(setup: Setup) {
    let (target, port) = (LateTarget::open(), Port::v4());
    let operated = start(setup.config().forward(port.addr(), target.addr(), setup.settings("")));
    let client = asking(&operated, &port);
    upgrade_twice(&operated);
    is_served(&operated, client, target.answer());
}

fn a_pending_lookup_is_repeated(setup: Setup) {
    let (lookups, target, port) = (SlowLookups::new(), Listener::bind(Place::V4), Port::v4());
    let by_name = format!("{}:{}", SlowLookups::NAME, target.addr().tcp().port());
    let config = setup.config().forward(port.addr(), by_name, setup.settings(""));
    let operated = Operated::start_from(lookups.forwarder(old_binary()), config);
    let client = asking(&operated, &port);
    upgrade_twice(&operated);
    lookups.let_go();
    is_served(&operated, client, target.accept());
}

/// A Unix socket whose queue is full.
struct Busy {
    listener: Socket,
    queued: Socket,
}

impl Busy {
    /// The queue has a single place.
    fn open(path: &Path) -> Self {
        let listener = Socket::from(OwnedFd::from(UnixListener::bind(path).unwrap()));
        listener.listen(0).unwrap();
        Self { listener, queued: connect(path.to_owned()).unwrap() }
    }

    /// Accepts the queued connection, then the next one.
    fn make_room(self) -> Socket {
        self.listener.set_read_timeout(Some(LIMIT)).unwrap();
        let accept = || uninterrupted(|| self.listener.accept()).unwrap().0;
        drop((accept(), self.queued));
        accept()
    }
}

fn a_busy_unix_target_is_retried(setup: Setup) {
    let (dir, port) = (TempDir::new().unwrap(), Port::v4());
    let path = dir.path().join("target");
    let busy = Busy::open(&path);
    let config = setup.config().forward(port.addr(), Addr::Unix(path), setup.settings(""));
    let operated = start(config);
    let client = asking(&operated, &port);
    upgrade_twice(&operated);
    is_served(&operated, client, busy.make_room());
}

fn a_silent_target_times_out_as_without_an_upgrade(setup: Setup) {
    const TIMEOUT: Duration = Duration::from_secs(1);
    let (hole, port) = (BlackHole::open(), Port::v4());
    let settings = setup.settings(format!("connect_timeout = '{}s'", TIMEOUT.as_secs()));
    let operated = start(setup.config().forward(port.addr(), hole.addr(), settings));
    let client = asking(&operated, &port);
    // If each upgrade restarted the clock, the timeout would never expire.
    wait_until("the end of its time", LIMIT, || {
        operated.upgrade();
        !operated.records().is_empty()
    });
    play(&client, Script::new().expect_reset());
    let record = operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "limit/connect/connect_timeout", "{}", record.json);
    assert!((TIMEOUT..TIMEOUT * 5).contains(&record.duration), "{}", record.json);
}
