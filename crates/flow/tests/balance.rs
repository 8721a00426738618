//! Selection over a long time: processes that know only their own sessions, sessions of which few last
//! long, and targets that restart.

#![expect(clippy::cast_precision_loss, reason = "the numbers are small")]

use flow::{Candidate, Candidates, Choice, Level, NoneUp, Turns};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const PROCESSES: usize = 4;
const TARGETS: usize = 10;
const SESSIONS: u32 = 60_000;
/// New sessions a second, in all processes together.
const RATE: f64 = 200.0;

/// Random numbers by xorshift.
struct Random(u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// In (0, 1].
    fn part(&mut self) -> f64 {
        ((self.number() >> 40) as f64 + 1.0) / (1u64 << 24) as f64
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.number() >> 33) as usize % limit
    }
}

/// The open sessions of all processes.
struct Fleet {
    random: Random,
    numbers: Vec<u64>,
    levels: Box<[Level]>,
    /// By process and target.
    open: [[u32; TARGETS]; PROCESSES],
    /// End (the bits of a positive number are in its order), process, target, and restarts of the target at the begin.
    ends: BinaryHeap<Reverse<(u64, usize, usize, u32)>>,
    restarts: [u32; TARGETS],
    now: f64,
}

impl Fleet {
    fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            numbers: numbers(TARGETS),
            levels: one_level(TARGETS),
            open: [[0; TARGETS]; PROCESSES],
            ends: BinaryHeap::new(),
            restarts: [0; TARGETS],
            now: 0.0,
        }
    }

    /// A new session of a random process by `choice`. Returns the target.
    fn session(&mut self, choice: impl FnOnce(u64, usize) -> Choice<'static>) -> usize {
        self.now -= self.random.part().ln() / RATE;
        self.end_due();
        let process = self.random.below(PROCESSES);
        let choice = choice(self.random.number(), process);
        let at = |target| candidate(self.open[process][target]);
        let set = Candidates { numbers: &self.numbers, levels: &self.levels, at, heaviest: 1 };
        let target = flow::select(&set, choice, NoneUp::Try).expect("all are up");
        self.open[process][target] += 1;
        // A Pareto distribution: most sessions last some seconds, a few an hour.
        let lasts = (4.0 * self.random.part().powf(-1.0 / 1.3)).min(3600.0);
        let end = (self.now + lasts).to_bits();
        self.ends.push(Reverse((end, process, target, self.restarts[target])));
        target
    }

    fn end_due(&mut self) {
        while let Some(&Reverse((end, process, target, restarts))) = self.ends.peek() {
            if f64::from_bits(end) > self.now {
                break;
            }
            self.ends.pop();
            if self.restarts[target] == restarts {
                self.open[process][target] -= 1;
            }
        }
    }

    fn restart(&mut self, target: usize) {
        self.restarts[target] += 1;
        self.open.iter_mut().for_each(|open| open[target] = 0);
    }

    /// Sessions of the fullest target, divided by the mean.
    fn fullest(&self) -> f64 {
        let of = |target| self.open.iter().map(|open| open[target]).sum::<u32>();
        let all: Vec<u32> = (0..TARGETS).map(of).collect();
        let mean = f64::from(all.iter().sum::<u32>()) / TARGETS as f64;
        f64::from(all.into_iter().max().unwrap_or(0)) / mean
    }
}

fn candidate(sessions: u32) -> Candidate {
    Candidate { is_up: true, free: 1, is_tried: false, level: 0, weight: 1, sessions }
}

fn numbers(count: usize) -> Vec<u64> {
    (0..count).map(|target| flow::target_number(&format!("10.0.0.{target}:80"))).collect()
}

fn one_level(count: usize) -> Box<[Level]> {
    flow::levels(std::iter::repeat_n(0, count))
}

#[test]
fn least_keeps_the_targets_of_several_processes_even() {
    for seed in 1..=4 {
        let mut fleet = Fleet::new(seed);
        let (mut sum, mut samples) = (0.0, 0.0);
        for session in 0..SESSIONS {
            fleet.session(|random, _| Choice::Least(random));
            if session > SESSIONS / 4 && session % 200 == 0 {
                sum += fleet.fullest();
                samples += 1.0;
            }
        }
        let fullest = sum / samples;
        assert!(fullest <= 1.15, "seed {seed}: the fullest target has {fullest} times the mean");
    }
}

#[test]
fn least_gives_a_restarted_target_at_most_twice_its_part() {
    for seed in 1..=4 {
        let mut fleet = Fleet::new(seed);
        for _ in 0..SESSIONS / 2 {
            fleet.session(|random, _| Choice::Least(random));
        }
        fleet.restart(0);
        let sessions = 2_000;
        let its = |_: &u32| fleet.session(|random, _| Choice::Least(random)) == 0;
        let its = (0..sessions).filter(its).count();
        // Twice the part, and three standard deviations of the draws.
        assert!(its <= 400 + 54, "seed {seed}: {its} of {sessions}");
        assert!(its >= 200, "seed {seed}: {its} of {sessions}");
    }
}

#[test]
fn source_sends_a_client_to_its_target_and_moves_only_those_of_a_removed_one() {
    let number = |client: u32| flow::client_number(std::net::Ipv4Addr::from_bits(client).into());
    let (numbers, levels) = (numbers(100), one_level(100));
    let select = |client, removed| {
        let at = |target| Candidate { is_up: Some(target) != removed, ..candidate(0) };
        let set = Candidates { numbers: &numbers, levels: &levels, at, heaviest: 1 };
        flow::select(&set, Choice::Source(number(client)), NoneUp::Refuse).expect("99 are up")
    };
    let mut moved = 0u32;
    for client in (0..20_000u32).map(|number| number.wrapping_mul(0x9e37_79b1)) {
        let (before, after) = (select(client, None), select(client, Some(42)));
        assert_eq!(before == after, before != 42);
        moved += u32::from(before == 42);
    }
    assert!((140..=260).contains(&moved), "{moved} of 20,000 clients moved; expected 1 in 100");
}

#[test]
fn turns_follow_the_weights_in_every_window() {
    let weights = [5u32, 3, 1, 1];
    let total: u32 = weights.iter().sum();
    let (mut turns, levels) = (Turns::default(), one_level(4));
    let mut counts = [0u32; 4];
    for turn in 1..=1_000 {
        let at = |target: usize| Candidate { weight: weights[target], ..candidate(0) };
        let set = Candidates { numbers: &[0; 4], levels: &levels, at, heaviest: 5 };
        let target = flow::select(&set, Choice::RoundRobin(&mut turns), NoneUp::Try);
        counts[target.expect("all are up")] += 1;
        for (count, weight) in counts.iter().zip(weights) {
            let due = f64::from(turn * weight) / f64::from(total);
            assert!((f64::from(*count) - due).abs() <= 1.0, "turn {turn}: {counts:?}");
        }
    }
}
