//! Smooth weighted round robin: a target with twice the weight gets every second session more, and no
//! target gets its sessions in one run.

/// Bits of a credit below its weight: enough for the position of a target.
const POSITION_BITS: u32 = 16;
const LAST_POSITION: i64 = (1 << POSITION_BITS) - 1;

/// The turns of one target set: for each target, by position, the weight that it has collected.
///
/// Each selection adds every eligible target's weight to its credit, takes the target with the highest
/// credit, and subtracts the sum of the weights from that one.
///
/// The low 16 bits of a credit hold the position, counted from the end: the maximum identifies its target, and the
/// first wins a tie. To track the position separately would cost an unpredictable branch per target.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    credits: Vec<i64>,
}

impl Turns {
    /// The next of `count` targets, at most 65,536. `weight_at` reads the weight of one, 0 if it is not eligible.
    /// `None` if all are 0.
    pub(super) fn next(&mut self, count: usize, weight_at: impl Fn(usize) -> u32) -> Option<usize> {
        let known = self.credits.len();
        self.credits.truncate(count);
        let from_the_end = |position| LAST_POSITION - i64::try_from(position).unwrap_or(0);
        self.credits.extend((known..count).map(from_the_end));
        let (mut total, mut most) = (0, i64::MIN);
        for (position, credit) in self.credits.iter_mut().enumerate() {
            let weight = i64::from(weight_at(position)) << POSITION_BITS;
            *credit += weight;
            total += weight;
            most = most.max(if weight == 0 { i64::MIN } else { *credit });
        }
        if total == 0 {
            return None;
        }
        let best = usize::try_from(LAST_POSITION - (most & LAST_POSITION)).ok()?;
        self.credits[best] -= total;
        Some(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The positions of `count` selections; targets with weight 0 are not eligible.
    fn turns(turns: &mut Turns, weights: &[u32], count: usize) -> Vec<usize> {
        (0..count).filter_map(|_| turns.next(weights.len(), |at| weights[at])).collect()
    }

    #[test]
    fn equal_weights_take_turns_and_others_are_interleaved() {
        assert_eq!(turns(&mut Turns::default(), &[1, 1, 1], 6), [0, 1, 2, 0, 1, 2]);
        let expected = [0, 0, 1, 0, 2, 0, 0];
        assert_eq!(turns(&mut Turns::default(), &[5, 1, 1], 7), expected);
        assert_eq!(turns(&mut Turns::default(), &[], 1), [0; 0]);
    }

    #[test]
    fn a_target_that_returns_takes_its_turn_and_no_more() {
        let mut state = Turns::default();
        turns(&mut state, &[1, 1, 0], 1_001);
        let after = turns(&mut state, &[1, 1, 1], 30);
        let of = |position| after.iter().filter(|chosen| **chosen == position).count();
        assert_eq!([of(0), of(1), of(2)], [10, 10, 10]);
    }
}
