//! Call tree of a profile: stacks with common outer functions share a branch.

use crate::{Profile, Symbols};
use std::collections::BTreeMap;

/// A function below one particular caller.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Value of this function, including its callees.
    pub(crate) total: i64,
    /// Callees of this function, by name.
    pub(crate) calls: BTreeMap<String, Node>,
}

impl Node {
    /// The tree of the last of a profile's values.
    pub(crate) fn of(profile: &Profile, symbols: &Symbols) -> Self {
        let mut root = Self::default();
        for sample in &profile.samples {
            let value = sample.values.last().copied().unwrap_or(0);
            if value <= 0 {
                continue;
            }
            root.total += value;
            let mut node = &mut root;
            for address in sample.addresses.iter().rev() {
                for name in names(*address, symbols) {
                    node = node.calls.entry(name).or_default();
                    node.total += value;
                }
            }
        }
        root
    }

    /// Depth of the tree, without nodes below `least`.
    pub(crate) fn depth(&self, least: i64) -> usize {
        let shown = self.calls.values().filter(|node| node.total >= least);
        shown.map(|node| 1 + node.depth(least)).max().unwrap_or(0)
    }
}

/// The functions at an address, outermost first.
fn names(address: usize, symbols: &Symbols) -> Vec<String> {
    let names: Vec<_> =
        symbols.at(address).iter().rev().map(|frame| frame.function.clone()).collect();
    if names.is_empty() { vec![format!("{address:#x}")] } else { names }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sample, ValueKind};
    use std::time::{Duration, SystemTime};

    #[test]
    fn stacks_share_their_common_outer_functions() {
        const CPU: ValueKind = ValueKind { name: "cpu", unit: "nanoseconds" };
        let sample = |addresses: &[usize], value| Sample {
            addresses: addresses.to_vec(),
            values: vec![1, value],
        };
        let profile = Profile {
            kinds: &[CPU, CPU],
            samples: vec![sample(&[3, 1], 5), sample(&[2, 1], 7), sample(&[1], 0)],
            period: (CPU, 1),
            since: SystemTime::UNIX_EPOCH,
            duration: Duration::ZERO,
            remarks: Vec::new(),
        };
        let tree = Node::of(&profile, &Symbols::named(&[(1, &["main"]), (3, &["in", "out"])]));
        assert_eq!(tree.total, 12);
        let main = &tree.calls["main"];
        assert_eq!((main.total, main.calls["out"].calls["in"].total), (12, 5));
        assert_eq!(main.calls["0x2"].total, 7);
        assert_eq!((tree.depth(1), tree.depth(6)), (3, 2));
    }
}
