//! The last numbers of each kind, to draw how they moved.

use api::Status;
use std::collections::VecDeque;

/// As many as the widest terminal has columns.
const MOST: usize = 512;

/// The numbers of the last answers, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) up: Trend,
    pub(super) down: Trend,
    pub(super) sessions: Trend,
}

/// One number over time.
#[derive(Debug, Default)]
pub(super) struct Trend(VecDeque<u64>);

impl History {
    pub(super) fn add(&mut self, status: &Status) {
        if let Some(rates) = status.rates {
            self.up.add(whole(rates.bytes_up));
            self.down.add(whole(rates.bytes_down));
        }
        self.sessions.add(status.sessions.into());
    }
}

impl Trend {
    fn add(&mut self, number: u64) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(number);
    }

    /// The last `count`, with `None` in front where there are fewer.
    pub(super) fn last(&self, count: usize) -> impl Iterator<Item = Option<u64>> {
        let missing = count.saturating_sub(self.0.len());
        let known = self.0.iter().skip(self.0.len().saturating_sub(count));
        std::iter::repeat_n(None, missing).chain(known.map(|number| Some(*number)))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is drawn as one of eight heights"
)]
fn whole(rate: f64) -> u64 {
    rate as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_last_and_the_oldest_are_forgotten() {
        let mut trend = Trend::default();
        assert!(trend.last(2).eq([None, None]));
        (0..=MOST as u64).for_each(|number| trend.add(number));
        assert!(trend.last(2).eq([Some(MOST as u64 - 1), Some(MOST as u64)]));
        assert_eq!(trend.last(MOST + 1).flatten().next(), Some(1));
    }
}
