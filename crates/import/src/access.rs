//! Clients that another forwarder allows or denies, as our lists: there the longest prefix decides.

use std::collections::HashSet;

use plan::Prefix;

use crate::section::Section;

/// The values of `allow` and `deny`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Access {
    allow: Vec<Prefix>,
    deny: Vec<Prefix>,
}

impl Access {
    /// The lists for rules of which the first one that matches decides, and `others` about clients without one.
    pub(crate) fn by_first_match(rules: &[(Prefix, bool)], others: bool) -> Self {
        let (mut access, mut seen) = (Self::default(), HashSet::new());
        for (prefix, is_allowed) in rules {
            // A rule within an earlier one never decides. Of all others, the longer one is the earlier one.
            if !prefix.enclosing().any(|outer| seen.contains(&outer)) {
                let list = if *is_allowed { &mut access.allow } else { &mut access.deny };
                list.push(*prefix);
            }
            seen.insert(*prefix);
        }
        access.with_others(others)
    }

    /// The lists for clients that are in `allow`, if there is one, and not in `deny`.
    pub(crate) fn deny_precedes(allow: Option<Vec<Prefix>>, mut deny: Vec<Prefix>) -> Self {
        let mut denied = HashSet::new();
        deny.retain(|prefix| denied.insert(*prefix));
        let others = allow.is_none();
        let mut allow = allow.unwrap_or_default();
        let mut allowed = HashSet::new();
        allow.retain(|prefix| {
            let is_denied = prefix.enclosing().any(|outer| denied.contains(&outer));
            !is_denied && allowed.insert(*prefix)
        });
        Self { allow, deny }.with_others(others)
    }

    /// Adds what decides about clients without a prefix in either list.
    fn with_others(mut self, others: bool) -> Self {
        match (others, self.allow.is_empty()) {
            (true, true) | (false, false) => {}
            (true, false) => self.allow.extend(all()),
            (false, true) => self.deny.extend(all()),
        }
        self
    }

    /// Sets the keys of lists that have prefixes.
    pub(crate) fn set(&self, section: &mut Section) {
        for (key, list) in [("allow", &self.allow), ("deny", &self.deny)] {
            let list: Vec<_> = list.iter().map(|it| plan::basic_string(&it.to_string())).collect();
            match &list[..] {
                [] => {}
                [one] => section.set(key, one.clone()),
                several => section.set(key, format!("[{}]", several.join(", "))),
            }
        }
    }
}

/// The prefixes of all addresses.
pub(crate) fn all() -> [Prefix; 2] {
    ["0.0.0.0/0", "::/0"].map(|text| text.parse().expect("a prefix"))
}

/// The prefixes that are in both lists.
pub(crate) fn common(one: &[Prefix], other: &[Prefix]) -> Vec<Prefix> {
    let within = |list: &[Prefix], outer: &[Prefix]| -> Vec<Prefix> {
        let outer: HashSet<_> = outer.iter().copied().collect();
        let is_within = |it: &&Prefix| it.enclosing().any(|enclosing| outer.contains(&enclosing));
        list.iter().filter(is_within).copied().collect()
    };
    let mut both = within(one, other);
    both.extend(within(other, one));
    let mut seen = HashSet::new();
    both.retain(|prefix| seen.insert(*prefix));
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(texts: &[&str]) -> Vec<Prefix> {
        texts.iter().map(|text| text.parse().expect("a prefix")).collect()
    }

    fn access(allow: &[&str], deny: &[&str]) -> Access {
        Access { allow: prefixes(allow), deny: prefixes(deny) }
    }

    #[test]
    fn rules_that_never_decide_are_left_out() {
        let rule = |text: &str, is_allowed| (text.parse().expect("a prefix"), is_allowed);
        let rules = [
            rule("10.1.0.0/16", true),
            rule("10.0.0.0/8", false),
            rule("10.2.0.0/16", true),
            rule("10.1.0.0/16", false),
            rule("10.1.2.3", false),
        ];
        let lists = Access::by_first_match(&rules, false);
        assert_eq!(lists, access(&["10.1.0.0/16"], &["10.0.0.0/8"]));
        let lists = Access::by_first_match(&rules, true);
        assert_eq!(lists, access(&["10.1.0.0/16", "0.0.0.0/0", "::/0"], &["10.0.0.0/8"]));
        let lists = Access::by_first_match(&rules[1..2], true);
        assert_eq!(lists, access(&[], &["10.0.0.0/8"]));
        let lists = Access::by_first_match(&[], false);
        assert_eq!(lists, access(&[], &["0.0.0.0/0", "::/0"]));
    }

    #[test]
    fn a_denied_prefix_takes_the_longer_ones_with_it() {
        let allow = Some(prefixes(&["10.0.0.0/8", "10.1.2.0/24", "10.3.0.0/16"]));
        let lists = Access::deny_precedes(allow, prefixes(&["10.1.0.0/16"]));
        assert_eq!(lists, access(&["10.0.0.0/8", "10.3.0.0/16"], &["10.1.0.0/16"]));
        let lists = Access::deny_precedes(Some(prefixes(&["10.1.2.3"])), prefixes(&["10.0.0.0/8"]));
        assert_eq!(lists, access(&[], &["10.0.0.0/8", "0.0.0.0/0", "::/0"]));
        assert_eq!(Access::deny_precedes(None, Vec::new()), Access::default());
    }

    #[test]
    fn what_two_lists_have_in_common_are_the_longer_prefixes() {
        let one = prefixes(&["10.0.0.0/8", "192.0.2.1", "127.0.0.1"]);
        let other = prefixes(&["10.1.0.0/16", "192.0.2.0/24", "127.0.0.1"]);
        assert_eq!(common(&one, &other), prefixes(&["192.0.2.1", "127.0.0.1", "10.1.0.0/16"]));
    }
}
