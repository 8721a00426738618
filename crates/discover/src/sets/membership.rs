//! The targets of one `dns:` or `srv:` entry, from the answers of name servers. Pure: the time comes in.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Targets of one entry; further ones are ignored.
pub const MOST_MEMBERS: usize = 1024;
/// Complete answers in a row without a record, and the time over which they came, after which the record is
/// removed. Servers that answer with changing parts of a large set do not flap.
const ANSWERS_WITHOUT: u32 = 3;
const TIME_WITHOUT: Duration = Duration::from_secs(30);

/// How a member takes part in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    /// 0 serves first; the others are backups of the lower ones. The priority of an SRV record, counted
    /// from the lowest one of the set.
    pub level: u16,
    /// Weight among the members of a level. An SRV record's weight 0 is the smallest share, 1.
    pub weight: u16,
}

/// A record of an answer: an address of a name, or an SRV record with one address of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// The identity of the target: its share may change.
    pub address: SocketAddr,
    /// The priority of an SRV record; 0 for an address.
    pub priority: u16,
    /// The weight of an SRV record; 1 for an address.
    pub weight: u16,
}

/// A record in the set, and the answers without it.
struct Member {
    priority: u16,
    weight: u16,
    /// Complete answers in a row without this record, and the time of the first one.
    without: u32,
    since: Instant,
}

/// The members of one set.
#[derive(Default)]
pub struct Membership {
    members: BTreeMap<SocketAddr, Member>,
    left_out: usize,
}

impl Membership {
    /// The members of a previous process image.
    pub fn restored(records: &[Record], now: Instant) -> Self {
        let mut set = Self::default();
        for record in records {
            set.add(record, now);
        }
        set
    }

    /// Takes an answer. Its records are members at once; others leave after several answers without them
    /// that are complete: `is_covered` says whether the answer would have this address. An answer without
    /// records changes nothing. Returns whether the set has changed.
    pub fn answered(
        &mut self,
        records: &[Record],
        is_covered: impl Fn(SocketAddr) -> bool,
        now: Instant,
    ) -> bool {
        if records.is_empty() {
            return false;
        }
        let listed: HashSet<SocketAddr> = records.iter().map(|record| record.address).collect();
        for (address, member) in &mut self.members {
            if is_covered(*address) && !listed.contains(address) {
                member.since = if member.without == 0 { now } else { member.since };
                member.without = member.without.saturating_add(1);
            }
        }
        let before = self.members.len();
        self.members.retain(|_, member| !member.is_gone(now));
        let mut is_changed = self.members.len() != before;
        // In this order, so that answers in changing orders leave out the same ones.
        let mut records: Vec<&Record> = records.iter().collect();
        records.sort_unstable_by_key(|record| (record.address, record.priority));
        records.dedup_by_key(|record| record.address);
        for record in &records {
            is_changed |= self.add(record, now);
        }
        let is_left_out = |record: &&&Record| !self.members.contains_key(&record.address);
        self.left_out = records.iter().filter(is_left_out).count();
        is_changed
    }

    fn add(&mut self, record: &Record, now: Instant) -> bool {
        let Record { address, priority, weight } = *record;
        let is_full = self.members.len() >= MOST_MEMBERS;
        if is_full && !self.members.contains_key(&address) {
            return false;
        }
        let member = Member { priority, weight, without: 0, since: now };
        let before = self.members.insert(address, member);
        before.is_none_or(|before| (before.priority, before.weight) != (priority, weight))
    }

    /// Number of members.
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// Number of addresses in the last answer that found no place in the set.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The members as records, for the next process image.
    pub fn records(&self) -> Vec<Record> {
        let record = |(address, member): (&SocketAddr, &Member)| Record {
            address: *address,
            priority: member.priority,
            weight: member.weight,
        };
        self.members.iter().map(record).collect()
    }

    /// The members with their shares, in the order of their addresses.
    pub fn members(&self) -> Vec<(SocketAddr, Share)> {
        let mut priorities: Vec<_> = self.members.values().map(|member| member.priority).collect();
        priorities.sort_unstable();
        priorities.dedup();
        let level = |priority| priorities.binary_search(&priority).unwrap_or(0);
        let share = |member: &Member| Share {
            level: u16::try_from(level(member.priority)).unwrap_or(u16::MAX),
            weight: member.weight.max(1),
        };
        self.members.iter().map(|(address, member)| (*address, share(member))).collect()
    }
}

