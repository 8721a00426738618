//! Login and rights of the instance at the store.

use super::examined;
use crate::check::Check;
use crate::finding::{Finding, FindingDetail, Verdict};
use crate::fleet_trial::FleetTrial;
use fleet::{Rights, StoreError};

/// Judges whether the instance may do what it has to do, and not more.
pub(crate) fn fleet_rights(trial: Option<&FleetTrial>) -> Finding {
    let (trial, examined) = match examined(Check::FleetRights, trial) {
        Ok(found) => found,
        Err(finding) => return finding,
    };
    match &examined.rights {
        Some(Ok(rights)) => judge(rights, trial.user.as_deref()),
        Some(Err(error)) => unusable(error),
        None if examined.members.iter().any(|member| member.result.is_ok()) => {
            let found = "no result in six seconds";
            Finding::new(Check::FleetRights, Verdict::Warn, found)
        }
        None => {
            let found = "not known: no member of the store works";
            Finding::new(Check::FleetRights, Verdict::Warn, found)
        }
    }
}

fn judge(rights: &Rights, user: Option<&str>) -> Finding {
    let Rights { current, own, wants_login, reads, writes_own, writes_current } = rights;
    let finding = |verdict, found: String| Finding::new(Check::FleetRights, verdict, found);
    let errors = [reads, writes_own].into_iter().filter_map(|result| result.as_ref().err());
    let (denied, others): (Vec<_>, Vec<_>) = errors.partition(|error| denied_key(error).is_some());
    if let Some(error) = others.first() {
        return unusable(error);
    }
    let subject = user.map_or("a client without `user`".to_owned(), |user| format!("`{user}`"));
    if !denied.is_empty() {
        let details = denied.iter().filter_map(|error| {
            Some(FindingDetail::new(Verdict::Fail, &denied_key(error)?, error.to_string()))
        });
        let found = format!("{subject} has too few rights at the store");
        let grants =
            denied.iter().filter_map(|error| Some(grant(denied_key(error)?, current, own)));
        return finding(Verdict::Fail, found).details(details).change(grants);
    }
    match writes_current {
        Ok(()) if *wants_login => {
            let found = format!(
                "{subject} may write `{current}`, which decides what every machine forwards"
            );
            let change =
                "give the publisher another user than the machines, as in docs/fleet-store.md";
            finding(Verdict::Warn, found).change([change.to_owned()])
        }
        Ok(()) => {
            let found = format!(
                "the store wants no login: every client of it may write `{current}`, which decides what every \
                 machine forwards"
            );
            let change =
                "add users and roles as in docs/fleet-store.md, then `etcdctl auth enable`";
            finding(Verdict::Warn, found).change([change.to_owned()])
        }
        Err(StoreError::Denied { .. }) => {
            let found = format!("{subject} may read the fleet's keys, and write only its own");
            finding(Verdict::Ok, found)
        }
        Err(error) => finding(Verdict::Warn, error.to_string()),
    }
}

/// The finding for an error that is not about rights. A store that is away is judged as such by another check.
fn unusable(error: &StoreError) -> Finding {
    let is_wrong = matches!(error, StoreError::Login { .. } | StoreError::File { .. });
    let verdict = if is_wrong { Verdict::Fail } else { Verdict::Warn };
    Finding::new(Check::FleetRights, verdict, error.to_string())
}

fn denied_key(error: &StoreError) -> Option<&str> {
    match error {
        StoreError::Denied { key, .. } => Some(key),
        _ => None,
    }
}

/// The command that grants what is missing at `key`.
fn grant(key: &str, current: &str, own: &str) -> String {
    let prefix = current.trim_end_matches("current");
    let right = if key == own {
        format!("readwrite {}", plan::shell_word(own))
    } else {
        format!("read --prefix {}", plan::shell_word(prefix))
    };
    format!("etcdctl role grant-permission ROLE {right}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "/path/instances/edge-1";

    fn denied(key: &str) -> Result<(), StoreError> {
        Err(StoreError::Denied { key: key.to_owned(), message: "denied".to_owned() })
    }

    fn rights() -> Rights {
        let (current, own) = ("/path/current".to_owned(), OWN.to_owned());
        let writes_current = denied("/path/current");
        Rights {
            current,
            own,
            wants_login: true,
            reads: Ok(()),
            writes_own: Ok(()),
            writes_current,
        }
    }

    #[test]
    fn each_missing_right_is_named_with_its_command() {
        assert_eq!(judge(&rights(), Some("edge-1")).verdict, Verdict::Ok);
        let (reads, writes_own) = (denied("/path/current"), denied(OWN));
        let found = judge(&Rights { reads, writes_own, ..rights() }, Some("edge-1"));
        assert_eq!(found.verdict, Verdict::Fail);
        let of: Vec<_> = found.details.iter().map(|it| it.of.as_str()).collect();
        assert_eq!(of, ["/path/current", OWN]);
        let commands = [
            "etcdctl role grant-permission ROLE read --prefix /path/",
            "etcdctl role grant-permission ROLE readwrite /path/instances/edge-1",
        ];
        assert_eq!(found.change, commands);
    }

    #[test]
    fn too_many_rights_warn_and_a_refused_login_fails() {
        let writer = Rights { writes_current: Ok(()), ..rights() };
        assert_eq!(judge(&writer, Some("root")).verdict, Verdict::Warn);
        let open = judge(&Rights { wants_login: false, ..writer }, None);
        assert_eq!(open.verdict, Verdict::Warn);
        assert!(open.found.contains("wants no login"), "{open:?}");
        let refused = StoreError::Login { message: "no".to_owned() };
        assert_eq!(unusable(&refused).verdict, Verdict::Fail);
        let away = Err(StoreError::NoQuorum { endpoint: "a:1".to_owned() });
        assert_eq!(judge(&Rights { reads: away, ..rights() }, None).verdict, Verdict::Warn);
    }
}
