//! Places of connections: which of them may stay. Pure: the time is an input.
//!
//! Connections of authorised callers have separate places, and keep them; viewers leave some of these to operators. All
//! others share a few: a new one takes the place of the oldest, once that had [`GRACE`] to present its token.

use host::AdminRole;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Time in which no newer connection replaces one without authorisation. A request on the loopback
/// arrives within it, and all places together pass on thousands of connections a second.
const GRACE: Duration = Duration::from_millis(10);

/// Of the places of authorised callers, and of those of watchers, one in this number is left to operators.
const LEFT_TO_OPERATORS: usize = 4;
/// Limit of concurrent watchers of events. Below the limit of connections, so that other requests stay possible.
pub(super) const MOST_WATCHERS: usize = 16;
/// Limit of concurrent watchers with the role `view`.
pub(super) const MOST_VIEWERS: usize = MOST_WATCHERS - MOST_WATCHERS / LEFT_TO_OPERATORS;

/// Number of a connection.
pub(super) type ConnectionId = u64;

/// The connections that have places.
#[derive(Debug)]
pub(super) struct Places {
    known_limit: usize,
    unknown_limit: usize,
    known: HashMap<ConnectionId, AdminRole>,
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
        let (known, unknown) = (HashMap::new(), VecDeque::new());
        Self { known_limit, unknown_limit, known, unknown }
    }

    /// Gives a connection of an authorised caller its place. Returns false if there is none.
    pub(super) fn enter_known(&mut self, id: ConnectionId, role: AdminRole) -> bool {
        let (limit, taken) = match role {
            AdminRole::Operate => (self.known_limit, self.known.len()),
            AdminRole::View => {
                let viewers = self.known.values().filter(|role| **role == AdminRole::View).count();
                (self.known_limit - self.known_limit / LEFT_TO_OPERATORS, viewers)
            }
        };
        let has_room = taken < limit && self.known.len() < self.known_limit;
        has_room && self.known.insert(id, role).is_none()
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
    pub(super) fn recognise(&mut self, id: ConnectionId, role: AdminRole) -> bool {
        if self.known.contains_key(&id) {
            return true;
        }
        let entered = self.enter_known(id, role);
        if entered {
            self.unknown.retain(|(other, _)| *other != id);
        }
        entered
    }

    /// Frees the place of a connection that has ended.
    pub(super) fn leave(&mut self, id: ConnectionId) {
        if self.known.remove(&id).is_none() {
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
        assert!(places.enter_known(3, AdminRole::Operate));
        assert_eq!(places.descriptor_source(false, later), DescriptorSource::Reserve);
    }

    #[test]
    fn authorised_connections_keep_their_places() {
        let (mut places, now) = (Places::new(2, 1), Instant::now());
        assert_eq!(places.enter_unknown(1, now), Admission::Entered);
        assert!(places.recognise(1, AdminRole::Operate) && places.recognise(1, AdminRole::Operate));
        assert_eq!(places.enter_unknown(2, now), Admission::Entered);
        assert!(places.enter_known(3, AdminRole::Operate));
        assert!(
            !places.enter_known(4, AdminRole::Operate) && !places.recognise(2, AdminRole::Operate)
        );
        // The one that found no place is replaced like any other.
        assert_eq!(places.enter_unknown(5, now + GRACE), Admission::Replaced(2));
        places.leave(1);
        assert!(places.recognise(5, AdminRole::Operate));
        assert_eq!(places.enter_unknown(6, now), Admission::Entered);
    }

    #[test]
    fn viewers_leave_places_to_operators() {
        let mut places = Places::new(8, 1);
        for id in 0..6 {
            assert!(places.enter_known(id, AdminRole::View), "{id}");
        }
        assert!(!places.enter_known(6, AdminRole::View));
        assert!(places.enter_known(6, AdminRole::Operate));
        assert!(places.enter_known(7, AdminRole::Operate));
        assert!(!places.enter_known(8, AdminRole::Operate));
        places.leave(6);
        assert!(!places.recognise(8, AdminRole::View) && places.recognise(8, AdminRole::Operate));
    }
}
