//! A session written down as numbers, and taken up again by another process, perhaps of another
//! version of this program.
//!
//! Each part has more places than it needs. What a later version adds takes the next free one of its
//! part; a place that the writer did not have leaves the reader's default. A place never changes its
//! meaning, and so do the positions in the lists of words below.

mod tape;

use crate::close::{By, Cause, CloseReason, Failure, Phase};
use crate::lane::{Lane, LaneState};
use crate::path::{Fallback, Path, PathChoice};
use crate::side::{End, Side};
use crate::silence::{Silence, Unacked};
use crate::{Attempts, Direction, Session, Stage, Time};
use std::num::NonZeroU32;
use std::time::Duration;
use tape::{Tape, read, write};

/// Places of each part.
const SESSION: usize = 24;
const LANE: usize = 12;
const SIDE: usize = 10;
const ALL: usize = SESSION + 2 * LANE + 2 * SIDE;

// Positions in these lists are the format: new words come at the end.
const BY: &[By] = &[By::Client, By::Target, By::Limit, By::Operator, By::Shutdown, By::Resource];
const PHASES: &[Phase] = &[Phase::Admit, Phase::Connect, Phase::Relay, Phase::Drain];
const CAUSES: &[Cause] = &[
    Cause::Fin,
    Cause::Reset,
    Cause::TimedOut,
    Cause::IoError,
    Cause::Refused,
    Cause::Unreachable,
    Cause::Loop,
    Cause::Denied,
    Cause::NameError,
    Cause::ConnectTimeout,
    Cause::IdleTimeout,
    Cause::HalfCloseTimeout,
    Cause::MaxAge,
    Cause::Killed,
    Cause::Drained,
    Cause::OverLimit,
    Cause::NoFiles,
    Cause::NoPorts,
    Cause::NoMemory,
    Cause::Lost,
];
const FALLBACKS: &[Fallback] =
    &[Fallback::None, Fallback::SmallMessages, Fallback::NoPipe, Fallback::Unsupported];
const LANE_STATES: &[LaneState] = &[
    LaneState::Open,
    LaneState::Ending,
    LaneState::Breaking,
    LaneState::Finished,
    LaneState::Broken,
];
const PATHS: &[Path] = &[Path::Copy, Path::Splice];
const CHOICES: &[PathChoice] = &[PathChoice::Auto, PathChoice::Copy, PathChoice::Splice];
const ENDS: &[Option<End>] = &[None, Some(End::Client), Some(End::Target)];
/// Why short reads of a socket prove nothing: a mark is queued, reads stop early.
const READ_STOPS: &[(bool, bool)] = &[(false, false), (true, false), (false, true), (true, true)];
const DIRECTIONS: &[Direction] = &Direction::BOTH;
/// The stages, by what else belongs to them.
const CONNECTING: u64 = 0;
const RELAYING: u64 = 1;
const FLUSHING: u64 = 2;

impl Session {
    /// All there is to know of it.
    pub fn to_numbers(&self) -> Vec<u64> {
        write(*self, session)
    }

    /// The reverse of [`Session::to_numbers`]. `None` if these cannot be the numbers of a session.
    pub fn from_numbers(numbers: &[u64]) -> Option<Self> {
        let blank = Self::new(Time::default(), PathChoice::Auto, Time::NEVER);
        let session = read(numbers, blank, session)?;
        let sound = |lane: &Lane| lane.received() >= lane.sent();
        (sound(&session.up) && sound(&session.down)).then_some(session)
    }
}

impl Attempts {
    /// How far they have come.
    pub fn to_numbers(&self) -> Vec<u64> {
        write(*self, attempts)
    }

    /// The reverse of [`Attempts::to_numbers`].
    pub fn from_numbers(numbers: &[u64]) -> Option<Self> {
        read(numbers, Self::new(Time::default(), Duration::ZERO, 0), attempts)
    }
}

impl Failure {
    /// What happened.
    pub fn to_numbers(self) -> Vec<u64> {
        write(self, failure)
    }

    /// The reverse of [`Failure::to_numbers`].
    pub fn from_numbers(numbers: &[u64]) -> Option<Self> {
        read(numbers, UNKNOWN, failure)
    }
}

/// What stands for a failure that this version has no word for.
const UNKNOWN: Failure = Failure { cause: Cause::IoError, errno: None, fin_unknown: false };

