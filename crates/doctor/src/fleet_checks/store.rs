//! The members of the store.

use super::examined;
use crate::check::Check;
use crate::finding::{Finding, FindingDetail, Verdict};
use crate::fleet_trial::FleetTrial;
use fleet::{Examined, Member, MemberHealth, StoreError};

/// Judges whether each endpoint is a working member of one cluster.
pub(crate) fn fleet_store(trial: Option<&FleetTrial>) -> Finding {
    match examined(Check::FleetStore, trial) {
        Ok((_, examined)) => judge(examined),
        Err(finding) => finding,
    }
}

fn judge(Examined { members, voters, rights, .. }: &Examined) -> Finding {
    let working: Vec<&Member> = members.iter().filter_map(|it| it.result.as_ref().ok()).collect();
    let (all, up) = (members.len(), working.len());
    // One is enough to follow the fleet.
    let verdict = if up == 0 { Verdict::Fail } else { Verdict::Warn };
    let details = members.iter().map(|member| match &member.result {
        Ok(found) => FindingDetail::new(Verdict::Ok, &member.endpoint, statement(found)),
        Err(error) => FindingDetail::new(verdict, &member.endpoint, cause(error)),
    });
    let clusters = working.windows(2).any(|two| two[0].cluster != two[1].cluster);
    let clusters = clusters.then(|| {
        let found = "its endpoints are members of different clusters: name those of one";
        FindingDetail::new(Verdict::Fail, &"from", found)
    });
    // A member without a quorum knows the last leader for a while.
    let unread = rights.as_ref().and_then(|rights| unread(rights.as_ref().err()?));
    let unread = unread.map(|found| FindingDetail::new(Verdict::Fail, &"cluster", found));
    let size = voters.and_then(|voters| size(voters, all));
    let size = size.map(|found| FindingDetail::new(Verdict::Ok, &"cluster", found));
    let found = format!("{up} of {all} endpoints of the store work");
    let finding = Finding::new(Check::FleetStore, Verdict::Ok, found);
    let remarks = unread.into_iter().chain(clusters).chain(size);
    finding.details(remarks.chain(details)).change(changes(members))
}

fn statement(member: &Member) -> String {
    let role = if member.is_leader { "leads" } else { "follows the leader" };
    format!("etcd {} {role}", member.version)
}

/// An error without the endpoint, where the detail names it already.
fn cause(error: &StoreError) -> String {
    match error {
        StoreError::Unreachable(causes) => {
            let causes: Vec<_> = causes.iter().map(|(_, cause)| cause.as_str()).collect();
            causes.join("; ")
        }
        error => error.to_string(),
    }
}

/// Why members that work do not answer a read, which needs a quorum.
fn unread(error: &StoreError) -> Option<String> {
    match error {
        StoreError::NoQuorum { .. } | StoreError::Unreachable(_) => {
            Some(format!("the fleet's keys cannot be read: {error}"))
        }
        _ => None,
    }
}

/// A remark about the number of members that vote.
fn size(voters: usize, endpoints: usize) -> Option<String> {
    let hidden = (endpoints < voters)
        .then(|| format!("`from` names {endpoints} of {voters} members: name all of them"));
    match voters {
        1 => Some("it has one member, and so no redundancy".to_owned()),
        even if even % 2 == 0 => {
            let fewer = even - 1;
            let odd = format!("its {even} members survive no more failures than {fewer} do");
            Some(hidden.into_iter().fold(odd, |odd, hidden| format!("{odd}; {hidden}")))
        }
        _ => hidden,
    }
}

/// The remedies of faults whose texts have none, each once.
fn changes(members: &[MemberHealth]) -> Vec<String> {
    let mut changes: Vec<String> = Vec::new();
    for member in members {
        let Some(remedy) = member.remedy else { continue };
        if !changes.iter().any(|it| it.ends_with(remedy)) {
            changes.push(format!("{}: {remedy}", member.endpoint));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn member(endpoint: &str, cluster: u64) -> MemberHealth {
        let version = "3.4.23".to_owned();
        let member = Member { cluster, version, is_leader: true };
        MemberHealth { endpoint: endpoint.to_owned(), result: Ok(member), remedy: None }
    }

    fn away(endpoint: &str) -> MemberHealth {
        let causes = vec![(endpoint.to_owned(), "connection refused".to_owned())];
        let result = Err(StoreError::Unreachable(causes));
        MemberHealth { endpoint: endpoint.to_owned(), result, remedy: Some("start it") }
    }

    fn judged(members: Vec<MemberHealth>, voters: Option<usize>) -> Finding {
        judged_with(members, voters, None)
    }

    fn judged_with(
        members: Vec<MemberHealth>,
        voters: Option<usize>,
        error: Option<StoreError>,
    ) -> Finding {
        let rights = error.map(Err);
        let (certificates, at) = (Vec::new(), SystemTime::UNIX_EPOCH);
        judge(&Examined { members, certificates, voters, rights, at })
    }

    #[test]
    fn one_working_member_of_one_cluster_is_enough() {
        assert_eq!(judged(vec![member("a:1", 1), member("b:1", 1)], None).verdict, Verdict::Ok);
        let some = judged(vec![member("a:1", 1), away("b:1"), away("c:1")], None);
        assert_eq!(some.verdict, Verdict::Warn);
        assert_eq!(some.found, "1 of 3 endpoints of the store work");
        assert_eq!(some.details[0].found, "connection refused");
        assert_eq!(some.change, ["b:1: start it"], "each remedy once");
        assert_eq!(judged(vec![away("a:1"), away("b:1")], None).verdict, Verdict::Fail);
        let two = judged(vec![member("a:1", 1), member("b:1", 2)], None);
        assert_eq!(two.verdict, Verdict::Fail);
        assert!(two.details[0].found.contains("different clusters"), "{two:?}");
    }

    #[test]
    fn members_that_cannot_be_read_fail() {
        let judged = |error| judged_with(vec![member("a:1", 1)], None, Some(error)).verdict;
        assert_eq!(judged(StoreError::NoQuorum { endpoint: "a:1".to_owned() }), Verdict::Fail);
        assert_eq!(judged(StoreError::Login { message: String::new() }), Verdict::Ok);
    }

    #[test]
    fn the_number_of_members_is_remarked_upon() {
        let remark = |voters, endpoints| size(voters, endpoints).unwrap_or_default();
        assert_eq!(remark(3, 3), "");
        assert_eq!(remark(3, 4), "", "a name may have several addresses");
        assert!(remark(1, 1).contains("no redundancy"));
        assert!(remark(3, 2).contains("`from` names 2 of 3 members"));
        let even = remark(4, 1);
        assert!(even.contains("no more failures than 3 do") && even.contains("1 of 4"), "{even}");
    }
}
