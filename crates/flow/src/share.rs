//! Fair shares of places that several holders compete for: the dynamic threshold of Choudhury and Hahne
//! (IEEE/ACM Transactions on Networking 6(2), 1998).
//!
//! A holder may take one more place only while the places that it holds are fewer than its share times the free
//! ones. So a lone holder leaves a part free, and each further one makes the others stop earlier: a holder
//! of none finds a place. The same rule divides a forward among its clients, and the process among its forwards.

use std::fmt;
use std::num::NonZeroU32;

/// Number of places from which on some are reserved for holders of none. Below, one place is too large a part.
const RESERVE_FROM: u32 = 20;
/// The reserved part is one of so many places; at least one place.
const RESERVE_PART: u32 = 100;

/// The unit of [`Share`]: thousandths.
const ONE: u32 = 1000;

/// How many places a holder may have for each free one: a number above zero, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Share(NonZeroU32);

impl Share {
    /// The largest share: a million.
    pub const MAX: Self = Self::of_thousandths(ONE * 1_000_000);

    /// A share of so many thousandths; zero counts as one.
    pub const fn of_thousandths(thousandths: u32) -> Self {
        match NonZeroU32::new(thousandths) {
            Some(thousandths) => Self(thousandths),
            None => Self(NonZeroU32::MIN),
        }
    }

    /// Parses a decimal number, such as `9` or `0.5`. `None` if it is not above zero, larger than
    /// [`Self::MAX`], or has more than three decimals.
    pub fn of_decimal(text: &str) -> Option<Self> {
        let (integer, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits =
            |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        let decimals = decimals.trim_end_matches('0');
        if !are_digits(integer)
            || !decimals.is_empty() && !are_digits(decimals)
            || decimals.len() > 3
        {
            return None;
        }
        let below: u32 = format!("{decimals:0<3}").parse().ok()?;
        let thousandths = integer.parse::<u32>().ok()?.checked_mul(ONE)?.checked_add(below)?;
        let share = Self(NonZeroU32::new(thousandths)?);
        (share.0 <= Self::MAX.0).then_some(share)
    }

    fn thousandths(self) -> u64 {
        self.0.get().into()
    }
}

impl fmt::Display for Share {
    /// As [`Share::of_decimal`] parses it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (integer, below) = (self.0.get() / ONE, self.0.get() % ONE);
        if below == 0 {
            return write!(f, "{integer}");
        }
        write!(f, "{integer}.{}", format!("{below:03}").trim_end_matches('0'))
    }
}

/// Places under one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Number of places.
    pub limit: u32,
    /// Places taken, by all holders together. May exceed the limit after it was lowered.
    pub taken: u32,
}

impl Pool {
    /// Number of free places.
    pub fn free(self) -> u32 {
        self.limit.saturating_sub(self.taken)
    }

    /// The last places, which only a holder of none may take.
    fn reserved(self) -> u32 {
        if self.limit < RESERVE_FROM { 0 } else { (self.limit / RESERVE_PART).max(1) }
    }

    /// Number of places that a holder of `held` places may take one after the other, while no other holder
    /// takes or returns one.
    pub fn room(self, share: Share, held: u32) -> u32 {
        let free = self.free();
        let (share, one) = (share.thousandths(), u64::from(ONE));
        // After `n` places, one more needs held + n < share * (free - n).
        let below = (share * u64::from(free)).saturating_sub(one * u64::from(held));
        let by_share = u32::try_from(below.div_ceil(one + share)).unwrap_or(u32::MAX);
        let room = by_share.min(free.saturating_sub(self.reserved()));
        if held == 0 { room.max(free.min(1)) } else { room }
    }

    /// This pool, with at most `room` free places: as many as its own place in a larger pool allows.
    #[must_use]
    pub fn within(self, room: u32) -> Self {
        let limit = self.taken.saturating_add(room).min(self.limit);
        Self { limit, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of places by the definition, one after the other.
    fn taken_one_by_one(pool: Pool, thousandths: u64, held: u32) -> u32 {
        let Pool { limit, mut taken } = pool;
        let mut holds = held;
        loop {
            let free = limit.saturating_sub(taken);
            let reserved = if limit < 20 { 0 } else { (limit / 100).max(1) };
            let is_below = u64::from(holds) * 1000 < thousandths * u64::from(free);
            let may_take = if holds == 0 { free > 0 } else { is_below && free > reserved };
            if !may_take {
                return holds - held;
            }
            (taken, holds) = (taken + 1, holds + 1);
        }
    }

    #[test]
    fn the_room_is_that_of_the_definition() {
        for thousandths in [1, 300, 500, 1000, 2250, 9000, 9001, 50_000] {
            let share = Share::of_thousandths(thousandths);
            for limit in (0..45).chain([99, 100, 101, 199, 200, 250]) {
                for taken in 0..=limit + 2 {
                    for held in 0..=taken.min(limit) {
                        let pool = Pool { limit, taken };
                        let expected = taken_one_by_one(pool, thousandths.into(), held);
                        let found = pool.room(share, held);
                        assert_eq!(found, expected, "{share}: {held} of {pool:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_lone_holder_gets_nine_tenths_with_a_share_of_nine() {
        let share = Share::of_thousandths(9000);
        for (limit, most) in [(1, 1), (9, 9), (10, 9), (20, 18), (100, 90), (1000, 900)] {
            assert_eq!(Pool { limit, taken: 0 }.room(share, 0), most, "of {limit}");
        }
        assert_eq!(Pool { limit: u32::MAX, taken: 0 }.room(Share::MAX, 0), u32::MAX - 42_949_672);
    }

    #[test]
    fn a_pool_within_another_has_its_room() {
        let pool = Pool { limit: 1000, taken: 40 };
        assert_eq!(pool.within(7), Pool { limit: 47, taken: 40 });
        assert_eq!(pool.within(0).free(), 0);
        assert_eq!(pool.within(5000), pool);
        assert_eq!(Pool { limit: 3, taken: 5 }.within(2).free(), 0);
    }

    #[test]
    fn decimals_come_back() {
        for text in ["9", "0.5", "2.25", "0.001", "1000000", "10.125"] {
            assert_eq!(Share::of_decimal(text).map(|it| it.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Share::of_decimal("9.500"), Share::of_decimal("9.5"));
        assert_eq!(Share::of_decimal("9.0"), Share::of_decimal("9"));
        for text in
            ["", "0", "0.0", "-1", "+1", ".5", "1000001", "1000000.001", "0.0001", "1e3", "1.x"]
        {
            assert_eq!(Share::of_decimal(text), None, "{text}");
        }
    }
}