fn session(tape: &mut Tape<'_>, session: &mut Session) {
    tape.part(SESSION, |tape| {
        stage(tape, &mut session.stage);
        tape.time(&mut session.accepted);
        let mut micros = session.connect_micros.map_or(0, NonZeroU32::get);
        tape.small(&mut micros);
        session.connect_micros = NonZeroU32::new(micros);
        silence(tape, &mut session.silence);
        tape.word(&mut session.first_fin, ENDS);
        tape.word(&mut session.first_failure, ENDS);
        tape.word(&mut session.first, DIRECTIONS);
        // Whether the session drained, in versions that stored it.
        tape.flag(&mut false);
    });
    tape.part(LANE, |tape| lane(tape, &mut session.up));
    tape.part(LANE, |tape| lane(tape, &mut session.down));
    tape.part(SIDE, |tape| side(tape, &mut session.client));
    tape.part(SIDE, |tape| side(tape, &mut session.target));
}

/// Eight places, whichever stage it is.
fn stage(tape: &mut Tape<'_>, stage: &mut Stage) {
    let mut kind = CONNECTING;
    let mut until = Time::NEVER;
    let mut reason = CloseReason::new(By::Client, Phase::Relay, Cause::IoError);
    let (mut unacked, mut looks) = (0, 0);
    match *stage {
        Stage::Connecting { attempt_until } => until = attempt_until,
        Stage::Relaying => kind = RELAYING,
        Stage::Flushing { reason: why, look_again, unacked: bytes, looks: times } => {
            kind = FLUSHING;
            (reason, until, unacked, looks) = (why, look_again, bytes, times);
        }
    }
    tape.number(&mut kind);
    tape.time(&mut until);
    tape.word(&mut reason.by, BY);
    tape.word(&mut reason.phase, PHASES);
    tape.word(&mut reason.cause, CAUSES);
    tape.errno(&mut reason.errno);
    tape.small(&mut unacked);
    tape.small(&mut looks);
    match kind {
        CONNECTING => *stage = Stage::Connecting { attempt_until: until },
        RELAYING => *stage = Stage::Relaying,
        FLUSHING => *stage = Stage::Flushing { reason, look_again: until, unacked, looks },
        _ => tape.refuse(),
    }
}

fn silence(tape: &mut Tape<'_>, silence: &mut Silence) {
    tape.time(&mut silence.last_byte);
    tape.time(&mut silence.last_ack);
    let Unacked { client, target } = &mut silence.unacked;
    tape.small(client);
    tape.small(target);
}

fn lane(tape: &mut Tape<'_>, lane: &mut Lane) {
    tape.number(&mut lane.received);
    tape.number(&mut lane.sent);
    tape.word(&mut lane.state, LANE_STATES);
    tape.word(&mut lane.choice, CHOICES);
    tape.word(&mut lane.path, PATHS);
    tape.small(&mut lane.streak);
    tape.flag(&mut lane.used.copy);
    tape.flag(&mut lane.used.splice);
    tape.word(&mut lane.fallback, FALLBACKS);
    tape.small(&mut lane.pace);
}

fn side(tape: &mut Tape<'_>, side: &mut Side) {
    tape.flag(&mut side.readable);
    tape.flag(&mut side.writable);
    // One flag for both reasons, as older versions have it.
    let mut distrusts_short_reads = side.has_mark || side.reads_stop_early;
    tape.flag(&mut distrusts_short_reads);
    let mut broken = side.failure.is_some();
    tape.flag(&mut broken);
    let mut what = side.failure.unwrap_or(UNKNOWN);
    failure(tape, &mut what);
    side.failure = broken.then_some(what);
    let mut reasons = (side.has_mark, side.reads_stop_early);
    tape.word(&mut reasons, READ_STOPS);
    // Without a reason the flag comes from an older version. Either may be true, and assuming both
    // costs no more than system calls.
    let unexplained = distrusts_short_reads && reasons == (false, false);
    (side.has_mark, side.reads_stop_early) = if unexplained { (true, true) } else { reasons };
}

fn failure(tape: &mut Tape<'_>, failure: &mut Failure) {
    tape.word(&mut failure.cause, CAUSES);
    tape.errno(&mut failure.errno);
    tape.flag(&mut failure.fin_unknown);
}

