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
    /// The next of these candidates, which are some of `count` targets; `None` without candidates.
    pub(super) fn next(
        &mut self,
        count: usize,
        candidates: impl Iterator<Item = (usize, Candidate)>,
    ) -> Option<usize> {
        self.credits.resize(count, 0);
        let mut total = 0;
        let mut best: Option<(usize, i64)> = None;
        for (position, candidate) in candidates {
            let weight = i64::from(candidate.weight);
            let Some(credit) = self.credits.get_mut(position) else { break };
            *credit += weight;
            total += weight;
            if best.is_none_or(|(_, most)| *credit > most) {
                best = Some((position, *credit));
            }
        }
        let (position, _) = best?;
        self.credits[position] -= total;
        Some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The positions of `count` selections; targets with weight 0 are not eligible.
    fn turns(turns: &mut Turns, weights: &[u32], count: usize) -> Vec<usize> {
        let candidates = weights.iter().map(|weight| Candidate {
            is_up: true,
            has_room: true,
            is_tried: false,
            level: 0,
            weight: *weight,
            sessions: 0,
        });
        let eligible = candidates.enumerate().filter(|(_, candidate)| candidate.weight > 0);
        (0..count).filter_map(|_| turns.next(weights.len(), eligible.clone())).collect()
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
