//! Deadlines: a hierarchical timing wheel with one lazy entry per session.
//!
//! A session is entered with its next deadline. Moving bytes does not touch the wheel: when an entry
//! fires, the session's deadline is read, and the session entered again if the deadline has moved. Ten
//! levels of 64 places with a tick of one millisecond cover every [`Time`].

use flow::Time;

const LEVELS: usize = 10;
const PLACES: usize = 64;
const BITS: usize = PLACES.trailing_zeros() as usize;
const NONE: u32 = u32::MAX;

/// The list that holds an entry, and its neighbours there. `place` is [`NONE`] for an entry in no list.
#[derive(Clone, Copy)]
struct Link {
    place: u32,
    before: u32,
    behind: u32,
}

const UNLINKED: Link = Link { place: NONE, before: NONE, behind: NONE };

/// A timing wheel over session numbers.
pub struct Wheel {
    /// All entries due before this tick have fired.
    elapsed: u64,
    /// Levels with an occupied place, as bits: usually two or three of the ten.
    levels: u16,
    /// Occupied places of each level, as bits.
    occupied: [u64; LEVELS],
    /// The first tick of the earliest occupied place, and that place. Cached: read twice per turn.
    next: Option<(u64, usize)>,
    first: [u32; LEVELS * PLACES],
    links: Vec<Link>,
}

impl Wheel {
    /// An empty wheel that starts at `now`.
    pub fn new(now: Time) -> Self {
        Self {
            elapsed: now.as_millis(),
            levels: 0,
            occupied: [0; LEVELS],
            next: None,
            first: [NONE; LEVELS * PLACES],
            links: Vec::new(),
        }
    }

    /// Enters or moves `index`, to fire at `at`: never earlier, and up to one tick later.
    pub fn schedule(&mut self, index: u32, at: Time) {
        self.cancel(index);
        let tick = at.as_micros().div_ceil(1000).max(self.elapsed + 1);
        // The level is the highest group of bits in which the two differ: on a lower level, the entry
        // would fire in the wrong round.
        let level = (tick ^ self.elapsed).ilog2() as usize / BITS;
        #[expect(clippy::cast_possible_truncation, reason = "a level has 64 places")]
        let place = level * PLACES + (tick >> (BITS * level) & (PLACES as u64 - 1)) as usize;
        self.link(index, place);
        let begins = tick >> (BITS * level) << (BITS * level);
        if self.next.is_none_or(|next| (begins, place) < next) {
            self.next = Some((begins, place));
        }
    }

