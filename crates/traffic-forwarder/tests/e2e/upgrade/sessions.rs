//! Established sessions, whatever they are just doing, go on: each ends afterwards as it would have
//! without the upgrade, and its record is that of one session.

use std::mem;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;
use testkit::{
    Addr, LIMIT, Listener, Place, Port, Script, SessionRecord, Socket, connect, wait_until,
};

use super::becoming::start;
use crate::support::{OPENING, Operated, Setup, on_each_setup, play, reset, write_until_full};

on_each_setup!(sessions_of_every_kind_go_on);

/// A kind of session: what is done before the upgrades, and what after them.
struct Kind {
    /// Also its forward's name.
    name: &'static str,
    place: Place,
    before: fn(&mut Ends),
    /// Whether the lanes up and down hold bytes then.
    holds: [bool; 2],
    /// Ends the session. Returns how many bytes went up and down, besides the opening ones.
    after: fn(Ends) -> [u64; 2],
    close_reason: &'static str,
}

/// Both outer sockets of a session.
struct Ends {
    client: Socket,
    target: Socket,
    /// What was sent up and down without being read.
    sent: [u64; 2],
}

/// Seeds of the streams up and down.
const UP: u64 = 1;
const DOWN: u64 = 2;

impl Ends {
    fn fill_up(&mut self) {
        self.sent[0] = write_until_full(&self.client, UP);
    }

    fn fill_down(&mut self) {
        self.sent[1] = write_until_full(&self.target, DOWN);
    }

    fn read_what_was_sent(&self) {
        play(&self.target, Script::new().expecting(UP).read_exactly(self.sent[0]));
        play(&self.client, Script::new().expecting(DOWN).read_exactly(self.sent[1]));
    }

    /// Five bytes up and three down.
    fn talk(&self) {
        play(&self.client, Script::new().write_bytes("hello"));
        assert_eq!(play(&self.target, Script::new().read_exactly(5)).bytes, b"hello");
        play(&self.target, Script::new().write_bytes("hi!"));
        assert_eq!(play(&self.client, Script::new().read_exactly(3)).bytes, b"hi!");
    }

    fn end_by_client(self) {
        drop(self.client);
        play(&self.target, Script::new().expect_eof());
    }
}

fn talk_and_end(ends: Ends) -> [u64; 2] {
    ends.talk();
    ends.end_by_client();
    [5, 3]
}

fn read_talk_and_end(ends: Ends) -> [u64; 2] {
    ends.read_what_was_sent();
    let sent = ends.sent;
    let talked = talk_and_end(ends);
    [sent[0] + talked[0], sent[1] + talked[1]]
}

const KINDS: &[Kind] = &[
    Kind {
        name: "idle",
        place: Place::V4,
        before: |_| (),
        holds: [false, false],
        after: talk_and_end,
        close_reason: "client/relay/fin",
    },
    Kind {
        name: "target-does-not-read",
        place: Place::V4,
        before: Ends::fill_up,
        holds: [true, false],
        after: read_talk_and_end,
        close_reason: "client/relay/fin",
    },
    Kind {
        name: "client-does-not-read",
        place: Place::V6,
        before: Ends::fill_down,
        holds: [false, true],
        after: read_talk_and_end,
        close_reason: "client/relay/fin",
    },
    Kind {
        name: "nobody-reads",
        place: Place::V4,
        before: |ends| {
            ends.fill_up();
            ends.fill_down();
        },
        holds: [true, true],
        after: read_talk_and_end,
        close_reason: "client/relay/fin",
    },
    Kind {
        name: "Unix-sockets",
        place: Place::Unix,
        before: |ends| {
            ends.fill_up();
            ends.fill_down();
        },
        holds: [true, true],
        after: read_talk_and_end,
        close_reason: "client/relay/fin",
    },
    Kind {
        name: "half-closed-by-the-client",
        place: Place::V4,
        before: |ends| {
            play(&ends.client, Script::new().shutdown_write());
            play(&ends.target, Script::new().expect_eof());
        },
        holds: [false, false],
        after: |ends| {
            play(&ends.target, Script::new().sending(DOWN).write_with_fin(100_000));
            play(&ends.client, Script::new().expecting(DOWN).read_to_end());
            [0, 100_000]
        },
        close_reason: "client/relay/fin",
    },
    Kind {
        name: "half-closed-by-the-target",
        place: Place::Unix,
        before: |ends| {
            play(&ends.target, Script::new().shutdown_write());
            play(&ends.client, Script::new().expect_eof());
        },
        holds: [false, false],
        after: |ends| {
            play(&ends.client, Script::new().sending(UP).write(100_000));
            play(&ends.target, Script::new().expecting(UP).read_exactly(100_000));
            ends.end_by_client();
            [100_000, 0]
        },
        close_reason: "target/relay/fin",
    },
    Kind {
        name: "ended-and-not-all-read",
        place: Place::V4,
        before: |ends| {
            ends.fill_up();
            play(&ends.client, Script::new().shutdown_write());
        },
        holds: [true, false],
        after: |ends| {
            let read = Script::new().expecting(UP).read_exactly(ends.sent[0]).expect_eof();
            play(&ends.target, read.write_bytes("thanks").shutdown_write());
            play(&ends.client, Script::new().read_exactly(6).expect_eof());
            [ends.sent[0], 6]
        },
        close_reason: "client/relay/fin",
    },
    Kind {
        name: "reset-and-not-all-read",
        place: Place::V4,
        before: |ends| {
            ends.fill_up();
            let (nobody, _) = UnixStream::pair().unwrap();
            reset(mem::replace(&mut ends.client, OwnedFd::from(nobody).into()));
        },
        holds: [true, false],
        after: |ends| {
            let read = play(&ends.target, Script::new().expecting(UP).read_to_reset());
            [read.received, 0]
        },
        close_reason: "client/relay/reset",
    },
];

