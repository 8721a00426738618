//! Places of connections: which of them may stay. Pure: the time is an input.
//!
//! Connections of authorised callers have separate places, and keep them. All others share a few:
//! a new one takes the place of the oldest, once that had [`GRACE`] to present its token.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

/// Time in which no newer connection replaces one without authorisation. A request on the loopback
/// arrives within it, and all places together pass on thousands of connections a second.
const GRACE: Duration = Duration::from_millis(10);

/// Number of a connection.
pub(super) type ConnectionId = u64;

/// The connections that have places.
#[derive(Debug)]
pub(super) struct Places {
    known_limit: usize,
    unknown_limit: usize,
    known: HashSet<ConnectionId>,
    /// The oldest first.
    unknown: VecDeque<(ConnectionId, Instant)>,
}

/// The decision about a new connection without authorisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It has a place.
    Entered,
    /// It has the place of this connection, which must end.
    Replaced(ConnectionId),
    /// It must wait until then, and ask again.
    WaitUntil(Instant),
}

/// The descriptor that a new connection gets when the process has no free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DescriptorSource {
    /// That of this connection, which must end.
    Connection(ConnectionId),
    /// One in reserve.
    Reserve,
    /// None yet: it must wait until then, and ask again.
    WaitUntil(Instant),
}

impl Places {
    pub(super) fn new(known_limit: usize, unknown_limit: usize) -> Self {
        let (known, unknown) = (HashSet::new(), VecDeque::new());
        Self { known_limit, unknown_limit, known, unknown }
    }

    /// Gives a connection of an authorised caller its place. Returns false if there is none.
    pub(super) fn enter_known(&mut self, id: ConnectionId) -> bool {
        let has_room = self.known.len() < self.known_limit;
        has_room && self.known.insert(id)
    }

    /// Gives a connection without authorisation a place.
    pub(super) fn enter_unknown(&mut self, id: ConnectionId, now: Instant) -> Admission {
        let replaced = match self.unknown.front() {
            Some((oldest, since)) if self.unknown.len() >= self.unknown_limit => {
                let until = *since + GRACE;
                if now < until {
                    return Admission::WaitUntil(until);
                }
                Some(*oldest)
            }
            _ => None,
        };
        if replaced.is_some() {
            self.unknown.pop_front();
        }
        self.unknown.push_back((id, now));
        replaced.map_or(Admission::Entered, Admission::Replaced)
    }

    /// The descriptor for a new connection, which `is_known` if its caller is authorised. The oldest connection
    /// without authorisation ends for it. Connections without authorisation can therefore hold one descriptor of the
    /// reserve at most, and the rest is for authorised callers.
    pub(super) fn descriptor_source(&mut self, is_known: bool, now: Instant) -> DescriptorSource {
        let Some((oldest, since)) = self.unknown.front() else { return DescriptorSource::Reserve };
        let (oldest, until) = (*oldest, *since + GRACE);
        if now >= until {
            self.unknown.pop_front();
            DescriptorSource::Connection(oldest)
        } else if is_known {
            DescriptorSource::Reserve
        } else {
            DescriptorSource::WaitUntil(until)
        }
    }

    /// Gives a connection whose caller was authorised a place that it keeps. Returns false if there is
    /// none: it stays where it is.
    pub(super) fn recognise(&mut self, id: ConnectionId) -> bool {
        if self.known.contains(&id) {
            return true;
        }
        let entered = self.enter_known(id);
        if entered {
            self.unknown.retain(|(other, _)| *other != id);
        }
        entered
    }

    /// Frees the place of a connection that has ended.
    pub(super) fn leave(&mut self, id: ConnectionId) {
        if !self.known.remove(&id) {
            self.unknown.retain(|(other, _)| *other != id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_connection_without_authorisation_makes_room() {
        let (mut places, now) = (Places::new(1, 2), Instant::now());
        let later = now + GRACE;
        assert_eq!(places.enter_unknown(1, now), Admission::Entered);
        assert_eq!(places.enter_unknown(2, now), Admission::Entered);
        assert_eq!(places.enter_unknown(3, now), Admission::WaitUntil(later));
        assert_eq!(places.enter_unknown(3, later), Admission::Replaced(1));
        places.leave(1);
        assert_eq!(places.enter_unknown(4, later), Admission::Replaced(2));
        assert_eq!(places.enter_unknown(5, later), Admission::WaitUntil(later + GRACE));
        places.leave(3);
        assert_eq!(places.enter_unknown(5, later), Admission::Entered);
    }

    #[test]
    fn connections_without_authorisation_leave_the_reserve_to_others() {
        let (mut places, now) = (Places::new(2, 2), Instant::now());
        let later = now + GRACE;
        assert_eq!(places.descriptor_source(false, now), DescriptorSource::Reserve);
        assert_eq!(places.enter_unknown(1, now), Admission::Entered);
        assert_eq!(places.descriptor_source(false, now), DescriptorSource::WaitUntil(later));
        assert_eq!(places.descriptor_source(true, now), DescriptorSource::Reserve);
        assert_eq!(places.descriptor_source(true, later), DescriptorSource::Connection(1));
        assert_eq!(places.enter_unknown(2, now), Admission::Entered);
        assert_eq!(places.descriptor_source(false, later), DescriptorSource::Connection(2));
        assert!(places.enter_known(3));
        assert_eq!(places.descriptor_source(false, later), DescriptorSource::Reserve);
    }

    #[test]
    fn authorised_connections_keep_their_places() {
        let (mut places, now) = (Places::new(2, 1), Instant::now());
        assert_eq!(places.enter_unknown(1, now), Admission::Entered);
        assert!(places.recognise(1) && places.recognise(1));
        assert_eq!(places.enter_unknown(2, now), Admission::Entered);
        assert!(places.enter_known(3));
        assert!(!places.enter_known(4) && !places.recognise(2));
        // The one that found no place is replaced like any other.
        assert_eq!(places.enter_unknown(5, now + GRACE), Admission::Replaced(2));
        places.leave(1);
        assert!(places.recognise(5));
        assert_eq!(places.enter_unknown(6, now), Admission::Entered);
    }
}
