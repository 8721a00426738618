//! Makes scripts out of choices: those of a seed, or of the bytes of a fuzzer.

use super::Script;
use super::addresses::HOSTS;
use super::admit::{self, configuration};
use super::configuration::{AddressKind, Configuration, ENDPOINTS, Endpoint, Forward};
use super::event::{Act, Command, Event, Host, Resolver, Severity};
use super::family::{change_targets, clients, endpoint, endpoint_at, limits, selection, targets};
use super::opening::Opening;
use crate::random::{Bytes, Choices, Random, mix};
use flow::Peer;
use std::time::Duration;

/// Clients in the history of a seed. Half of them become sessions of the engine: the others are refused by a
/// limit, or find no listener.
const SESSIONS: u16 = 180;
/// Most events of a script.
const MOST_EVENTS: usize = 2000;

/// A group of events, with its usual weight among the others.
const GROUPS: [(Group, u32); 18] = [
    (Group::Connect, 10),
    (Group::Exchange, 6),
    (Group::Send, 24),
    (Group::Reading, 8),
    (Group::Fin, 8),
    (Group::Reset, 3),
    (Group::Close, 3),
    (Group::Vanish, 1),
    (Group::Mark, 1),
    (Group::Target, 2),
    (Group::Reload, 2),
    (Group::Drain, 1),
    (Group::Limit, 1),
    (Group::Operate, 2),
    (Group::Upgrade, 2),
    (Group::Kernel, 3),
    (Group::Pass, 8),
    (Group::Settle, 4),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Connect,
    /// A session from its first byte to both of its FINs.
    Exchange,
    Send,
    Reading,
    Fin,
    Reset,
    Close,
    Vanish,
    Mark,
    Target,
    Reload,
    Drain,
    Limit,
    Operate,
    Upgrade,
    Kernel,
    Pass,
    Settle,
}

impl Script {
    /// The history of a seed, with at least [`SESSIONS`] sessions.
    pub fn of_seed(seed: u64) -> Self {
        Choosing::new(Random::new(mix(seed)), seed, SESSIONS).script()
    }

    /// The history that these bytes choose.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let mut bytes = Bytes::new(bytes);
        let seed = bytes.below(u32::MAX);
        Choosing::new(bytes, seed.into(), SESSIONS).script()
    }
}

/// A script in the making, with the weights of event groups and the largest numbers. These differ between
/// histories: rare events meet more often where others are missing.
struct Choosing<C> {
    choices: C,
    weights: [u32; GROUPS.len()],
    /// Most bytes of one write.
    most_bytes: u32,
    /// Longest span that passes, in milliseconds.
    longest: u32,
    /// Events concern one of so many last sessions.
    window: u32,
    /// Forwards may have lists, headers and routes.
    admits: bool,
    most_sessions: u16,
    seed: u64,
    sessions: u16,
    configuration: Configuration,
    events: Vec<Event>,
}

impl<C: Choices> Choosing<C> {
    fn new(mut choices: C, seed: u64, most_sessions: u16) -> Self {
        let weights = GROUPS.map(|(group, weight)| match group {
            Group::Connect => weight,
            _ => weight * choices.pick(&[0, 1, 1, 4]),
        });
        let most_bytes = choices.pick(&[10, 3_000, 3_000, 100_000, 600_000]);
        let longest = choices.pick(&[20, 3_000, 30_000, 7_200_000]);
        let window = choices.pick(&[1, 5, 20]);
        let admits = choices.chance(60);
        let configuration = configuration(&mut choices, admits);
        Self {
            choices,
            weights,
            most_bytes,
            longest,
            window,
            admits,
            most_sessions,
            seed,
            sessions: 0,
            configuration,
            events: Vec::new(),
        }
    }

    fn script(mut self) -> Script {
        let workers = self.choices.pick(&[1, 2, 2, 3]);
        let start = self.configuration.clone();
        while self.sessions < self.most_sessions
            && self.events.len() < MOST_EVENTS
            && !self.choices.is_empty()
        {
            let group = self.group();
            self.add(group);
        }
        Script { seed: self.seed, workers, start, events: self.events }
    }

    fn group(&mut self) -> Group {
        let mut at = self.choices.below(self.weights.iter().sum());
        for ((group, _), weight) in GROUPS.iter().zip(self.weights) {
            if at < weight {
                return *group;
            }
            at -= weight;
        }
        Group::Connect
    }

