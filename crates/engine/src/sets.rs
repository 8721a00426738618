//! The members of sets: entries of `to` whose targets are records in DNS. The resolver's answers come from
//! the control side, and outlive every plan.

use plan::{TARGETS_MAX, Target, TargetEntry};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

/// One target of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetMember {
    /// With port 0, the port is that of the entry in `to`.
    pub address: SocketAddr,
    /// 0 serves first; the others are backups of the lower ones.
    pub level: u16,
    /// Share of the sessions, relative to the other members of its level.
    pub weight: NonZeroU32,
}

/// A change of a set's members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetChange {
    /// The name, as in [`set_of`].
    pub name: Arc<str>,
    /// New addresses.
    pub added: Vec<SocketAddr>,
    /// Addresses that are members no longer.
    pub removed: Vec<SocketAddr>,
    /// Number of members now.
    pub targets: usize,
}

/// The members of all sets, by name: a host, or a service behind `srv:`, in lower case.
#[derive(Default)]
pub(crate) struct Sets(HashMap<Arc<str>, Vec<SetMember>>);

/// A target of a listener: configured, or a record of a set.
pub(crate) struct Planned<'a> {
    pub(crate) entry: Cow<'a, TargetEntry>,
    /// 0 serves first; the others are backups.
    pub(crate) level: u16,
    /// Name of the set that it is a member of.
    pub(crate) set: Option<Arc<str>>,
}

impl Sets {
    /// Replaces the members of a set. Returns the change; `None` if they are the same.
    pub(crate) fn replace(&mut self, name: Arc<str>, members: Vec<SetMember>) -> Option<SetChange> {
        let before = self.0.get(&name).map(Vec::as_slice).unwrap_or_default();
        if before == members {
            return None;
        }
        let change = SetChange {
            name: Arc::clone(&name),
            added: without(&members, before),
            removed: without(before, &members),
            targets: members.len(),
        };
        self.0.insert(name, members);
        Some(change)
    }

    /// Forgets the sets without one of these names.
    pub(crate) fn retain(&mut self, names: &HashSet<Arc<str>>) {
        self.0.retain(|name, _| names.contains(name));
    }

    /// The targets that these entries stand for, each address once, and the number of members beyond
    /// [`TARGETS_MAX`], which are left out. If no target is known at all, the unresolved sets stand for
    /// themselves: a session takes the addresses of the first answer.
    pub(crate) fn targets_of<'a>(&self, entries: &'a [TargetEntry]) -> (Vec<Planned<'a>>, usize) {
        let is_set = |entry: &&TargetEntry| entry.address.is_set();
        let configured = entries.iter().filter(|entry| !entry.address.is_set());
        let mut room = TARGETS_MAX.saturating_sub(configured.clone().count());
        let mut known: HashSet<SocketAddr> = match entries.iter().find(is_set) {
            Some(_) => configured.filter_map(|entry| address_of(&entry.address)).collect(),
            None => HashSet::new(),
        };
        let (mut targets, mut left_out) = (Vec::with_capacity(entries.len()), 0);
        for entry in entries {
            let Some((name, port)) = set_of(&entry.address) else {
                targets.push(Planned::configured(entry));
                continue;
            };
            for member in self.0.get(&name).into_iter().flatten() {
                let address = with_port(member.address, port);
                if !known.insert(address) {
                    continue;
                }
                if room == 0 {
                    left_out += 1;
                    continue;
                }
                room -= 1;
                targets.push(Planned::member(entry, member, address, &name));
            }
        }
        if targets.is_empty() {
            targets.extend(entries.iter().map(Planned::configured));
        }
        (targets, left_out)
    }
}

impl<'a> Planned<'a> {
    fn configured(entry: &'a TargetEntry) -> Self {
        let level = entry.options.backup.into();
        Self { entry: Cow::Borrowed(entry), level, set: None }
    }

    fn member(
        entry: &TargetEntry,
        member: &SetMember,
        address: SocketAddr,
        name: &Arc<str>,
    ) -> Self {
        let mut options = entry.options;
        // A service's records have their weights, and a host's addresses that of the entry.
        if let Target::Srv { .. } = entry.address {
            options.weight = member.weight;
        }
        let level = member.level.saturating_add(entry.options.backup.into());
        let entry = Cow::Owned(TargetEntry { address: Target::Ip(address), options });
        Self { entry, level, set: Some(Arc::clone(name)) }
    }
}

/// The addresses of `members` that `others` do not have.
fn without(members: &[SetMember], others: &[SetMember]) -> Vec<SocketAddr> {
    let others: HashSet<SocketAddr> = others.iter().map(|member| member.address).collect();
    let addresses = members.iter().map(|member| member.address);
    addresses.filter(|address| !others.contains(address)).collect()
}

