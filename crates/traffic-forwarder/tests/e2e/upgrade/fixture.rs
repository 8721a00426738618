//! A process with sessions, to be upgraded with a changed state.

use serde_json::Value;
use testkit::{Behaviour, LIMIT, Listener, Place, Port, Script, Signal, Socket, Target, connect};

use super::state::upgrade_with;
use super::upgrading::start;
use crate::support::{Config, Operated, ping, play, served_client, write_until_full};

const UNREADABLE: &str = "the image before has left something that cannot be read";

/// Three sessions: an idle one, one with bytes in a pipe, and one with bytes in memory.
pub(super) struct Fixture {
    pub(super) operated: Operated,
    _echo: Target,
    port: Port,
    idle: Socket,
    full: [(Socket, Socket, u64); 2],
}

pub(super) const IDLE: &str = "idle";
pub(super) const PATHS: [&str; 2] = ["splice", "copy"];

impl Fixture {
    /// All sessions are with one worker.
    pub(super) fn new() -> Self {
        let (echo, port) = (Target::start(Behaviour::Echo), Port::v4());
        let mut config = Config::new().process("workers = 1");
        config = config.forward(port.addr(), echo.addr(), format!("name = '{IDLE}'"));
        let listeners = PATHS.map(|path| (path, Port::v4(), Listener::bind(Place::V4)));
        for (path, port, listener) in &listeners {
            let settings = format!("name = '{path}'\npath = '{path}'");
            config = config.forward(port.addr(), listener.addr(), settings);
        }
        let operated = start(config);
        let idle = served_client(&port);
        let full = listeners.map(|(_, port, listener)| {
            let (client, target) = (connect(&port).unwrap(), listener.accept());
            let sent = write_until_full(&client, 1);
            (client, target, sent)
        });
        operated.wait_for_sessions(3);
        Self { operated, _echo: echo, port, idle, full }
    }

    /// Upgrades with this state in place of the original. Clients that connect meanwhile are
    /// served.
    pub(super) fn upgrade_with(&self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Value {
        let mut waiting = None;
        let arrival = upgrade_with(&self.operated, change, || {
            waiting = Some(connect(&self.port).unwrap());
        });
        ping(&waiting.unwrap());
        served_client(&self.port);
        // Without the two clients, which may still be closing.
        let restored = arrival["sessions"].as_u64().unwrap().try_into().unwrap();
        self.operated.wait_for_sessions(restored);
        arrival
    }

    pub(super) fn idle_continues(&self) {
        ping(&self.idle);
    }

    pub(super) fn idle_is_reset(&self) {
        play(&self.idle, Script::new().expect_reset());
    }

    /// Asserts that every byte arrives, and later ones too.
    pub(super) fn full_continues(&self, at: usize) {
        let (client, target, sent) = &self.full[at];
        play(target, Script::new().expecting(1).read_exactly(*sent).write_bytes("!"));
        play(client, Script::new().read_exactly(1));
    }

    /// Asserts that the session ends with an RST, never with a FIN.
    pub(super) fn full_is_reset(&self, at: usize) {
        let (client, target, sent) = &self.full[at];
        let read = play(target, Script::new().expecting(1).read_to_reset());
        assert!(read.received < *sent, "held bytes are lost");
        play(client, Script::new().expect_reset());
    }

    pub(super) fn all_continue(&self) {
        self.idle_continues();
        (0..PATHS.len()).for_each(|at| self.full_continues(at));
    }

    pub(super) fn all_are_reset(&self) {
        self.idle_is_reset();
        (0..PATHS.len()).for_each(|at| self.full_is_reset(at));
    }

    /// Asserts that each forward's opened sessions are the closed plus the open ones, and that
    /// `expected` of all were lost.
    pub(super) fn assert_lost(&self, expected: u64) {
        let mut lost = 0;
        let forwards = self.operated.http.json("/v1/forwards");
        for forward in forwards["forwards"].as_array().unwrap() {
            let closed = forward["closed"].as_object().unwrap();
            let count = |count: &Value| count.as_u64().unwrap();
            let all: u64 = closed.values().map(count).sum();
            assert_eq!(forward["opened"], all + count(&forward["sessions"]), "{forward}");
            let is_lost = |(reason, _): &(&String, &Value)| reason.ends_with("/lost");
            lost += closed.iter().filter(is_lost).map(|(_, number)| count(number)).sum::<u64>();
        }
        assert_eq!(lost, expected, "{forwards}");
    }

    /// Asserts that the log has these words, that another upgrade succeeds, and that the process
    /// exits normally.
    pub(super) fn assert_recovers(self, words: Option<&str>) {
        let warnings = || {
            let lines = self.operated.stderr();
            lines.into_iter().filter(|line| line.contains(UNREADABLE)).collect::<Vec<_>>()
        };
        assert_eq!(warnings().len(), usize::from(words.is_some()), "{:?}", warnings());
        assert!(words.is_none_or(|words| warnings()[0].contains(words)), "{:?}", warnings());
        let before = self.operated.status()["sessions"].clone();
        assert_eq!(self.operated.upgrade()["sessions"], before);
        ids_are_unique(&self.operated);
        let Self { operated, idle, full, .. } = self;
        drop((idle, full));
        operated.signal(Signal::INT);
        operated.wait_for_message("draining");
        operated.signal(Signal::INT);
        assert_eq!(operated.wait_exit(LIMIT).code(), Some(0));
    }
}

fn ids_are_unique(operated: &Operated) {
    let open = operated.sessions();
    let open = open.iter().map(|row| row["id"].to_string());
    let mut ids: Vec<_> = operated.records().into_iter().map(|it| it.id).chain(open).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "a number is given once");
}