fn attempts(tape: &mut Tape<'_>, attempts: &mut Attempts) {
    tape.time(&mut attempts.until);
    tape.small(&mut attempts.tried);
    tape.small(&mut attempts.addresses);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FLUSH_LIMIT, Readiness};
    use std::num::NonZeroU16;

    /// A session of which as much as possible is not what a new one has.
    fn eventful() -> Session {
        let time = |seconds: u64| Time::from_micros(seconds * 1_000_000);
        let failure =
            Failure { cause: Cause::Reset, errno: NonZeroU16::new(104), fin_unknown: true };
        let mut session = Session::new(time(1), PathChoice::Splice, time(2));
        session.connected(time(3));
        session.learn(End::Client, Readiness { readable: true, writable: false, mark: true });
        session.filled(Direction::Up, 70_000, time(4));
        session.sent(Direction::Up, 1234, time(5));
        session.fall_back(Direction::Down, Fallback::NoPipe);
        session.copied(Direction::Down, 3, 10, time(6));
        session.write_would_block(Direction::Down);
        session.end_of_stream(Direction::Up, || None);
        session.broke(End::Target, failure);
        session
    }

    #[test]
    fn what_was_written_is_what_is_read() {
        let session = eventful();
        let numbers = session.to_numbers();
        assert_eq!(numbers.len(), ALL);
        let again = Session::from_numbers(&numbers).expect("sound");
        assert_eq!(format!("{again:?}"), format!("{session:?}"));

        let mut flushing = session;
        let reason = CloseReason::new(By::Target, Phase::Drain, Cause::TimedOut);
        let look_again = Time::default().after(FLUSH_LIMIT);
        flushing.stage = Stage::Flushing { reason, look_again, unacked: 7, looks: 3 };
        let again = Session::from_numbers(&flushing.to_numbers()).expect("sound");
        assert_eq!(format!("{again:?}"), format!("{flushing:?}"));
    }

    #[test]
    fn what_an_older_version_did_not_write_has_its_default_and_what_a_newer_adds_is_skipped() {
        let numbers = eventful().to_numbers();
        for length in 0..numbers.len() {
            let _ = Session::from_numbers(&numbers[..length]);
        }
        let more = [&numbers[..], &[7; 40]].concat();
        assert!(Session::from_numbers(&more).is_some());
        let attempts = Attempts::new(Time::from_micros(5), Duration::from_secs(3), 4);
        assert_eq!(Attempts::from_numbers(&attempts.to_numbers()), Some(attempts));
        assert_eq!(Failure::from_numbers(&[999, 5]).map(|it| it.cause), Some(Cause::IoError));
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        let good = eventful().to_numbers();
        let spoilt = |place: usize, number| {
            let mut numbers = good.clone();
            numbers[place] = number;
            Session::from_numbers(&numbers)
        };
        assert!(spoilt(0, 77).is_none(), "a stage that there is not");
        assert!(spoilt(SESSION, 1).is_none(), "less received than sent");
        assert!(spoilt(7, u64::MAX).is_none(), "more looks than fit");
    }

    #[test]
    fn both_reasons_to_distrust_short_reads_are_kept_and_an_older_flag_means_both() {
        const FLAG: usize = SESSION + 2 * LANE + 2;
        const REASONS: usize = SESSION + 2 * LANE + 7;
        for reasons in READ_STOPS {
            let mut session = Session::new(Time::default(), PathChoice::Auto, Time::NEVER);
            (session.client.has_mark, session.client.reads_stop_early) = *reasons;
            let mut numbers = session.to_numbers();
            let read = |numbers: &[u64]| {
                let client = Session::from_numbers(numbers).expect("sound").client;
                (client.has_mark, client.reads_stop_early)
            };
            assert_eq!(read(&numbers), *reasons);
            let eager = reasons.0 || reasons.1;
            assert_eq!(numbers[FLAG], u64::from(eager), "older versions read this");
            numbers[REASONS] = 0;
            assert_eq!(read(&numbers), (eager, eager), "older versions leave the place empty");
        }
    }

    #[test]
    fn every_word_has_a_position() {
        assert!(By::ALL.iter().all(|word| BY.contains(word)));
        assert!(Phase::ALL.iter().all(|word| PHASES.contains(word)));
        assert!(Cause::ALL.iter().all(|word| CAUSES.contains(word)));
        assert!(Fallback::ALL.iter().all(|word| FALLBACKS.contains(word)));
        assert_eq!(CAUSES.len(), Cause::ALL.len());
    }
}
