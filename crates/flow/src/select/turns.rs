//! Smooth weighted round robin: a target with twice the weight gets every second session more, and no
//! target gets its sessions in one run.

use super::Candidate;

/// The turns of one target set: for each target, by position, the weight that it has collected.
///
/// Each selection adds every eligible target's weight to its credit, takes the target with the highest
/// credit, and subtracts the sum of the weights from that one.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    credits: Vec<i64>,
}

impl Turns {
    /// The next eligible one of `count` targets; `None` if there is none.
    pub(super) fn next(
        &mut self,
        count: usize,
        eligible: impl Fn(usize) -> Option<Candidate>,
    ) -> Option<usize> {
        self.credits.resize(count, 0);
        let mut total = 0;
        let (mut best, mut most) = (None, i64::MIN);
        for (position, credit) in self.credits.iter_mut().enumerate() {
            let Some(candidate) = eligible(position) else { continue };
            let weight = i64::from(candidate.weight);
            *credit += weight;
            total += weight;
            if *credit > most {
                (best, most) = (Some(position), *credit);
            }
        }
        self.credits[best?] -= total;
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The positions of `count` selections; targets with weight 0 are not eligible.
    fn turns(turns: &mut Turns, weights: &[u32], count: usize) -> Vec<usize> {
        let candidate = |weight| Candidate {
            is_up: true,
            free: 1,
            is_tried: false,
            level: 0,
            weight,
            sessions: 0,
        };
        let eligible = |at: usize| Some(candidate(weights[at])).filter(|it| it.weight > 0);
        (0..count).filter_map(|_| turns.next(weights.len(), eligible)).collect()
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
