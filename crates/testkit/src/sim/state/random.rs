//! The generator of all random decisions.

use std::ops::RangeInclusive;

#[derive(Clone, Debug)]
pub(crate) struct Random(flow::Random);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(flow::Random::new(seed))
    }

    fn next(&mut self) -> u64 {
        self.0.number()
    }

    /// A number within the range. A range of one number takes no decision.
    pub(crate) fn within(&mut self, range: &RangeInclusive<u64>) -> u64 {
        let span = range.end().saturating_sub(*range.start());
        if span == 0 {
            *range.start()
        } else {
            range.start() + self.next() % span.saturating_add(1)
        }
    }

    /// A size within the range.
    pub(crate) fn size(&mut self, range: &RangeInclusive<usize>) -> usize {
        usize::try_from(self.within(&(*range.start() as u64..=*range.end() as u64))).unwrap_or(0)
    }

    /// Whether an event of this percentage happens. A percentage of 0 takes no decision.
    pub(crate) fn happens(&mut self, percent: u32) -> bool {
        percent > 0 && self.next() % 100 < u64::from(percent)
    }

    /// One of the values. `None` if there is none.
    pub(crate) fn choose<T: Copy>(&mut self, values: &[T]) -> Option<T> {
        let last = values.len().checked_sub(1)?;
        values.get(self.size(&(0..=last))).copied()
    }
}