fn sessions_of_every_kind_go_on(setup: Setup) {
    let listeners: Vec<_> = KINDS.iter().map(|kind| Listener::bind(kind.place)).collect();
    let dir = tempfile::TempDir::new().unwrap();
    let ports: Vec<_> = KINDS.iter().map(|_| Port::v4()).collect();
    let listen = |at: usize| match KINDS[at].place {
        Place::Unix => Addr::Unix(dir.path().join(at.to_string())),
        _ => Addr::Tcp(ports[at].addr()),
    };
    let mut config = setup.config();
    for (at, (kind, listener)) in KINDS.iter().zip(&listeners).enumerate() {
        let settings = setup.settings(format!("name = '{}'\n", kind.name));
        config = config.forward(listen(at), listener.addr(), settings);
    }
    let operated = start(config);
    let begin = |(at, listener): (usize, &Listener)| {
        let client = connect(listen(at)).unwrap();
        let target = listener.accept();
        play(&client, Script::new().write_bytes("?"));
        play(&target, Script::new().read_exactly(1).write_bytes("!"));
        play(&client, Script::new().read_exactly(1));
        let mut ends = Ends { client, target, sent: [0; 2] };
        (KINDS[at].before)(&mut ends);
        ends
    };
    let sessions: Vec<_> = listeners.iter().enumerate().map(begin).collect();
    wait_until("what each lane holds", LIMIT, || {
        KINDS.iter().all(|kind| held(&row(&operated, kind)).map(|held| held > 0) == kind.holds)
    });
    let before: Vec<_> = KINDS.iter().map(|kind| row(&operated, kind)).collect();
    for _ in 0..2 {
        let arrival = operated.upgrade();
        assert_eq!(arrival["sessions"], KINDS.len(), "{arrival}");
        assert_eq!(arrival["lost"], 0, "{arrival}");
    }
    for (kind, before) in KINDS.iter().zip(&before) {
        is_the_same(&row(&operated, kind), before);
    }
    let moved: Vec<_> = KINDS.iter().zip(sessions).map(|(kind, ends)| (kind.after)(ends)).collect();
    let records = operated.wait_for_records(KINDS.len());
    for ((kind, before), moved) in KINDS.iter().zip(&before).zip(moved) {
        let record = records.iter().find(|record| record.forward == kind.name).unwrap();
        is_the_record(record, kind, before, moved, setup);
    }
}

/// The session as it is listed.
#[track_caller]
fn row(operated: &Operated, kind: &Kind) -> Value {
    let all = operated.sessions();
    all.into_iter().find(|row| row["forward"] == kind.name).unwrap()
}

fn held(row: &Value) -> [u64; 2] {
    ["up", "down"].map(|lane| row[lane]["held"].as_u64().unwrap())
}

#[track_caller]
fn is_the_same(after: &Value, before: &Value) {
    for field in ["id", "client", "listener", "target_address", "connect_time", "phase"] {
        assert_eq!(after[field], before[field], "{field}: {after}");
    }
    assert_eq!(held(after), held(before), "{after}");
    for lane in ["up", "down"] {
        for field in ["bytes", "path", "fallback", "ended"] {
            assert_eq!(after[lane][field], before[lane][field], "{lane} {field}: {after}");
        }
    }
}

#[track_caller]
fn is_the_record(
    record: &SessionRecord,
    kind: &Kind,
    before: &Value,
    [up, down]: [u64; 2],
    setup: Setup,
) {
    let text = &record.json;
    assert_eq!(record.close_reason(), kind.close_reason, "{text}");
    assert_eq!(record.id, before["id"].to_string(), "{text}");
    assert_eq!([record.bytes_up, record.bytes_down], [OPENING + up, OPENING + down], "{text}");
    assert!(record.duration > Duration::from_secs_f64(before["age"].as_f64().unwrap()), "{text}");
    let connected = before["connect_time"].as_f64().unwrap();
    assert_eq!(record.connect_time, Some(Duration::from_secs_f64(connected)), "{text}");
    // Unix sockets take small messages by copy, whatever the path.
    assert!(record.path_up.as_deref().unwrap().ends_with(setup.path), "{text}");
}
