//! A session as numbers, for an upgrade: written by one process image and read by the next, which may
//! be another version of this program.
//!
//! Each part has more places than it needs. An addition takes the next free place of its part; a place
//! that the writer did not have leaves the reader's default. A place never changes its meaning, nor
//! does a position in the lists of words below.

mod codec;

use crate::close::reason::{By, Cause, CloseReason, Phase, SocketFailure};
use crate::direction::{Direction, Peer};
use crate::idle_clock::{IdleClock, Unacked};
use crate::relay::lane::{Lane, LaneState};
use crate::relay::path::{Fallback, Path, PathChoice};
use crate::relay::socket_state::SocketState;
use crate::stall::stamp;
use crate::time::ShortSpan;
use crate::{Race, Session, Stage, Time};
use codec::{Codec, read, write};

/// Places of each part.
const SESSION: usize = 24;
const LANE: usize = 12;
const SOCKET: usize = 10;
const ALL: usize = SESSION + 2 * LANE + 2 * SOCKET;

// Positions in these lists are the format: new words come at the end.
const BY: &[By] = &[By::Client, By::Target, By::Limit, By::Operator, By::Shutdown, By::Resource];
const PHASES: &[Phase] = &[Phase::Admit, Phase::Connect, Phase::Relay, Phase::Drain, Phase::Greet];
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
    Cause::NameTimeout,
    Cause::NoTarget,
    Cause::TargetDown,
    Cause::NotAllowed,
    Cause::BadHeader,
    Cause::HeaderTimeout,
    Cause::HelloTimeout,
    Cause::NoRoute,
    Cause::ClientLimit,
    Cause::RateLimit,
    Cause::Stalled,
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
const PEERS: &[Option<Peer>] = &[None, Some(Peer::Client), Some(Peer::Target)];
/// Why short reads of a socket prove nothing: a mark is queued, reads stop early.
const READ_STOPS: &[(bool, bool)] = &[(false, false), (true, false), (false, true), (true, true)];
const DIRECTIONS: &[Direction] = &Direction::BOTH;
// The stages.
const CONNECTING: u64 = 0;
const RELAYING: u64 = 1;
const FLUSHING: u64 = 2;
const PREAMBLE: u64 = 3;
const GREETING: u64 = 4;

impl Session {
    /// The whole state.
    pub fn to_numbers(&self) -> Vec<u64> {
        write(*self, session)
    }

    /// The reverse of [`Session::to_numbers`]. `None` if these cannot be the numbers of a session.
    pub fn from_numbers(numbers: &[u64]) -> Option<Self> {
        let blank = Self::new(Time::default(), PathChoice::Auto, Time::NEVER);
        read(numbers, blank, session)
    }
}

impl Race {
    /// The end of the race. The next process image starts a new one for the time that is left.
    pub fn to_numbers(&self) -> Vec<u64> {
        write(self.until(), race_end)
    }

    /// The reverse of [`Race::to_numbers`].
    pub fn end_from_numbers(numbers: &[u64]) -> Option<Time> {
        read(numbers, Time::default(), race_end)
    }
}

impl SocketFailure {
    /// The failure as numbers.
    pub fn to_numbers(self) -> Vec<u64> {
        write(self, failure)
    }

    /// The reverse of [`SocketFailure::to_numbers`].
    pub fn from_numbers(numbers: &[u64]) -> Option<Self> {
        read(numbers, UNKNOWN, failure)
    }
}

/// In place of a failure that this version has no word for.
const UNKNOWN: SocketFailure =
    SocketFailure { cause: Cause::IoError, errno: None, fin_unknown: false };

fn session(codec: &mut Codec<'_>, session: &mut Session) {
    codec.part(SESSION, |codec| {
        stage(codec, &mut session.stage, &mut session.flush_unacked);
        codec.time(&mut session.accepted);
        short_span(codec, &mut session.connect_time);
        idle_clock(codec, &mut session.idle_clock);
        codec.word(&mut session.first_fin, PEERS);
        codec.word(&mut session.first_failure, PEERS);
        codec.word(&mut session.first, DIRECTIONS);
        // Older versions stored here whether the session drained.
        codec.flag(&mut false);
        short_span(codec, &mut session.idle_clock.first_byte);
        session.stalled.iter_mut().for_each(|stalled| codec.small(stalled));
    });
    let last = session.idle_clock.idle_since();
    codec.part(LANE, |codec| lane(codec, &mut session.up, last));
    codec.part(LANE, |codec| lane(codec, &mut session.down, last));
    codec.part(SOCKET, |codec| socket(codec, &mut session.client));
    codec.part(SOCKET, |codec| socket(codec, &mut session.target));
}