    fn add(&mut self, group: Group) {
        let event = match group {
            Group::Connect => {
                let connect = self.connect();
                self.events.push(connect);
                return self.open();
            }
            Group::Exchange => return self.exchange(),
            Group::Send => self.act(|it| Act::Send(it.choices.size(it.most_bytes))),
            Group::Reading => self.act(|it| match it.choices.below(4) {
                0 | 1 => Act::Pause,
                2 => Act::Read(it.choices.size(it.most_bytes)),
                _ => Act::Flow,
            }),
            Group::Fin => self.act(|_| Act::Fin),
            Group::Reset => self.act(|_| Act::Reset),
            Group::Close => self.act(|_| Act::Close),
            Group::Vanish => self.act(|_| Act::Vanish),
            Group::Mark => self.act(|_| Act::Mark),
            Group::Target => self.target(),
            Group::Reload => Event::Operate(Command::Reload(self.next_configuration())),
            Group::Drain => {
                let forward = self.forward();
                let resume = self.choices.chance(60);
                Event::Operate(if resume { Command::Resume } else { Command::Drain }(forward))
            }
            Group::Limit => {
                let limit = self.choices.pick(&[1, 3, 10, 30, 1000, 1000]);
                Event::Operate(Command::MaxSessions(limit))
            }
            Group::Operate => Event::Operate(self.command()),
            Group::Upgrade => Event::Operate(match self.choices.below(3) {
                0 => Command::FailUpgrade,
                _ => Command::Upgrade,
            }),
            Group::Kernel => self.kernel(),
            Group::Pass => Event::Pass(self.span()),
            Group::Settle => Event::Settle,
        };
        self.events.push(event);
    }

    fn connect(&mut self) -> Event {
        let endpoint = self.endpoint();
        let is_at = |it: &Endpoint| it.number == endpoint.number;
        let mut forwards = self.configuration.0.iter();
        let forward = forwards.find(|forward| self.admits && forward.listen.iter().any(is_at));
        let opening = forward
            .map_or_else(Opening::default, |forward| admit::opening(forward, &mut self.choices));
        self.sessions += 1;
        Event::Connect(self.sessions - 1, endpoint, opening)
    }

    /// The client of the last event begins: at once, in pieces, later, or never.
    fn open(&mut self) {
        let Some(Event::Connect(session, _, opening)) = self.events.last() else { return };
        let session = *session;
        if *opening == Opening::default() {
            return;
        }
        let acts = admit::acts(&mut self.choices, self.most_bytes);
        for act in acts {
            self.events.push(Event::Act(session, Peer::Client, act));
            if self.choices.chance(20) {
                let between = match self.choices.below(3) {
                    0 => Event::Settle,
                    1 => Event::Pass(self.span()),
                    _ => Event::Pass(Duration::from_millis(self.choices.size(20).into())),
                };
                self.events.push(between);
            }
        }
    }

    /// Mostly where the configuration listens.
    fn endpoint(&mut self) -> Endpoint {
        let all: Vec<Endpoint> =
            self.configuration.0.iter().flat_map(|it| &it.listen).copied().collect();
        if all.is_empty() || self.choices.chance(5) {
            return endpoint(&mut self.choices, ENDPOINTS);
        }
        let listen = self.choices.pick(&all);
        let kind = match listen.kind {
            AddressKind::Any => {
                self.choices.pick(&[AddressKind::V4, AddressKind::V4, AddressKind::V6])
            }
            kind => kind,
        };
        Endpoint { kind, ..listen }
    }

    fn forward(&mut self) -> u8 {
        let names: Vec<u8> = self.configuration.0.iter().map(|forward| forward.name).collect();
        self.choices.pick(&names)
    }

    fn act(&mut self, act: impl FnOnce(&mut Self) -> Act) -> Event {
        if self.sessions == 0 {
            return self.connect();
        }
        let (session, peer) = (self.session(), self.peer());
        Event::Act(session, peer, act(self))
    }

    fn session(&mut self) -> u16 {
        let last = u32::from(self.sessions).saturating_sub(1);
        let back = self.choices.below(self.window.min(last + 1));
        u16::try_from(last - back).unwrap_or(0)
    }

    fn peer(&mut self) -> Peer {
        self.choices.pick(&[Peer::Client, Peer::Target])
    }

