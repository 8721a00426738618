//! Random histories of races: targets with several addresses, each of which connects, refuses or is silent.

use flow::{MOST_ATTEMPTS, Race, RaceStep, Time};
use proptest::prelude::*;
use std::time::Duration;

/// What happens to an attempt at an address.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Connects(u64),
    Refuses(u64),
    Silent,
}

/// A target: the time of its name's look-up in milliseconds, if it has a name, and its addresses.
#[derive(Clone, Debug)]
struct Target {
    lookup: Option<u64>,
    addresses: Vec<Fate>,
}

/// Round, address and end of a running attempt: its time, and whether it connects.
type Running = (usize, usize, Option<(u64, bool)>);

/// A race, and what has happened in it.
struct History<'a> {
    targets: &'a [Target],
    race: Race,
    now: Time,
    /// Targets in the order of their rounds: always the first that was not selected.
    rounds: usize,
    /// The running attempts by their number.
    running: [Option<Running>; MOST_ATTEMPTS],
    lookups: Vec<(u64, usize)>,
    tried: Vec<(usize, usize)>,
}

#[derive(Debug, PartialEq)]
enum End {
    Connected(usize, usize),
    AllFailed,
    TimedOut,
}

const LIMIT_MILLIS: u64 = 10_000;

impl<'a> History<'a> {
    fn new(targets: &'a [Target]) -> Self {
        let until = Time::default().after(Duration::from_millis(LIMIT_MILLIS));
        let mut history = Self {
            targets,
            race: Race::new(Time::default(), until, targets.len()),
            now: Time::default(),
            rounds: 0,
            running: [None; MOST_ATTEMPTS],
            lookups: Vec::new(),
            tried: Vec::new(),
        };
        history.select();
        history
    }

    fn select(&mut self) {
        let Some(target) = self.targets.get(self.rounds) else {
            return self.race.no_more_targets();
        };
        let addresses = target.lookup.is_none().then_some(target.addresses.len());
        let round = self.race.add_target(self.now, addresses, Duration::from_millis(1));
        assert_eq!(round, self.rounds);
        self.lookups.extend(target.lookup.map(|takes| (self.now.as_millis() + takes, round)));
        self.rounds += 1;
    }

    /// The earliest event: its time in milliseconds, and the attempt or the look-up.
    fn next_event(&self) -> Option<(u64, Result<usize, usize>)> {
        let ends = self.running.iter().enumerate();
        let ends = ends.filter_map(|(number, it)| Some(((*it)?.2?.0, Ok(number))));
        let lookups = self.lookups.iter().enumerate().map(|(at, (end, _))| (*end, Err(at)));
        ends.chain(lookups).min_by_key(|(at, _)| *at)
    }

    /// Lets the earliest event happen.
    fn happens(&mut self, event: Result<usize, usize>) -> Option<End> {
        match event {
            Err(lookup) => {
                let (_, round) = self.lookups.remove(lookup);
                self.race.resolved(round, self.targets[round].addresses.len(), self.now);
            }
            Ok(number) => {
                let (round, address, end) = self.running[number].take().expect("it runs");
                assert_eq!(self.race.round_of(number), Some(round));
                if end.expect("it ends").1 {
                    return Some(End::Connected(round, address));
                }
                self.race.failed(number, self.now);
            }
        }
        None
    }

    fn play(&mut self) -> End {
        for _ in 0..10_000 {
            match self.race.next(self.now) {
                RaceStep::Attempt { round, address, attempt } => {
                    assert!(self.running[attempt].is_none(), "a number in use");
                    assert!(!self.tried.contains(&(round, address)), "tried twice");
                    self.tried.push((round, address));
                    let now = self.now.as_millis();
                    let end = match self.targets[round].addresses[address] {
                        Fate::Connects(after) => Some((now + after, true)),
                        Fate::Refuses(after) => Some((now + after, false)),
                        Fate::Silent => None,
                    };
                    self.running[attempt] = Some((round, address, end));
                }
                RaceStep::Abandon(number) => {
                    assert!(self.running.iter().all(Option::is_some), "there was a free place");
                    self.running[number] = None;
                    self.race.failed(number, self.now);
                }
                RaceStep::Select => self.select(),
                RaceStep::AllFailed => return End::AllFailed,
                RaceStep::TimedOut => return End::TimedOut,
                RaceStep::Wait(until) => {
                    assert!(until > self.now && until <= self.race.until());
                    let event = self.next_event().filter(|(at, _)| *at <= until.as_millis());
                    let Some((at, event)) = event else {
                        self.now = until;
                        continue;
                    };
                    self.now = self.now.max(Time::from_micros(at * 1000));
                    if let Some(end) = self.happens(event) {
                        return end;
                    }
                }
            }
        }
        panic!("no end after 10,000 steps");
    }

    fn all_were_tried(&self) -> bool {
        let all = self.targets.iter().enumerate().flat_map(|(number, target)| {
            (0..target.addresses.len()).map(move |address| (number, address))
        });
        all.into_iter().all(|pair| self.tried.contains(&pair))
    }
}

fn fate() -> impl Strategy<Value = Fate> {
    let millis = prop_oneof![Just(0u64), 1u64..50, 50u64..3_000];
    prop_oneof![
        1 => millis.clone().prop_map(Fate::Connects),
        3 => millis.prop_map(Fate::Refuses),
        2 => Just(Fate::Silent),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    let lookup = prop::option::of(0u64..500);
    let addresses = prop::collection::vec(fate(), 1..6);
    (lookup, addresses).prop_map(|(lookup, addresses)| Target { lookup, addresses })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    /// Every race ends in time, and not before every address of every target was tried.
    #[test]
    fn a_race_tries_everything_within_its_time(targets in prop::collection::vec(target(), 1..12)) {
        let mut history = History::new(&targets);
        let end = history.play();
        prop_assert!(history.now <= history.race.until());
        match end {
            End::Connected(..) => {}
            End::AllFailed => prop_assert!(history.all_were_tried(), "{:?}", history.tried),
            End::TimedOut => {
                prop_assert_eq!(history.now, history.race.until());
                prop_assert!(history.all_were_tried(), "{:?}", history.tried);
            }
        }
    }

    /// One address works, and the others are silent or refuse: it is found, wherever it is.
    #[test]
    fn the_only_address_that_works_is_found(
        mut targets in prop::collection::vec(target(), 1..10),
        at in any::<prop::sample::Index>(),
    ) {
        for fate in targets.iter_mut().flat_map(|target| &mut target.addresses) {
            if let Fate::Connects(_) = fate {
                *fate = Fate::Silent;
            }
        }
        let number = at.index(targets.len());
        let address = at.index(targets[number].addresses.len());
        targets[number].addresses[address] = Fate::Connects(20);
        let mut history = History::new(&targets);
        prop_assert_eq!(history.play(), End::Connected(number, address));
    }
}