/// Eight places, of which each stage uses some.
fn stage(codec: &mut Codec<'_>, stage: &mut Stage, unacked: &mut u32) {
    let mut kind = CONNECTING;
    let mut until = Time::NEVER;
    let mut reason = CloseReason::new(By::Client, Phase::Relay, Cause::IoError);
    let mut polls = 0;
    match *stage {
        Stage::Greeting { until: end } => (kind, until) = (GREETING, end),
        Stage::Connecting { attempt_until } => until = attempt_until,
        Stage::Preamble { until: end } => (kind, until) = (PREAMBLE, end),
        Stage::Relaying => kind = RELAYING,
        Stage::Flushing { reason: why, poll_at, polls: checks } => {
            kind = FLUSHING;
            (reason, until, polls) = (why, poll_at, checks);
        }
    }
    codec.number(&mut kind);
    codec.time(&mut until);
    codec.word(&mut reason.by, BY);
    codec.word(&mut reason.phase, PHASES);
    codec.word(&mut reason.cause, CAUSES);
    codec.errno(&mut reason.errno);
    codec.small(unacked);
    codec.small(&mut polls);
    match kind {
        CONNECTING => *stage = Stage::Connecting { attempt_until: until },
        GREETING => *stage = Stage::Greeting { until },
        PREAMBLE => *stage = Stage::Preamble { until },
        RELAYING => *stage = Stage::Relaying,
        FLUSHING => *stage = Stage::Flushing { reason, poll_at: until, polls },
        _ => codec.refuse(),
    }
}

fn idle_clock(codec: &mut Codec<'_>, clock: &mut IdleClock) {
    codec.time(&mut clock.last_byte);
    let mut last_ack = clock.idle_since();
    codec.time(&mut last_ack);
    clock.acked_after = 0;
    if last_ack > clock.last_byte {
        clock.note_ack(last_ack);
    }
    let Unacked { client, target } = &mut clock.unacked;
    codec.small(client);
    codec.small(target);
}

/// Zero stands for none. Older versions have no more than 71 minutes.
fn short_span(codec: &mut Codec<'_>, span: &mut Option<ShortSpan>) {
    let mut micros = span.map_or(0, ShortSpan::as_micros);
    codec.number(&mut micros);
    *span = (micros > 0).then(|| ShortSpan::from_micros(micros));
}

/// `last` is the last progress of the session.
fn lane(codec: &mut Codec<'_>, lane: &mut Lane, last: Time) {
    codec.number(&mut lane.received);
    let mut sent = lane.sent();
    codec.number(&mut sent);
    match lane.received.checked_sub(sent).map(u32::try_from) {
        Some(Ok(held)) => lane.held = held,
        _ => codec.refuse(),
    }
    codec.word(&mut lane.state, LANE_STATES);
    codec.word(&mut lane.choice, CHOICES);
    codec.word(&mut lane.path, PATHS);
    codec.small(&mut lane.streak);
    let mut used = lane.paths_used();
    codec.flag(&mut used.copy);
    codec.flag(&mut used.splice);
    lane.used = used.to_bits();
    codec.word(&mut lane.fallback, FALLBACKS);
    codec.small(&mut lane.pace);
    // Older versions leave the place empty: the lane has then progressed when its session last did.
    let mut progress = u64::from(lane.progress) + 1;
    codec.number(&mut progress);
    match progress.checked_sub(1).map(u32::try_from) {
        Some(Ok(progress)) => lane.progress = progress,
        Some(Err(_)) => codec.refuse(),
        None => lane.progress = stamp(last),
    }
    codec.small(&mut lane.checks);
}

fn socket(codec: &mut Codec<'_>, socket: &mut SocketState) {
    let (mut readable, mut writable) = (socket.readable(), socket.writable());
    codec.flag(&mut readable);
    codec.flag(&mut writable);
    let mut reasons = (socket.has_mark(), socket.reads_stop_early());
    // One flag for both reasons, as older versions have it.
    let mut distrusts_short_reads = reasons.0 || reasons.1;
    codec.flag(&mut distrusts_short_reads);
    let mut broken = socket.failure.is_some();
    codec.flag(&mut broken);
    let mut what = socket.failure.unwrap_or(UNKNOWN);
    failure(codec, &mut what);
    codec.word(&mut reasons, READ_STOPS);
    // Without a reason the flag comes from an older version. Either may be true, and assuming both
    // costs no more than system calls.
    let unexplained = distrusts_short_reads && reasons == (false, false);
    let (has_mark, stops_early) = if unexplained { (true, true) } else { reasons };
    let flags = [readable, writable, has_mark, stops_early];
    *socket = SocketState::restored(flags, broken.then_some(what));
}

