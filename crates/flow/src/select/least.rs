//! The emptier of two random targets. A target that is new or was restarted gets at most the sessions for
//! which it is one of the two: twice its fair part. The emptiest of all would get everything.

use super::Candidate;
use crate::random::Random;
use std::ops::Range;

/// Draws without success after which all targets are read: then few of them are eligible, or few are as
/// heavy as the heaviest.
const DRAWS: usize = 16;

/// The emptier, by (sessions + 1) / weight, of two different targets. Each is drawn with a probability in
/// proportion to its weight, so that weights also hold among many targets. `eligible` reads a target by
/// position; `None` if it may not be chosen.
pub(super) fn emptier_of_two(
    mut positions: Range<usize>,
    eligible: impl Fn(usize) -> Option<Candidate>,
    heaviest: u32,
    mut random: Random,
) -> Option<usize> {
    if positions.len() == 1 {
        return positions.find(|position| eligible(*position).is_some());
    }
    let mut draw = |not: Option<usize>| {
        let eligible = |position| eligible(position).filter(|_| Some(position) != not);
        let quick = draw_by_rejection(&positions, eligible, heaviest, &mut random);
        quick.or_else(|| draw_of_all(positions.clone(), eligible, &mut random))
    };
    let (one, drawn) = draw(None)?;
    let Some((other, candidate)) = draw(Some(one)) else { return Some(one) };
    Some(if is_emptier(&candidate, &drawn) { other } else { one })
}

/// Draws positions with equal probability, and accepts one with a probability in proportion to its weight.
fn draw_by_rejection(
    positions: &Range<usize>,
    eligible: impl Fn(usize) -> Option<Candidate>,
    heaviest: u32,
    random: &mut Random,
) -> Option<(usize, Candidate)> {
    let draw = || {
        #[expect(clippy::cast_possible_truncation, reason = "below the count")]
        let position = positions.start + random.below(positions.len() as u64) as usize;
        let candidate = eligible(position)?;
        let is_accepted = random.below(heaviest.into()) < candidate.weight.into();
        is_accepted.then_some((position, candidate))
    };
    std::iter::repeat_with(draw).take(DRAWS).flatten().next()
}

/// Draws the eligible target in whose part of all weights a random point is.
fn draw_of_all(
    positions: Range<usize>,
    eligible: impl Fn(usize) -> Option<Candidate>,
    random: &mut Random,
) -> Option<(usize, Candidate)> {
    let all = || positions.clone().filter_map(|position| Some((position, eligible(position)?)));
    let total = all().map(|(_, candidate)| u64::from(candidate.weight)).sum();
    let mut point = random.below(total);
    all().find(|(_, candidate)| {
        let weight = u64::from(candidate.weight);
        let is_here = point < weight;
        point = point.saturating_sub(weight);
        is_here
    })
}

fn is_emptier(one: &Candidate, other: &Candidate) -> bool {
    let load =
        |of: &Candidate, per: &Candidate| (u64::from(of.sessions) + 1) * u64::from(per.weight);
    load(one, other) < load(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(weight: u32, sessions: u32) -> Candidate {
        Candidate { is_up: true, free: 1, is_tried: false, level: 0, weight, sessions }
    }

    fn chosen(candidates: &[Candidate], random: u64) -> usize {
        let heaviest = candidates.iter().map(|candidate| candidate.weight).max().unwrap_or(1);
        let eligible = |at: usize| Some(candidates[at]).filter(|candidate| candidate.free > 0);
        let chosen = emptier_of_two(0..candidates.len(), eligible, heaviest, Random::new(random));
        chosen.expect("a candidate")
    }

    #[test]
    fn of_two_the_one_with_fewer_sessions_per_weight_is_chosen() {
        for random in 0..100 {
            assert_eq!(chosen(&[candidate(1, 5), candidate(1, 4)], random), 1);
            assert_eq!(chosen(&[candidate(10, 50), candidate(1, 5)], random), 0, "5.1 and 6");
            assert_eq!(chosen(&[candidate(2, 11), candidate(1, 4)], random), 1, "6 and 5");
            let most = candidate(u32::MAX, u32::MAX);
            assert_eq!(chosen(&[most, candidate(u32::MAX, u32::MAX - 1)], random), 1);
        }
    }

    #[test]
    fn equal_targets_are_drawn_equally_often() {
        let mut counts = [0u32; 5];
        for random in 0..50_000 {
            counts[chosen(&[candidate(3, 7); 5], random)] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_fullest_target_is_never_chosen_and_the_emptiest_at_most_twice_its_part() {
        let targets: Vec<Candidate> = (0..10).map(|n| candidate(1, n * 100)).collect();
        let mut counts = [0u32; 10];
        for random in 0..50_000 {
            counts[chosen(&targets, random)] += 1;
        }
        assert_eq!(counts[9], 0);
        assert!((9_500..10_500).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn the_parts_hold_where_few_targets_are_eligible_or_as_heavy_as_the_heaviest() {
        let mut targets = vec![Candidate { free: 0, ..candidate(1, 0) }; 1_000];
        targets[7] = candidate(60_000, 0);
        targets[500] = candidate(10, 0);
        targets[900] = candidate(20, 0);
        let heavy = (0..1_000).filter(|random| chosen(&targets, *random) == 7).count();
        assert_eq!(heavy, 1_000, "it is one of the two nearly always, and then the emptier");
        targets[7].sessions = u32::MAX;
        let mut counts = [0u32; 2];
        for random in 0..30_000 {
            let of = chosen(&targets, random);
            assert!(of == 500 || of == 900);
            counts[usize::from(of == 900)] += 1;
        }
        assert!(counts[1].abs_diff(20_000) < 600, "{counts:?}");
    }
}
