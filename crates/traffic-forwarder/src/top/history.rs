//! The recent values of each total, for sparklines.

use api::Status;
use std::collections::VecDeque;

/// Enough for the widest terminal.
const MOST: usize = 512;

/// The values of the last answers, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) up: Trend,
    pub(super) down: Trend,
    pub(super) sessions: Trend,
}

/// The recent values of one quantity.
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

    /// The last `count` values, padded with `None` in front.
    pub(super) fn last(&self, count: usize) -> impl Iterator<Item = Option<u64>> {
        let missing = count.saturating_sub(self.0.len());
        let known = self.0.iter().skip(self.0.len().saturating_sub(count));
        std::iter::repeat_n(None, missing).chain(known.map(|number| Some(*number)))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is drawn as one of eight heights"
)]
fn whole(rate: f64) -> u64 {
    rate as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_keeps_the_newest_values() {
        let mut trend = Trend::default();
        assert!(trend.last(2).eq([None, None]));
        (0..=MOST as u64).for_each(|number| trend.add(number));
        assert!(trend.last(2).eq([Some(MOST as u64 - 1), Some(MOST as u64)]));
        assert_eq!(trend.last(MOST + 1).flatten().next(), Some(1));
    }
}
