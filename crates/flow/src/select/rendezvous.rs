//! Weighted rendezvous hashing: every pair of client and target has a score, and a client gets the target
//! with its highest one. If a target leaves, only its own clients move; each goes to its second.

use super::Candidate;
use crate::random::mix;
use std::net::IpAddr;

/// The number by which [`Balance::Source`](super::Balance::Source) knows a client: an IPv4 address, also a
/// mapped one, or the first 64 bits of an IPv6 address, which usually belong to one host or site.
pub fn client_number(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => mix(address.to_bits().into()),
        IpAddr::V6(address) => mix(!((address.to_bits() >> 64) as u64)),
    }
}

/// The number of a target with this address, the same in every process and on every machine (FNV-1a).
pub fn target_number(address: &str) -> u64 {
    let add = |number: u64, byte: &u8| (number ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mix(address.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, add))
}

/// 2^64.
const ALL_HASHES: f64 = 18_446_744_073_709_551_616.0;

/// The position of the eligible candidate with the highest score for this client.
///
/// The scores are exponentially distributed with the weights as rates, and the least wins
/// (`-ln(1 - hash) / weight`): that makes the parts exactly proportional to the weights.
pub(super) fn highest(
    numbers: &[u64],
    eligible: impl Fn(usize) -> Option<Candidate>,
    heaviest: u32,
    client: u64,
) -> Option<usize> {
    let mut chosen: Option<(usize, Pair)> = None;
    // Above this hash no candidate can win. Its state is not read then.
    let mut limit = u64::MAX;
    for (position, number) in numbers.iter().enumerate() {
        let hash = pair_hash(client, *number);
        if hash > limit {
            continue;
        }
        let Some(candidate) = eligible(position) else { continue };
        let pair = Pair { hash, weight: candidate.weight };
        if chosen.as_ref().is_none_or(|(_, best)| pair.precedes(best)) {
            limit = pair.limit(heaviest);
            chosen = Some((position, pair));
        }
    }
    chosen.map(|(position, _)| position)
}

/// The client and one target.
struct Pair {
    hash: u64,
    weight: u32,
}

impl Pair {
    #[expect(clippy::cast_precision_loss, reason = "equal scores are possible, and harmless")]
    fn score(&self) -> f64 {
        -(-(self.hash as f64 / ALL_HASHES)).ln_1p() / f64::from(self.weight)
    }

    /// Whether its score is less. Of equal weights, the hashes have the order of the scores, and no
    /// logarithm is needed.
    fn precedes(&self, other: &Self) -> bool {
        if self.weight == other.weight {
            return self.hash < other.hash;
        }
        self.score() < other.score()
    }

    /// The highest hash with which a target of any weight could have a lower score: -ln(1 - hash) is at
    /// least the hash.
    fn limit(&self, heaviest: u32) -> u64 {
        if self.weight == heaviest {
            return self.hash;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a cast of floats saturates")]
        #[expect(clippy::cast_sign_loss, reason = "no factor is negative")]
        let hash = (self.score() * f64::from(heaviest) * ALL_HASHES) as u64;
        hash
    }
}

/// The hash of two numbers that are hashes themselves: one multiplication, folded.
fn pair_hash(client: u64, target: u64) -> u64 {
    let product = u128::from(client ^ target) * 0x9e37_79b9_7f4a_7c15;
    #[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
    let hash = product as u64 ^ (product >> 64) as u64;
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(weight: u32) -> Candidate {
        Candidate { is_up: true, free: 1, is_tried: false, level: 0, weight, sessions: 0 }
    }

    fn numbers(count: usize) -> Vec<u64> {
        (0..count).map(|number| target_number(&format!("10.0.0.{number}:5432"))).collect()
    }

    fn chosen(numbers: &[u64], weights: &[u32], client: u64) -> Option<usize> {
        let eligible = |at: usize| Some(candidate(weights[at])).filter(|it| it.weight > 0);
        highest(numbers, eligible, 5, mix(client))
    }

    #[test]
    fn the_parts_are_proportional_to_the_weights() {
        let numbers = numbers(4);
        let mut counts = [0u32; 4];
        for client in 0..100_000 {
            counts[chosen(&numbers, &[1, 2, 3, 4], client).expect("a candidate")] += 1;
        }
        for (count, part) in counts.iter().zip([10_000u32, 20_000, 30_000, 40_000]) {
            assert!(count.abs_diff(part) < part / 30, "{counts:?}");
        }
    }

    #[test]
    fn only_the_clients_of_a_removed_target_move() {
        let numbers = numbers(100);
        let weights: Vec<u32> = (0..100).map(|number| 1 + number % 5).collect();
        let mut unavailable = weights.clone();
        unavailable[0] = 0;
        let mut moved = 0;
        for client in 0..50_000 {
            let before = chosen(&numbers, &weights, client).expect("a candidate");
            let removed = chosen(&numbers[1..], &weights[1..], client).map(|position| position + 1);
            assert_eq!(chosen(&numbers, &unavailable, client), removed, "removed or unavailable");
            if before == 0 {
                moved += 1;
            } else {
                assert_eq!(removed, Some(before));
            }
        }
        assert!(moved > 0);
    }

    #[test]
    fn without_an_eligible_candidate_there_is_no_choice() {
        assert_eq!(chosen(&numbers(3), &[0, 0, 0], 7), None);
        assert_eq!(chosen(&numbers(3), &[0, 5, 0], 7), Some(1));
    }

    #[test]
    fn a_client_is_one_host() {
        let number = |text: &str| client_number(text.parse().expect("an address"));
        assert_eq!(number("::ffff:10.0.0.1"), number("10.0.0.1"));
        assert_ne!(number("10.0.0.1"), number("10.0.0.2"));
        assert_eq!(number("2001:db8::1"), number("2001:db8::ffff:2"));
        assert_ne!(number("2001:db8::1"), number("2001:db8:0:1::1"));
    }
}