    fn link(&mut self, index: u32, place: usize) {
        let at = index as usize;
        if at >= self.links.len() {
            self.links.resize(at + 1, UNLINKED);
        }
        let behind = std::mem::replace(&mut self.first[place], index);
        if behind != NONE {
            self.links[behind as usize].before = index;
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are 640 places")]
        let link = Link { place: place as u32, before: NONE, behind };
        self.links[at] = link;
        self.occupied[place / PLACES] |= 1 << (place % PLACES);
        self.levels |= 1 << (place / PLACES);
    }

    /// Removes `index`, if it is in the wheel.
    pub fn cancel(&mut self, index: u32) {
        let Some(link) = self.links.get_mut(index as usize) else { return };
        let Link { place, before, behind } = std::mem::replace(link, UNLINKED);
        if place == NONE {
            return;
        }
        if behind != NONE {
            self.links[behind as usize].before = before;
        }
        if before != NONE {
            self.links[before as usize].behind = behind;
            return;
        }
        let place = place as usize;
        self.first[place] = behind;
        if behind == NONE {
            self.occupied[place / PLACES] &= !(1 << (place % PLACES));
            if self.occupied[place / PLACES] == 0 {
                self.levels &= !(1 << (place / PLACES));
            }
            if self.next.is_some_and(|(_, next)| next == place) {
                self.next = self.earliest();
            }
        }
    }

    /// The earliest time at which an entry may fire.
    #[inline]
    pub(crate) fn next_at(&self) -> Option<Time> {
        self.next.map(|(tick, _)| Time::from_micros(tick * 1000))
    }

    /// The earliest time at which `index` may fire; `None` if it is not in the wheel.
    pub(crate) fn fires_from(&self, index: u32) -> Option<Time> {
        let place = self.links.get(index as usize).filter(|link| link.place != NONE)?.place;
        let (level, place) = (place as usize / PLACES, u64::from(place) % PLACES as u64);
        Some(Time::from_micros(self.begins(level, place) * 1000))
    }

    /// Removes and returns the next entry that fires by `now`.
    #[inline]
    pub fn pop(&mut self, now: Time) -> Option<u32> {
        let now = now.as_millis();
        let Some((tick, place)) = self.next.filter(|(tick, _)| *tick <= now) else {
            self.elapsed = self.elapsed.max(now);
            return None;
        };
        self.elapsed = self.elapsed.max(tick);
        let index = self.first[place];
        self.cancel(index);
        Some(index)
    }

    /// Computes [`Self::next`]. No entry lies behind the present position of its level: it would have
    /// fired.
    fn earliest(&self) -> Option<(u64, usize)> {
        let of_level = |level: usize| {
            let place = self.occupied[level].trailing_zeros();
            (self.begins(level, place.into()), level * PLACES + place as usize)
        };
        bits(self.levels).map(of_level).min()
    }

    /// The first tick of a place in the present round of its level.
    fn begins(&self, level: usize, place: u64) -> u64 {
        let shift = BITS * level;
        let round = self.elapsed >> (shift + BITS) << (shift + BITS);
        round + (place << shift)
    }
}

/// Positions of the set bits, in ascending order.
fn bits(word: u16) -> impl Iterator<Item = usize> {
    let without_lowest = |word: &u16| Some(word & (word - 1)).filter(|rest| *rest != 0);
    let rests = std::iter::successors(Some(word).filter(|word| *word != 0), without_lowest);
    rests.map(|rest| rest.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn ms(ms: u64) -> Time {
        Time::from_micros(ms * 1000)
    }

    /// Pops like a worker: an entry that is not due yet is entered again.
    fn pop_due(wheel: &mut Wheel, deadlines: &BTreeMap<u32, u64>, now: u64) -> Vec<u32> {
        let mut due = Vec::new();
        while let Some(index) = wheel.pop(ms(now)) {
            let deadline = deadlines[&index];
            if deadline <= now {
                due.push(index);
            } else {
                wheel.schedule(index, ms(deadline));
            }
        }
        due.sort_unstable();
        due
    }

    #[test]
    fn all_entries_of_a_place_fire() {
        let mut wheel = Wheel::new(ms(1000));
        let deadlines: BTreeMap<u32, u64> = (0..10).map(|i| (i, 1500)).collect();
        for (index, at) in &deadlines {
            wheel.schedule(*index, ms(*at));
        }
        wheel.cancel(4);
        assert_eq!(pop_due(&mut wheel, &deadlines, 1499), []);
        assert_eq!(pop_due(&mut wheel, &deadlines, 1500), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
        assert_eq!(wheel.next_at(), None);
    }

    #[test]
    fn the_end_of_time_can_be_entered() {
        let mut wheel = Wheel::new(ms(5));
        wheel.schedule(0, Time::from_micros(u64::MAX));
        assert_eq!(wheel.pop(ms(1 << 50)), None);
        assert!(wheel.next_at().is_some());
    }

    proptest! {
        /// Against a sorted map: at every moment the same entries are due.
        #[test]
        fn agrees_with_a_sorted_map(
            start in 0u64..1 << 40,
            steps in prop::collection::vec(
                (0u32..40, prop_oneof![1u64..100, 1u64..100_000, 1u64..1 << 33], 0u64..5000, any::<bool>()),
                1..200,
            ),
        ) {
            let mut wheel = Wheel::new(ms(start));
            let mut deadlines = BTreeMap::new();
            let mut now = start;
            for (index, ahead, pass, cancel) in steps {
                if cancel {
                    wheel.cancel(index);
                    deadlines.remove(&index);
                } else {
                    wheel.schedule(index, ms(now + ahead));
                    deadlines.insert(index, now + ahead);
                }
                // Sometimes jumps to the next deadline, so that distant ones fire, too.
                now = match deadlines.values().min() {
                    Some(next) if pass % 3 == 0 => (*next).max(now),
                    _ => now + pass,
                };
                let due: Vec<u32> =
                    deadlines.iter().filter(|(_, at)| **at <= now).map(|(i, _)| *i).collect();
                prop_assert_eq!(pop_due(&mut wheel, &deadlines, now), due.clone());
                deadlines.retain(|index, _| !due.contains(index));
                if let Some(at) = wheel.next_at() {
                    let next = deadlines.values().min().expect("not empty");
                    prop_assert!(at > ms(now) && at <= ms(*next));
                }
            }
        }
    }
}
