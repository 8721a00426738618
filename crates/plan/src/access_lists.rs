//! `allow` and `deny` of a forward: which list refuses a client, and which files leave a list without a prefix.

use crate::plan::{ForwardSettings, Plan};
use crate::prefix_list::PrefixList;
use flow::Prefix;
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;

/// The lists of a forward. Clones share the prefixes.
#[derive(Clone, Debug, Default)]
pub struct AccessLists {
    pub(crate) allow: PrefixList,
    pub(crate) deny: PrefixList,
}

/// The list that refuses a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedBy {
    /// `allow` or `deny`.
    pub key: &'static str,
    /// The prefix of `deny` that decides. `None` for `allow`, which has none for the client.
    pub prefix: Option<Prefix>,
}

impl AccessLists {
    /// The list that refuses the client; `None` if it is allowed. Compares every prefix: it is for the log, and
    /// [`flow::AccessList`] for sessions.
    pub fn refusal(&self, client: IpAddr) -> Option<RefusedBy> {
        let longest = |list: &PrefixList| {
            let matching = list.prefixes().filter(|prefix| prefix.contains(client));
            matching.max_by_key(Prefix::length)
        };
        let (allow, deny) = (longest(&self.allow), longest(&self.deny));
        match deny {
            Some(prefix) if allow.is_none_or(|allow| allow.length() <= prefix.length()) => {
                Some(RefusedBy { key: "deny", prefix: Some(prefix) })
            }
            None if allow.is_none() && !self.allow.is_empty() => {
                Some(RefusedBy { key: "allow", prefix: None })
            }
            _ => None,
        }
    }
}

/// A file without a prefix, in lists of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EmptyEffect {
    /// `allow` has no prefix: it refuses every client.
    AllowsNone,
    /// `deny` has no prefix: it refuses no client.
    DeniesNone,
    /// The list has other prefixes, which hold.
    Others,
}

/// Files without a prefix, each with its effect, and the names of the forwards with such lists.
pub type EmptyFiles = BTreeMap<(PathBuf, EmptyEffect), Vec<String>>;

impl ForwardSettings {
    /// `allow` and `deny`.
    pub fn access_lists(&self) -> AccessLists {
        AccessLists { allow: self.allow.clone(), deny: self.deny.clone() }
    }
}

impl Plan {
    /// The files of prefixes that have none.
    pub fn empty_files(&self) -> EmptyFiles {
        let mut found = EmptyFiles::new();
        for forward in &self.forwards {
            let settings = &forward.settings;
            let lists = [
                (&settings.allow, EmptyEffect::AllowsNone),
                (&settings.deny, EmptyEffect::DeniesNone),
            ];
            for (list, effect) in lists {
                for file in list.files().filter(|file| file.prefixes.is_empty()) {
                    let effect = if list.has_none() { effect } else { EmptyEffect::Others };
                    found
                        .entry((file.path.clone(), effect))
                        .or_default()
                        .push(forward.name.clone());
                }
            }
        }
        found
    }

    /// Those among [`Self::empty_files`] that `old` does not have with this effect, or for other forwards only.
    pub fn empty_files_since(&self, old: &Self) -> EmptyFiles {
        let mut found = self.empty_files();
        if found.is_empty() {
            return found;
        }
        let old = old.empty_files();
        for (key, forwards) in &mut found {
            let before: HashSet<_> = old.get(key).into_iter().flatten().collect();
            forwards.retain(|name| !before.contains(name));
        }
        found.retain(|_, forwards| !forwards.is_empty());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefix_list::PrefixEntry;
    use proptest::prelude::*;

    fn list(prefixes: &[&str]) -> PrefixList {
        let entries = prefixes.iter().map(|text| PrefixEntry::Prefix(text.parse().unwrap()));
        PrefixList::new(entries.collect())
    }

    #[test]
    fn the_list_with_the_longest_prefix_refuses() {
        let lists = AccessLists {
            allow: list(&["10.0.0.0/8", "10.1.2.3", "192.0.2.0/24"]),
            deny: list(&["10.1.0.0/16", "192.0.2.0/24", "10.1.2.0/24"]),
        };
        let refused = |lists: &AccessLists, client: &str| {
            let refused = lists.refusal(client.parse().unwrap());
            refused.map(|it| format!("{} {:?}", it.key, it.prefix.map(|it| it.to_string())))
        };
        let by_deny = |prefix: &str| Some(format!("deny Some({prefix:?})"));
        assert_eq!(refused(&lists, "10.2.0.0"), None);
        assert_eq!(refused(&lists, "10.1.2.3"), None);
        assert_eq!(refused(&lists, "10.1.2.4"), by_deny("10.1.2.0/24"));
        assert_eq!(refused(&lists, "::ffff:10.1.3.0"), by_deny("10.1.0.0/16"));
        assert_eq!(refused(&lists, "192.0.2.1"), by_deny("192.0.2.0/24"), "a tie is deny");
        assert_eq!(refused(&lists, "2001:db8::"), Some("allow None".to_owned()));
        let deny_only = AccessLists { deny: list(&["10.0.0.0/8"]), ..AccessLists::default() };
        assert_eq!(refused(&deny_only, "11.0.0.0"), None);
        assert_eq!(refused(&deny_only, "10.0.0.0"), by_deny("10.0.0.0/8"));
    }

    proptest! {
        /// The verdict is the one of sessions.
        #[test]
        fn it_agrees_with_the_access_list(
            allow in proptest::collection::vec((0u32..8, 28u8..=32), 0..4),
            deny in proptest::collection::vec((0u32..8, 28u8..=32), 0..4),
            client in 0u32..8,
        ) {
            let list = |of: &[(u32, u8)]| {
                let prefix = |&(bits, length): &(u32, u8)| Prefix::around(IpAddr::V4(bits.into()), length, 0);
                PrefixList::new(of.iter().map(prefix).map(PrefixEntry::Prefix).collect())
            };
            let lists = AccessLists { allow: list(&allow), deny: list(&deny) };
            let (allow, deny) = (lists.allow.prefixes(), lists.deny.prefixes());
            let sessions = flow::AccessList::new(allow, deny, lists.allow.is_empty());
            let client = IpAddr::V4(client.into());
            prop_assert_eq!(lists.refusal(client).is_none(), sessions.allows(client));
        }
    }
}