fn failure(codec: &mut Codec<'_>, failure: &mut SocketFailure) {
    codec.word(&mut failure.cause, CAUSES);
    codec.errno(&mut failure.errno);
    codec.flag(&mut failure.fin_unknown);
}

fn race_end(codec: &mut Codec<'_>, end: &mut Time) {
    codec.time(end);
    // Older versions keep here the numbers of tried addresses, and of all: this makes them start again.
    codec.small(&mut 0u16);
    codec.small(&mut 1u16);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FLUSH_LIMIT, Readiness};
    use std::num::NonZeroU16;

    /// A session that differs from a new one in as many places as possible.
    fn eventful() -> Session {
        let time = |seconds: u64| Time::from_micros(seconds * 1_000_000);
        let failure =
            SocketFailure { cause: Cause::Reset, errno: NonZeroU16::new(104), fin_unknown: true };
        let mut session = Session::new(time(1), PathChoice::Splice, time(2));
        session.connected(time(3));
        let ready = Readiness { readable: true, writable: false, mark: true };
        session.on_ready(Peer::Client, ready, time(3));
        session.filled(Direction::Up, 70_000, time(4));
        session.drained(Direction::Up, 1234, time(5));
        session.fall_back(Direction::Down, Fallback::NoPipe);
        session.copied(Direction::Down, 3, 10, time(6));
        session.write_would_block(Direction::Down, time(6));
        session.end_of_stream(Direction::Up, || None);
        session.broke(Peer::Target, failure, time(8));
        session
    }

    #[test]
    fn a_session_is_read_as_it_was_written() {
        let session = eventful();
        let numbers = session.to_numbers();
        assert_eq!(numbers.len(), ALL);
        let again = Session::from_numbers(&numbers).expect("sound");
        assert_eq!(format!("{again:?}"), format!("{session:?}"));

        let mut flushing = session;
        let reason = CloseReason::new(By::Target, Phase::Drain, Cause::TimedOut);
        let poll_at = Time::default().after(FLUSH_LIMIT);
        flushing.stage = Stage::Flushing { reason, poll_at, polls: 3 };
        flushing.flush_unacked = 7;
        let mut waiting = session;
        waiting.preamble_waits(Time::from_micros(9));
        let mut greeting = session;
        greeting.greet(Time::from_micros(9));
        for session in [flushing, waiting, greeting] {
            let again = Session::from_numbers(&session.to_numbers()).expect("sound");
            assert_eq!(format!("{again:?}"), format!("{session:?}"));
        }
    }

    #[test]
    fn a_missing_place_has_its_default_and_an_added_one_is_skipped() {
        let numbers = eventful().to_numbers();
        for length in 0..numbers.len() {
            let _ = Session::from_numbers(&numbers[..length]);
        }
        let more = [&numbers[..], &[7; 40]].concat();
        assert!(Session::from_numbers(&more).is_some());
        let race = Race::new(Time::from_micros(5), Time::from_micros(7), 4);
        assert_eq!(Race::end_from_numbers(&race.to_numbers()), Some(Time::from_micros(7)));
        assert_eq!(SocketFailure::from_numbers(&[999, 5]).map(|it| it.cause), Some(Cause::IoError));
    }

    #[test]
    fn impossible_numbers_are_refused() {
        let good = eventful().to_numbers();
        let spoilt = |place: usize, number| {
            let mut numbers = good.clone();
            numbers[place] = number;
            Session::from_numbers(&numbers)
        };
        assert!(spoilt(0, 77).is_none(), "a stage that there is not");
        assert!(spoilt(SESSION, 1).is_none(), "less received than sent");
        assert!(spoilt(7, u64::MAX).is_none(), "more checks than fit");
    }

    #[test]
    fn both_reasons_to_distrust_short_reads_are_kept_and_an_older_flag_means_both() {
        const FLAG: usize = SESSION + 2 * LANE + 2;
        const REASONS: usize = SESSION + 2 * LANE + 7;
        for reasons in READ_STOPS {
            let mut session = Session::new(Time::default(), PathChoice::Auto, Time::NEVER);
            let flags = [false, true, reasons.0, reasons.1];
            session.client = SocketState::restored(flags, None);
            let mut numbers = session.to_numbers();
            let read = |numbers: &[u64]| {
                let client = Session::from_numbers(numbers).expect("sound").client;
                (client.has_mark(), client.reads_stop_early())
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
