//! What happens in one session, derived from its seed.

use crate::random::{Random, mix};

/// The longest lane is `2^LENGTH_BITS` bytes.
const LENGTH_BITS: u64 = 22;

/// What one end sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LaneScript {
    /// Of its bytes, and of its pieces.
    pub(super) seed: u64,
    /// Number of bytes in the lane.
    pub(super) length: u64,
    /// After this many bytes it waits until the other lane has ended: half-close.
    pub(super) hold_at: Option<u64>,
    /// After this many bytes the sender resets the connection.
    pub(super) reset_at: Option<u64>,
}

/// What happens in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    /// Lane from the client to the server.
    pub(super) up: LaneScript,
    /// Lane from the server to the client.
    pub(super) down: LaneScript,
}

impl Script {
    /// The script of a seed. An even seed never ends with a reset.
    pub(super) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut lane = |salt: u64| LaneScript {
            seed: mix(seed ^ salt),
            length: random.size(LENGTH_BITS) - 1,
            hold_at: None,
            reset_at: None,
        };
        let (mut up, mut down) = (lane(1), lane(2));
        let resets = seed % 2 == 1 && random.below(3) == 0;
        match random.below(4) {
            0 if resets => up.reset_at = Some(random.below(up.length + 1)),
            1 if resets => down.reset_at = Some(random.below(down.length + 1)),
            0 => up.hold_at = Some(random.below(up.length + 1)),
            1 => down.hold_at = Some(random.below(down.length + 1)),
            _ => {}
        }
        Self { up, down }
    }

    /// Whether it ends with a reset.
    #[cfg(test)]
    fn resets(&self) -> bool {
        self.up.reset_at.is_some() || self.down.reset_at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_script() {
        for seed in 0..100 {
            assert_eq!(Script::of(seed), Script::of(seed));
        }
    }

    #[test]
    fn every_ending_occurs_and_even_seeds_do_not_reset() {
        let scripts: Vec<_> = (0..1000).map(Script::of).collect();
        let some = |wanted: &dyn Fn(&Script) -> bool| scripts.iter().any(wanted);
        assert!(some(&|script| script.up.reset_at.is_some()));
        assert!(some(&|script| script.down.reset_at.is_some()));
        assert!(some(&|script| script.up.hold_at.is_some()));
        assert!(some(&|script| script.down.hold_at.is_some()));
        assert!(some(&|script| script.up.length == 0));
        assert!(some(&|script| script.up.length > 1 << 20));
        let even = scripts.iter().step_by(2);
        assert!(even.clone().count() == 500 && even.clone().all(|script| !script.resets()));
        // Both lanes never wait for each other.
        assert!(scripts.iter().all(|s| s.up.hold_at.is_none() || s.down.hold_at.is_none()));
    }
}
