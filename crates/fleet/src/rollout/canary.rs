//! The choice of the instances that try a text first.

use flow::Random;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// The instances that try a text first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Canary {
    /// A number of instances, chosen at random.
    Count(usize),
    /// A percentage of the live instances, rounded up, chosen at random.
    Share(usize),
    /// Instances by name.
    Names(BTreeSet<String>),
}

/// A choice of canaries that has none of the three forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryError(String);

impl fmt::Display for CanaryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` chooses no canaries: expected a number (1), a share (25%) or names (edge-1,edge-2)",
            plan::escaped(&self.0)
        )
    }
}

impl Error for CanaryError {}

impl FromStr for Canary {
    type Err = CanaryError;

    fn from_str(text: &str) -> Result<Self, CanaryError> {
        let wrong = || CanaryError(text.to_owned());
        if let Some(share) = text.strip_suffix('%') {
            let share = share.trim().parse().map_err(|_| wrong())?;
            return if (1..=100).contains(&share) { Ok(Self::Share(share)) } else { Err(wrong()) };
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let count = text.parse().map_err(|_| wrong())?;
            return if count > 0 { Ok(Self::Count(count)) } else { Err(wrong()) };
        }
        let names: BTreeSet<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        if names.contains("") { Err(wrong()) } else { Ok(Self::Names(names)) }
    }
}

impl Canary {
    /// Chooses among the names of the live instances; `random` decides which. The error is the names without a live
    /// instance.
    pub(super) fn choose(
        &self,
        live: &BTreeSet<String>,
        random: u64,
    ) -> Result<BTreeSet<String>, BTreeSet<String>> {
        let count = match self {
            Self::Names(names) => {
                let unknown: BTreeSet<_> = names.difference(live).cloned().collect();
                return if unknown.is_empty() { Ok(names.clone()) } else { Err(unknown) };
            }
            Self::Count(count) => *count,
            Self::Share(share) => (live.len() * share).div_ceil(100),
        };
        let mut left: Vec<&String> = live.iter().collect();
        let mut random = Random::new(random);
        let chosen = (0..count.min(live.len())).map(|_| {
            let at = random.below(left.len() as u64);
            left.swap_remove(usize::try_from(at).expect("an index is below the length")).clone()
        });
        Ok(chosen.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[&str]) -> BTreeSet<String> {
        of.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_three_forms_are_read_and_others_are_refused() {
        assert_eq!("3".parse(), Ok(Canary::Count(3)));
        assert_eq!("25%".parse(), Ok(Canary::Share(25)));
        assert_eq!("b, a".parse(), Ok(Canary::Names(names(&["a", "b"]))));
        assert_eq!("edge-1".parse(), Ok(Canary::Names(names(&["edge-1"]))));
        for wrong in ["", "0", "0%", "101%", "-1%", "%", "a,,b", "99999999999999999999"] {
            assert!(wrong.parse::<Canary>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_share_is_rounded_up_and_never_exceeds_the_live() {
        let live = names(&["a", "b", "c", "d", "e"]);
        let count = |canary: Canary| canary.choose(&live, 7).unwrap().len();
        assert_eq!(count(Canary::Share(1)), 1);
        assert_eq!(count(Canary::Share(20)), 1);
        assert_eq!(count(Canary::Share(21)), 2);
        assert_eq!(count(Canary::Share(100)), 5);
        assert_eq!(count(Canary::Count(9)), 5);
    }

    #[test]
    fn each_instance_is_chosen_by_some_number() {
        let live = names(&["a", "b", "c"]);
        let chosen = (0..60).map(|random| Canary::Count(1).choose(&live, random).unwrap());
        let all: BTreeSet<String> = chosen.flatten().collect();
        assert_eq!(all, live);
    }

    #[test]
    fn names_without_a_live_instance_are_refused() {
        let canary = Canary::Names(names(&["a", "x"]));
        assert_eq!(canary.choose(&names(&["a", "b"]), 0), Err(names(&["x"])));
    }
}
