//! The attempts of one session to connect: at several addresses of a target (RFC 8305), and at several
//! targets. The first that connects wins, and the others are closed.
//!
//! A target whose attempts have all failed, or that is silent for longer than usual, is followed by the
//! next target of the set. Nothing is remembered from one session to the next: a failure never makes an
//! address unreachable that works again.

use crate::Time;
use std::time::Duration;

/// Most attempts of one session at a time. With 250 ms between two of them, each has two seconds before
/// it gives its place to another: enough for one lost SYN, which is sent again after one second (RFC 6298).
pub const MOST_ATTEMPTS: usize = 8;

/// The wait for an address before the next one is tried beside it ("Connection Attempt Delay" of RFC 8305).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// The wait for a target before the next one is tried beside it: so many times its usual connect time, at
/// least the second number.
const USUAL_TIMES: u32 = 4;
const USUAL_LEAST: Duration = Duration::from_secs(1);
/// The least wait for a target, however many share the time; half of that time if it is shorter.
const LEAST_WAIT: Duration = Duration::from_millis(250);

/// The attempts of one session.
#[derive(Clone, Debug)]
pub struct Race {
    until: Time,
    /// The part of the whole time for each target.
    share: Duration,
    least_wait: Duration,
    /// The set has several targets.
    has_several: bool,
    /// The set may have a target that was not tried.
    has_more_targets: bool,
    /// The last selection found no target, and a round has failed since: another one may be free now.
    selects_again: bool,
    /// The targets that are left are full: when to ask for one again.
    retry_at: Option<Time>,
    rounds: Vec<Round>,
    /// By number; a number is free after its attempt has failed.
    attempts: [Option<Attempt>; MOST_ATTEMPTS],
}

/// The attempts at one target.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// `None` while the target's name is not resolved.
    addresses: Option<u16>,
    tried: u16,
    running: u8,
    /// When the next address is due, if there is one.
    next_at: Time,
    /// When the next target is tried beside this one.
    silent_at: Time,
    /// The next target was asked for.
    is_followed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    round: usize,
    started: Time,
}

/// What a session does next to get connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RaceStep {
    /// Connect to an address of the target of a round. `attempt` identifies the attempt while it runs.
    Attempt {
        /// The number of the round.
        round: usize,
        /// The position of the address.
        address: usize,
        /// The number of the attempt, below [`MOST_ATTEMPTS`].
        attempt: usize,
    },
    /// Close this attempt, and report it as failed: others need its place.
    Abandon(usize),
    /// Select a target that this session has not tried: [`Race::add_target`], or
    /// [`Race::no_more_targets`].
    Select,
    /// Nothing until an event or this time.
    Wait(Time),
    /// Everything has failed.
    AllFailed,
    /// The time is up.
    TimedOut,
}

impl Race {
    /// A race that ends by `until`, in a set of so many targets.
    pub fn new(now: Time, until: Time, targets: usize) -> Self {
        let whole = until.since(now);
        let share = whole / u32::try_from(targets).unwrap_or(u32::MAX).max(1);
        Self {
            until,
            share,
            least_wait: LEAST_WAIT.min(whole / 2),
            has_several: targets > 1,
            has_more_targets: targets > 1,
            selects_again: false,
            retry_at: None,
            rounds: Vec::new(),
            attempts: [None; MOST_ATTEMPTS],
        }
    }

    /// The end of all attempts.
    pub fn until(&self) -> Time {
        self.until
    }

    /// Adds the selected target, with its number of addresses (`None` until its name is resolved) and its
    /// usual connect time. Returns the number of its round: 0, 1 ...
    pub fn add_target(&mut self, now: Time, addresses: Option<usize>, usual: Duration) -> usize {
        self.retry_at = None;
        let wait = (usual * USUAL_TIMES).max(USUAL_LEAST).min(self.share).max(self.least_wait);
        self.rounds.push(Round {
            addresses: addresses.map(clamp),
            tried: 0,
            running: 0,
            next_at: now,
            silent_at: now.after(wait),
            is_followed: false,
        });
        self.rounds.len() - 1
    }

    /// The set has no target for this session. It is asked again when a round has failed: a target may have
    /// room again, or be up, by then.
    pub fn no_more_targets(&mut self) {
        (self.has_more_targets, self.retry_at) = (false, None);
    }

    /// The targets that are left are full: the race asks again at `at`, or when [`Race::retry_place`].
    pub fn wait_for_place(&mut self, at: Time) {
        (self.has_more_targets, self.retry_at) = (false, Some(at));
    }

    /// One of the targets that were full may have a place.
    pub fn retry_place(&mut self, now: Time) {
        self.retry_at = self.retry_at.map(|_| now);
    }

    /// Whether it waits for a place in a target, and for nothing else.
    pub fn is_waiting_for_place(&self) -> bool {
        self.retry_at.is_some() && self.rounds.iter().all(Round::is_over)
    }

