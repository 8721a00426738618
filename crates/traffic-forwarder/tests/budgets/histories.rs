//! The fixed histories. Each runs twice, with few and with more rounds: the difference excludes
//! startup and shutdown.

use testkit::{Peer, Script, Socket};

use crate::stage::{Session, Stage, idle, receive, send};

/// Sessions in the histories of many sessions.
const BUSY_SESSIONS: u32 = 64;
const IDLE_SESSIONS: u32 = 100;

const MIB: u64 = 1024 * 1024;

/// Traffic for a forwarder with one worker and one forward.
pub(crate) struct History {
    /// Name in the budget file.
    pub(crate) name: &'static str,
    /// Additional settings of the forward.
    pub(crate) settings: &'static str,
    /// Whether the target listens on a Unix socket.
    pub(crate) unix_target: bool,
    /// Whether the log has session records.
    pub(crate) records: bool,
    /// Rounds of the shorter run, and additional rounds of the longer one.
    pub(crate) rounds: u32,
    pub(crate) more: u32,
    /// Operations in one round.
    pub(crate) operations: u32,
    /// Plays this many rounds. Returned sockets stay open until counting ends.
    pub(crate) play: fn(&Stage, u32) -> Vec<Socket>,
}

pub(crate) const ALL: [&History; 9] = [
    &PING_PONG,
    &LOCKSTEP,
    &OPENING,
    &SHORT_SESSION,
    &SHORT_SESSION_WITH_RECORD,
    &BULK_AUTO,
    &BULK_SPLICE,
    &UNIX_BURSTS,
    &IDLE_SECOND,
];

/// Avoids the socket options set once a session is one second old.
const NO_KEEPALIVE: &str = "keepalive = 'off'\n";

const FEW: History = History {
    name: "",
    settings: NO_KEEPALIVE,
    unix_target: false,
    records: false,
    rounds: 50,
    more: 100,
    operations: 1,
    play: |_, _| Vec::new(),
};

pub(crate) const PING_PONG: History = History {
    name: "ping-pong",
    rounds: 200,
    more: 200,
    play: |stage, rounds| {
        let session = stage.session();
        (0..rounds).for_each(|_| session.exchange());
        session.into_sockets().into()
    },
    ..FEW
};

pub(crate) const LOCKSTEP: History = History {
    name: "lockstep",
    rounds: 5,
    more: 10,
    operations: BUSY_SESSIONS,
    play: |stage, rounds| {
        let sessions: Vec<_> = (0..BUSY_SESSIONS).map(|_| stage.session()).collect();
        for _ in 0..rounds {
            let each = |act: fn(&Session)| sessions.iter().for_each(act);
            each(|session| send(&session.client));
            each(|session| receive(&session.target));
            each(|session| send(&session.target));
            each(|session| receive(&session.client));
        }
        sessions.into_iter().flat_map(Session::into_sockets).collect()
    },
    ..FEW
};

pub(crate) const OPENING: History = History {
    name: "opening",
    play: |stage, rounds| {
        let sessions = (0..rounds).map(|_| stage.session_with_message());
        sessions.flat_map(Session::into_sockets).collect()
    },
    ..FEW
};

pub(crate) const SHORT_SESSION: History = History {
    name: "short-session",
    settings: "",
    play: |stage, rounds| {
        for _ in 0..rounds {
            let session = stage.session();
            session.exchange();
            session.end();
        }
        Vec::new()
    },
    ..FEW
};

pub(crate) const SHORT_SESSION_WITH_RECORD: History =
    History { name: "short-session-with-record", records: true, ..SHORT_SESSION };

pub(crate) const BULK_AUTO: History = History {
    name: "bulk-auto",
    rounds: 64,
    more: 64,
    play: |stage, mib| {
        let Session { client, target } = stage.session();
        let bytes = u64::from(mib) * MIB;
        let copy = |socket: &Socket| socket.try_clone().expect("a second handle of a socket");
        let reader = Peer::play("target", copy(&target), Script::new().read_exactly(bytes));
        Peer::play("client", copy(&client), Script::new().write(bytes)).finish();
        reader.finish();
        vec![client, target]
    },
    ..FEW
};

pub(crate) const BULK_SPLICE: History =
    History { name: "bulk-splice", settings: "keepalive = 'off'\npath = 'splice'\n", ..BULK_AUTO };

/// Each burst starts on an idle lane: the previous splice has drained the socket.
pub(crate) const UNIX_BURSTS: History = History {
    name: "unix-bursts",
    unix_target: true,
    rounds: 32,
    more: 64,
    play: |stage, bursts| {
        let session = stage.session();
        for _ in 0..bursts {
            session.burst_down();
            stage.rest();
        }
        session.into_sockets().into()
    },
    ..FEW
};

pub(crate) const IDLE_SECOND: History = History {
    name: "idle-second",
    rounds: 1,
    more: 2,
    play: |stage, seconds| {
        let sessions = (0..IDLE_SESSIONS).map(|_| stage.session_with_message());
        let sockets = sessions.flat_map(Session::into_sockets).collect();
        idle(seconds);
        sockets
    },
    ..FEW
};
