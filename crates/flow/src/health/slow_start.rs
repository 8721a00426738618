//! Slow start: a target that is new or up again gets a growing share of new sessions.

use std::time::Duration;

/// Parts of a whole weight.
pub const WEIGHT_PARTS: u32 = 100;
/// Parts with which a target begins.
const FIRST_PARTS: u32 = 10;

/// The weight, in [`WEIGHT_PARTS`], of a target that has been up for this long: from a tenth, growing evenly,
/// to the whole at the end of `slow_start`.
pub fn ramped(weight: u32, up_for: Duration, slow_start: Duration) -> u32 {
    let grown = if up_for >= slow_start {
        WEIGHT_PARTS - FIRST_PARTS
    } else {
        let done = up_for.as_micros() * u128::from(WEIGHT_PARTS - FIRST_PARTS);
        // Less than the parts, since the divisor is larger than `up_for`.
        u32::try_from(done / slow_start.as_micros().max(1)).unwrap_or_default()
    };
    weight.saturating_mul(FIRST_PARTS + grown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_grows_evenly_from_a_tenth_to_the_whole() {
        let minute = Duration::from_secs(60);
        let at = |seconds: u64| ramped(3, Duration::from_secs(seconds), minute);
        assert_eq!([at(0), at(30), at(60), at(600)], [30, 165, 300, 300]);
        let each: Vec<_> = (0..=60).map(at).collect();
        assert!(each.is_sorted());
        assert_eq!(ramped(65_535, Duration::MAX, Duration::ZERO), 6_553_500);
        assert_eq!(ramped(1, Duration::from_nanos(1), Duration::from_nanos(2)), 10);
    }
}