    /// A round may have failed.
    fn check_round(&mut self, round: usize) {
        if !self.has_more_targets && self.has_several && self.is_over(round) {
            self.has_more_targets = true;
            self.selects_again = true;
        }
    }

    /// The name of a round's target was resolved, to so many addresses; 0 if that failed.
    pub fn resolved(&mut self, round: usize, addresses: usize, now: Time) {
        let unresolved = self.rounds.get_mut(round).filter(|round| round.addresses.is_none());
        if let Some(resolved) = unresolved {
            resolved.addresses = Some(clamp(addresses));
            resolved.next_at = now;
            self.check_round(round);
        }
    }

    /// An attempt has failed: the next address or target is due at once.
    pub fn failed(&mut self, attempt: usize, now: Time) {
        let number = self.round_of(attempt);
        if let Some(round) = self.end(attempt) {
            round.next_at = round.next_at.min(now);
        }
        if let Some(number) = number {
            self.check_round(number);
        }
    }

    /// The address of this attempt is busy: it is due again at `at`.
    pub fn busy(&mut self, attempt: usize, at: Time) {
        if let Some(round) = self.end(attempt) {
            round.tried = round.tried.saturating_sub(1);
            round.next_at = at;
        }
    }

    fn end(&mut self, attempt: usize) -> Option<&mut Round> {
        let ended = self.attempts.get_mut(attempt)?.take()?;
        let round = self.rounds.get_mut(ended.round)?;
        round.running = round.running.saturating_sub(1);
        Some(round)
    }

    /// The round of a running attempt.
    pub fn round_of(&self, attempt: usize) -> Option<usize> {
        Some((*self.attempts.get(attempt)?)?.round)
    }

    /// Whether all attempts of a round have failed.
    pub fn is_over(&self, round: usize) -> bool {
        self.rounds.get(round).is_none_or(Round::is_over)
    }

    /// The next step. The engine carries out each before it asks for another.
    pub fn next(&mut self, now: Time) -> RaceStep {
        if now >= self.until {
            return RaceStep::TimedOut;
        }
        if let Some(round) = self.rounds.iter().position(|round| round.is_due(now)) {
            return self.attempt(round, now);
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            (self.retry_at, self.has_more_targets, self.selects_again) = (None, true, true);
        }
        let is_silent = |round: &Round| round.is_over() || round.silent_at <= now;
        let mut rounds = self.rounds.iter_mut();
        let asking = rounds.find(|round| !round.is_followed && is_silent(round));
        if self.has_more_targets && (asking.is_some() || self.selects_again) {
            if let Some(round) = asking {
                round.is_followed = true;
            }
            self.selects_again = false;
            return RaceStep::Select;
        }
        if self.retry_at.is_none() && self.rounds.iter().all(Round::is_over) {
            return RaceStep::AllFailed;
        }
        let times = self.rounds.iter().map(|round| round.wakes_at(self.has_more_targets));
        let times = times.chain(self.retry_at);
        RaceStep::Wait(times.fold(self.until, Time::min))
    }

    /// Starts an attempt at the next address of a round.
    fn attempt(&mut self, number: usize, now: Time) -> RaceStep {
        let Some(free) = self.attempts.iter().position(Option::is_none) else {
            return RaceStep::Abandon(self.oldest());
        };
        let left = self.until.since(now);
        let round = &mut self.rounds[number];
        let address = usize::from(round.tried);
        round.tried += 1;
        round.running += 1;
        // Many addresses share the time: each is tried before it is up.
        round.next_at = now.after(NEXT_ADDRESS.min(left / (u32::from(round.untried()) + 1)));
        self.attempts[free] = Some(Attempt { round: number, started: now });
        RaceStep::Attempt { round: number, address, attempt: free }
    }

    fn oldest(&self) -> usize {
        let started = |attempt: &Option<Attempt>| attempt.map_or(Time::NEVER, |it| it.started);
        let numbered = self.attempts.iter().map(started).enumerate();
        numbered.min_by_key(|(_, started)| *started).map_or(0, |(number, _)| number)
    }
}

impl Round {
    /// Number of addresses that were not tried yet.
    fn untried(&self) -> u16 {
        self.addresses.unwrap_or(0).saturating_sub(self.tried)
    }

    fn is_due(&self, now: Time) -> bool {
        self.untried() > 0 && self.next_at <= now
    }

    fn is_over(&self) -> bool {
        self.addresses.is_some() && self.untried() == 0 && self.running == 0
    }

    /// When the round has something to do without an event.
    fn wakes_at(&self, has_more_targets: bool) -> Time {
        let address = if self.untried() > 0 { self.next_at } else { Time::NEVER };
        let target =
            if has_more_targets && !self.is_followed { self.silent_at } else { Time::NEVER };
        address.min(target)
    }
}

/// Ignores addresses from the 65,536th on: the time is up long before their turn.
fn clamp(addresses: usize) -> u16 {
    u16::try_from(addresses).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