/// The name of the set that an entry of `to` stands for, as the resolver knows it, and the port of its
/// addresses; 0 if each has its own.
pub fn set_of(target: &Target) -> Option<(Arc<str>, u16)> {
    match target {
        Target::Dns { host, port } => Some((host.to_ascii_lowercase().into(), *port)),
        Target::Srv { service } => Some((format!("srv:{service}").to_ascii_lowercase().into(), 0)),
        _ => None,
    }
}

fn address_of(target: &Target) -> Option<SocketAddr> {
    match target {
        Target::Ip(address) => Some(with_port(*address, 0)),
        _ => None,
    }
}

/// The address in its own form, since an IPv4 address in IPv6 form is the same target.
fn with_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    if let SocketAddr::V6(v6) = address
        && let Some(v4) = v6.ip().to_ipv4_mapped()
    {
        address = SocketAddr::new(v4.into(), v6.port());
    }
    if port != 0 {
        address.set_port(port);
    }
    address
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn entries(texts: &[&str]) -> Vec<TargetEntry> {
        texts.iter().map(|text| TargetEntry::new(text.parse().expect("a target"))).collect()
    }

    fn member(address: &str, level: u16, weight: u32) -> SetMember {
        let weight = NonZeroU32::new(weight).expect("not zero");
        SetMember { address: address.parse().expect("an address"), level, weight }
    }

    fn texts(sets: &Sets, entries: &[TargetEntry]) -> Vec<String> {
        let (targets, _) = sets.targets_of(entries);
        let text = |it: &Planned<'_>| {
            let TargetEntry { address, options } = &*it.entry;
            format!("{address} {} {}", options.weight, it.level)
        };
        targets.iter().map(text).collect()
    }

    #[test]
    fn members_stand_in_the_place_of_their_set() {
        let mut sets = Sets::default();
        let db = vec![member("10.0.0.2:0", 0, 1), member("[::ffff:10.0.0.1]:0", 0, 1)];
        let change = sets.replace("db.test".into(), db.clone()).expect("it is new");
        assert_eq!((change.added.len(), change.removed.len(), change.targets), (2, 0, 2));
        assert_eq!(sets.replace("db.test".into(), db), None);
        let service = vec![member("10.0.0.3:7000", 0, 5), member("10.0.0.4:7001", 1, 9)];
        sets.replace("srv:_db._tcp.test".into(), service);
        let mut list = entries(&["10.0.0.1:80", "dns:DB.test:80", "srv:_DB._tcp.test", "other:1"]);
        list[1].options.weight = NonZeroU32::new(3).expect("not zero");
        assert_eq!(
            texts(&sets, &list),
            [
                "10.0.0.1:80 1 0",
                "10.0.0.2:80 3 0",
                "10.0.0.3:7000 5 0",
                "10.0.0.4:7001 9 1",
                "other:1 1 0",
            ],
            "an address counts once"
        );
        list[1].options.backup = true;
        assert_eq!(texts(&sets, &list[1..2]), ["10.0.0.2:80 3 1", "10.0.0.1:80 3 1"]);
        assert_eq!(
            texts(&sets, &entries(&["dns:db.test:81"])),
            ["10.0.0.2:81 1 0", "10.0.0.1:81 1 0"]
        );
    }

    #[test]
    fn unresolved_sets_stand_for_themselves_where_nothing_else_does() {
        let mut sets = Sets::default();
        let list = entries(&["dns:a:1", "srv:_b._tcp.c"]);
        assert_eq!(texts(&sets, &list), ["dns:a:1 1 0", "srv:_b._tcp.c 1 0"]);
        assert_eq!(texts(&sets, &entries(&["dns:a:1", "d:2"])), ["d:2 1 0"]);
        sets.replace("srv:_b._tcp.c".into(), vec![member("10.0.0.1:5", 0, 1)]);
        assert_eq!(texts(&sets, &list), ["10.0.0.1:5 1 0"]);
        sets.retain(&HashSet::from(["a".into()]));
        assert_eq!(texts(&sets, &list), ["dns:a:1 1 0", "srv:_b._tcp.c 1 0"]);
    }

    #[test]
    fn targets_beyond_the_limit_are_left_out_and_configured_ones_are_not() {
        let mut sets = Sets::default();
        let address =
            |number: u32| SocketAddr::new(std::net::Ipv4Addr::from_bits(number).into(), 0);
        let many = (1..=1024)
            .map(|number| SetMember { address: address(number), ..member("1.1.1.1:0", 0, 1) });
        sets.replace("many".into(), many.collect());
        let list = entries(&["dns:many:80", "a:1", "b:1"]);
        let (targets, left_out) = sets.targets_of(&list);
        assert_eq!((targets.len(), left_out), (TARGETS_MAX, 2));
        assert_eq!(targets[1023].entry.address.to_string(), "b:1");
    }
}