impl Member {
    fn is_gone(&self, now: Instant) -> bool {
        self.without >= ANSWERS_WITHOUT && now.saturating_duration_since(self.since) >= TIME_WITHOUT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn record(last: u8) -> Record {
        Record { address: ([10, 0, 0, last], 80).into(), priority: 0, weight: 1 }
    }

    fn records(lasts: &[u8]) -> Vec<Record> {
        lasts.iter().map(|last| record(*last)).collect()
    }

    /// The last bytes of the members' addresses.
    fn lasts(set: &Membership) -> Vec<u8> {
        let last = |address: &SocketAddr| match address.ip() {
            std::net::IpAddr::V4(ip) => ip.octets()[3],
            std::net::IpAddr::V6(_) => 0,
        };
        set.members().iter().map(|(address, _)| last(address)).collect()
    }

    #[test]
    fn a_record_leaves_after_three_answers_over_thirty_seconds() {
        let (mut set, start) = (Membership::default(), Instant::now());
        assert!(set.answered(&records(&[1, 2]), |_| true, start));
        assert!(!set.answered(&records(&[1, 2]), |_| true, start));
        for second in [1, 11, 21] {
            assert!(!set.answered(&records(&[1]), |_| true, start + SECOND * second));
        }
        assert_eq!(lasts(&set), [1, 2], "three answers, and only 20 s");
        assert!(set.answered(&records(&[1]), |_| true, start + SECOND * 31));
        assert_eq!(lasts(&set), [1]);
        // Long times count for nothing without answers.
        assert!(set.answered(&records(&[2]), |_| true, start + SECOND * 32));
        set.answered(&records(&[2]), |_| true, start + SECOND * 1000);
        assert_eq!(lasts(&set), [1, 2], "two answers without it");
        assert!(set.answered(&records(&[2]), |_| true, start + SECOND * 1001));
        assert_eq!(lasts(&set), [2]);
    }

    #[test]
    fn changing_thirds_of_a_set_do_not_flap() {
        let (mut set, start) = (Membership::default(), Instant::now());
        let all: Vec<u8> = (1..=9).collect();
        for turn in 0..300_u32 {
            let third = usize::try_from(turn % 3).unwrap() * 3;
            set.answered(&records(&all[third..third + 3]), |_| true, start + SECOND * 20 * turn);
            if turn >= 2 {
                assert_eq!(lasts(&set), all, "turn {turn}");
            }
        }
    }

    #[test]
    fn empty_and_incomplete_answers_remove_nothing() {
        let (mut set, start) = (Membership::default(), Instant::now());
        set.answered(&records(&[1, 2]), |_| true, start);
        for turn in 1..100 {
            assert!(!set.answered(&[], |_| true, start + SECOND * 60 * turn));
            assert!(!set.answered(&records(&[1]), |_| false, start + SECOND * 60 * turn));
        }
        assert!(set.answered(&records(&[3]), |_| false, start + SECOND * 6000));
        assert_eq!(lasts(&set), [1, 2, 3]);
    }

    #[test]
    fn an_answer_without_a_family_removes_nothing_of_it() {
        let (mut set, start) = (Membership::default(), Instant::now());
        let six = Record { address: ([0, 0, 0, 0, 0, 0, 0, 1], 80).into(), ..record(0) };
        set.answered(&[record(1), record(2), six], |_| true, start);
        for turn in 1..4 {
            set.answered(&records(&[1]), |it| it.is_ipv4(), start + SECOND * 20 * turn);
        }
        assert_eq!(lasts(&set), [1, 0]);
    }

    #[test]
    fn restored_members_are_the_same() {
        let (mut set, now) = (Membership::default(), Instant::now());
        set.answered(&records(&[1, 2, 3]), |_| true, now);
        assert_eq!(Membership::restored(&set.records(), now).members(), set.members());
    }

    #[test]
    fn priorities_become_levels_and_shares_change_at_once() {
        let (mut set, now) = (Membership::default(), Instant::now());
        let of = |last, priority, weight| Record { priority, weight, ..record(last) };
        let answer = [of(1, 20, 5), of(2, 10, 0), of(3, 30, 7)];
        assert!(set.answered(&answer, |_| true, now));
        let shares = |set: &Membership| -> Vec<_> {
            set.members().iter().map(|(_, share)| (share.level, share.weight)).collect()
        };
        assert_eq!(shares(&set), [(1, 5), (0, 1), (2, 7)]);
        assert!(set.answered(&[of(1, 10, 6), answer[1], answer[2]], |_| true, now));
        assert_eq!(shares(&set), [(0, 6), (0, 1), (1, 7)]);
    }

    #[test]
    fn the_number_of_members_is_bounded() {
        let (mut set, now) = (Membership::default(), Instant::now());
        let address = |number: u32| (std::net::Ipv4Addr::from_bits(number), 80).into();
        let many: Vec<_> =
            (0..2000).map(|number| Record { address: address(number), ..record(0) }).collect();
        assert!(set.answered(&many, |_| true, now));
        assert_eq!(set.members().len(), MOST_MEMBERS);
        assert_eq!(set.left_out(), 2000 - MOST_MEMBERS);
        let mut other_order = many.clone();
        other_order.reverse();
        assert!(!set.answered(&other_order, |_| true, now), "the same ones");
    }
}
