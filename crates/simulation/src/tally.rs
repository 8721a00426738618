//! The records of each forward, added up, to compare them with its counters.

use engine::{SessionRecord, Totals};
use flow::{Cause, Direction, Fallback, PathsUsed};

/// Sessions and bytes of one forward.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    sessions: u64,
    /// Bytes sent up and down.
    bytes: [u64; 2],
    /// Those of lanes that have used splice only, and of lanes that have used it at all.
    spliced: [[u64; 2]; 2],
    /// Clients refused for each cause, as reported.
    refused: [u64; 4],
    /// Sessions that could not be connected, as reported.
    unconnected: u64,
}

/// The causes of [`Tally::refused`].
const REFUSED: [Cause; 4] =
    [Cause::OverLimit, Cause::NotAllowed, Cause::ClientLimit, Cause::RateLimit];

impl Tally {
    /// Adds an ended session.
    pub(crate) fn add_record(&mut self, record: &SessionRecord) {
        self.sessions += 1;
        for direction in Direction::BOTH {
            let lane = &record.ending.lanes[direction as usize];
            self.add_lane(direction, lane.bytes, lane.paths, lane.fallback);
        }
    }

    /// Adds a session that has ended without a record.
    pub(crate) fn add_unrecorded(&mut self) {
        self.sessions += 1;
    }

    /// Adds clients that were reported as refused, or wait to be.
    pub(crate) fn add_refused(&mut self, cause: Cause, count: u64) {
        for (refused, _) in self.refused.iter_mut().zip(REFUSED).filter(|(_, it)| *it == cause) {
            *refused += count;
        }
    }

    /// Adds sessions that were reported as not connected, or wait to be.
    pub(crate) fn add_unconnected(&mut self, count: u64) {
        self.unconnected += count;
    }

    /// Requires that each refused client, and each session that could not be connected, is reported, or waits to be.
    pub(crate) fn check_reported(&self, forward: &str, totals: &Totals) {
        let counted = REFUSED.map(|cause| totals.refused_by(cause));
        assert_eq!(counted, self.refused, "refused clients of {forward}: counted, and reported");
        assert_eq!(
            totals.failed(),
            self.unconnected,
            "sessions of {forward} that could not be connected: counted, and reported"
        );
    }

    /// Adds an open session.
    pub(crate) fn add_open(&mut self, session: &flow::Session) {
        self.sessions += 1;
        for direction in Direction::BOTH {
            let lane = session.lane(direction);
            self.add_lane(direction, lane.sent(), lane.paths_used(), lane.fallback());
        }
    }

    fn add_lane(&mut self, direction: Direction, bytes: u64, paths: PathsUsed, fallback: Fallback) {
        let at = direction as usize;
        self.bytes[at] += bytes;
        if paths.splice {
            self.spliced[at][1] += bytes;
            // A lane that leaves splice copies the bytes that its pipe holds.
            let is_all = !paths.copy && fallback == Fallback::None;
            self.spliced[at][0] += if is_all { bytes } else { 0 };
        }
    }

    /// Requires that the counters of the forward agree: each opened session is open or has one record, and
    /// each byte is counted once, under its path.
    pub(crate) fn check(&self, forward: &str, totals: &Totals) {
        assert_eq!(
            totals.opened, self.sessions,
            "sessions of {forward}: opened, and open or recorded"
        );
        for direction in Direction::BOTH {
            let at = direction as usize;
            let [copied, spliced] = totals.bytes[at];
            assert_eq!(
                copied + spliced,
                self.bytes[at],
                "bytes {direction:?} of {forward}: counted, and sent"
            );
            let [least, most] = self.spliced[at];
            assert!(
                (least..=most).contains(&spliced),
                "spliced bytes {direction:?} of {forward}: {spliced} counted, of {least} to {most}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Fallback = Fallback::None;

    fn tally() -> Tally {
        let mut tally = Tally { sessions: 1, ..Tally::default() };
        tally.add_lane(Direction::Up, 5, PathsUsed { copy: true, splice: false }, NONE);
        tally.add_lane(Direction::Up, 70, PathsUsed { copy: true, splice: true }, NONE);
        tally.add_lane(Direction::Down, 300, PathsUsed { copy: false, splice: true }, NONE);
        tally
    }

    fn agrees(opened: u64, bytes: [[u64; 2]; 2]) -> bool {
        let totals = Totals { opened, bytes, ..Totals::default() };
        std::panic::catch_unwind(|| tally().check("f0", &totals)).is_ok()
    }

    #[test]
    fn counters_agree_with_records() {
        assert!(agrees(1, [[5, 70], [0, 300]]));
        assert!(
            agrees(1, [[75, 0], [0, 300]]),
            "where a lane used both paths, either may have carried all"
        );
    }

    #[test]
    fn a_missing_record_or_byte_is_found() {
        assert!(!agrees(2, [[5, 70], [0, 300]]), "a session without a record");
        assert!(!agrees(1, [[5, 69], [0, 300]]), "a byte that is not counted");
        assert!(!agrees(1, [[5, 70], [1, 299]]), "a spliced byte counted as copied");
        assert!(!agrees(1, [[4, 71], [0, 300]]), "a copied byte counted as spliced");
    }
}
