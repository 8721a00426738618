//! Weighted rendezvous hashing: every pair of client and target has a score, and a client gets the target
//! with its highest one. If a target leaves, only its own clients move; each goes to its second.

use super::{Candidate, mixed};
use std::net::IpAddr;

/// The number by which [`Balance::Source`](super::Balance::Source) knows a client: an IPv4 address, also a
/// mapped one, or the first 64 bits of an IPv6 address, which usually belong to one host or site.
pub fn client_number(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => mixed(address.to_bits().into()),
        IpAddr::V6(address) => mixed(!((address.to_bits() >> 64) as u64)),
    }
}

/// The number of a target with this address, the same in every process and on every machine (FNV-1a).
pub fn target_number(address: &str) -> u64 {
    let add = |number: u64, byte: &u8| (number ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mixed(address.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, add))
}

/// 2^64.
const ALL_HASHES: f64 = 18_446_744_073_709_551_616.0;

/// The candidate with the highest score for this client.
///
/// The scores are exponentially distributed with the weights as rates, and the least wins
/// (`-ln(1 - hash) / weight`): that makes the parts exactly proportional to the weights.
pub(super) fn highest(
    candidates: impl Iterator<Item = (usize, Candidate)>,
    heaviest: u32,
    client: u64,
) -> Option<usize> {
    let mut chosen = None;
    let mut least = f64::INFINITY;
    // -ln(1 - hash) is at least the hash: from this hash on, no candidate can win, whatever its weight.
    let mut limit = u64::MAX;
    for (position, candidate) in candidates {
        let hash = pair_hash(client, candidate.number);
        if hash >= limit && chosen.is_some() {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "equal scores are possible, and harmless")]
        let score = -(-(hash as f64 / ALL_HASHES)).ln_1p() / f64::from(candidate.weight);
        if score < least || chosen.is_none() {
            (chosen, least) = (Some(position), score);
            #[expect(clippy::cast_possible_truncation, reason = "a cast of floats saturates")]
            #[expect(clippy::cast_sign_loss, reason = "no factor is negative")]
            let least_hash = (least * f64::from(heaviest) * ALL_HASHES) as u64;
            limit = least_hash.saturating_add(1);
        }
    }
    chosen
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

    fn candidate(number: u64, weight: u32) -> Candidate {
        let number = target_number(&format!("10.0.0.{number}:5432"));
        Candidate {
            number,
            is_up: true,
            has_room: true,
            is_tried: false,
            level: 0,
            weight,
            sessions: 0,
        }
    }

    fn chosen(targets: &[Candidate], client: u64) -> usize {
        highest(targets.iter().copied().enumerate(), 5, mixed(client)).expect("a candidate")
    }

    #[test]
    fn the_parts_are_proportional_to_the_weights() {
        let targets = [1, 2, 3, 4].map(|weight| candidate(weight.into(), weight));
        let mut counts = [0u32; 4];
        for client in 0..100_000 {
            counts[chosen(&targets, client)] += 1;
        }
        for (count, part) in counts.iter().zip([10_000u32, 20_000, 30_000, 40_000]) {
            assert!(count.abs_diff(part) < part / 30, "{counts:?}");
        }
    }

    #[test]
    fn only_the_clients_of_a_removed_target_move() {
        let all: Vec<Candidate> =
            (0..100u32).map(|number| candidate(number.into(), 1 + number % 5)).collect();
        let without = |client| highest(all.iter().copied().enumerate().skip(1), 5, mixed(client));
        let mut moved = 0;
        for client in 0..50_000 {
            let before = chosen(&all, client);
            if before == 0 {
                moved += 1;
            } else {
                assert_eq!(without(client), Some(before));
            }
        }
        assert!(moved > 0);
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