    fn exchange(&mut self) {
        let connect = self.connect();
        let session = self.sessions - 1;
        let opens = matches!(&connect, Event::Connect(_, _, it) if *it != Opening::default());
        self.events.push(connect);
        self.events.extend(opens.then_some(Event::Act(session, Peer::Client, Act::Open)));
        for peer in [Peer::Client, Peer::Target] {
            let count = self.choices.size(self.most_bytes);
            self.events.push(Event::Act(session, peer, Act::Send(count)));
        }
        let first = self.peer();
        for peer in [first, first.other()] {
            self.events.push(Event::Act(session, peer, Act::Fin));
        }
    }

    fn target(&mut self) -> Event {
        let state = self.choices.pick(&[
            Host::Up,
            Host::Up,
            Host::NotAccepting,
            Host::Closed,
            Host::Dead,
            Host::Silent,
            Host::Unreachable,
            Host::Crashed,
            Host::Resetting,
        ]);
        let host = self.choices.below(HOSTS.into());
        Event::Target(u8::try_from(host).unwrap_or(0), state)
    }

    fn span(&mut self) -> Duration {
        Duration::from_millis(self.choices.size(self.longest).into())
    }

    fn command(&mut self) -> Command {
        match self.choices.below(16) {
            0..4 => Command::Kill(self.session()),
            4..8 => Command::List,
            8..10 => Command::Tidy(self.choices.chance(50).then(|| self.span())),
            10..12 => Command::Retry,
            12..14 => Command::Try(configuration(&mut self.choices, self.admits)),
            14 => Command::Cut,
            _ if self.choices.chance(20) => Command::Shutdown,
            _ => Command::List,
        }
    }

    fn kernel(&mut self) -> Event {
        match self.choices.below(10) {
            0..4 => Event::Conditions(self.choices.pick(&[
                Severity::Friendly,
                Severity::Rough,
                Severity::Hostile,
                Severity::Mixed,
            ])),
            4 | 5 => Event::Files(Some(self.choices.pick(&[0, 1, 2, 3, 6]))),
            6 | 7 => Event::Files(None),
            _ => Event::Resolver(match self.choices.below(5) {
                0 => Resolver::Prompt,
                1 => Resolver::Late(self.span()),
                2 => Resolver::Empty,
                3 => Resolver::TimesOut,
                _ => Resolver::NoAnswer,
            }),
        }
    }

    /// A changed configuration, or another one.
    fn next_configuration(&mut self) -> Configuration {
        let (forwards, admits) = (&mut self.configuration.0, self.admits);
        let at = self.choices.below(u32::try_from(forwards.len()).unwrap_or(1)) as usize;
        match self.choices.below(if admits { 14 } else { 11 }) {
            11..14 => admit::admit(&mut forwards[at], &mut self.choices),
            9 | 10 => forwards[at].clients = clients(&mut self.choices),
            0 => forwards[at].limits = limits(&mut self.choices),
            1 => forwards[at].to = targets(&mut self.choices),
            2 | 3 => change_targets(&mut forwards[at].to, &mut self.choices),
            4 => forwards[at].selection = selection(&mut self.choices),
            5 if forwards.len() > 1 => _ = forwards.remove(at),
            // Another address at the same port: the two may overlap.
            6 => {
                let number = forwards[at].listen[0].number;
                forwards[at].listen[0] = endpoint_at(&mut self.choices, number);
            }
            _ => self.configuration = configuration(&mut self.choices, admits),
        }
        self.configuration.0.iter_mut().for_each(Forward::agree);
        self.configuration.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_history_with_enough_sessions() {
        assert_eq!(Script::of_seed(7), Script::of_seed(7));
        for seed in 0..200 {
            let script = Script::of_seed(seed);
            let is_connect = |event: &&Event| matches!(event, Event::Connect(..));
            let sessions = script.events.iter().filter(is_connect).count();
            assert!(sessions >= 50, "seed {seed}: {sessions} sessions");
        }
    }

    #[test]
    fn scripts_come_back_from_their_text() {
        for seed in 0..200 {
            let script = Script::of_seed(seed);
            assert_eq!(script.to_string().parse(), Ok(script));
        }
    }

    #[test]
    fn any_bytes_choose_a_script() {
        let mut random = Random::new(1);
        for length in 0..200 {
            #[expect(clippy::cast_possible_truncation, reason = "a byte")]
            let bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
            let script = Script::of_bytes(&bytes);
            assert_eq!(script, Script::of_bytes(&bytes));
            assert!(script.events.len() <= 3 * length + 12);
        }
    }
}
