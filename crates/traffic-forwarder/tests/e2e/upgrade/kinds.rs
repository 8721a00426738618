//! Kinds of sessions, by their activity at the upgrade.

use std::mem;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use testkit::{Place, Script, Socket};

use crate::support::{play, reset, write_until_full};

/// A kind of session: its activity before the upgrades, and after them.
pub(super) struct Kind {
    /// Also its forward's name.
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) before: fn(&mut Ends),
    /// Whether the lanes up and down hold bytes at the upgrade.
    pub(super) holds: [bool; 2],
    /// Ends the session. Returns the bytes that went up and down, besides the opening ones.
    pub(super) after: fn(Ends) -> [u64; 2],
    pub(super) close_reason: &'static str,
}

/// Both outer sockets of a session.
pub(super) struct Ends {
    pub(super) client: Socket,
    pub(super) target: Socket,
    /// Bytes sent up and down and not yet read.
    pub(super) sent: [u64; 2],
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

    fn fill_both(&mut self) {
        self.fill_up();
        self.fill_down();
    }

    fn read_what_was_sent(&self) {
        play(&self.target, Script::new().expecting(UP).read_exactly(self.sent[0]));
        play(&self.client, Script::new().expecting(DOWN).read_exactly(self.sent[1]));
    }

    /// Sends five bytes up and three down.
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

/// A session whose sent bytes are read after the upgrades; from then on it behaves like any other.
const fn unread(name: &'static str, place: Place, before: fn(&mut Ends), holds: [bool; 2]) -> Kind {
    Kind { name, place, before, holds, after: read_talk_and_end, close_reason: "client/relay/fin" }
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "idle",
        place: Place::V4,
        before: |_| (),
        holds: [false, false],
        after: talk_and_end,
        close_reason: "client/relay/fin",
    },
    unread("target-does-not-read", Place::V4, Ends::fill_up, [true, false]),
    unread("client-does-not-read", Place::V6, Ends::fill_down, [false, true]),
    unread("unread", Place::V4, Ends::fill_both, [true, true]),
    unread("Unix-sockets", Place::Unix, Ends::fill_both, [true, true]),
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
            let (placeholder, _) = UnixStream::pair().unwrap();
            reset(mem::replace(&mut ends.client, OwnedFd::from(placeholder).into()));
        },
        holds: [true, false],
        after: |ends| {
            let read = play(&ends.target, Script::new().expecting(UP).read_to_reset());
            [read.received, 0]
        },
        close_reason: "client/relay/reset",
    },
];
