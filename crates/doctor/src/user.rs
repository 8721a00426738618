//! The configured user, and the files that it must be able to read.

use crate::check::Check;
use crate::demand::Demand;
use crate::finding::{Finding, FindingDetail, Verdict};
use host::{Host, token_fault};
use plan::Plan;

/// The result of switching to the user.
#[derive(Debug)]
pub(super) struct UserResult {
    /// The error is the text of the finding.
    pub(super) become_user: Result<(), String>,
    /// The problem with the token, if one is needed and cannot be used.
    pub(super) token: Option<String>,
}

impl UserResult {
    /// Reads the token as the present user. `become_user` is the result of the switch.
    pub(super) fn of(plan: &Plan, become_user: Result<(), String>) -> Self {
        let token = plan.process.admin_token_file.as_deref().and_then(token_fault);
        let token = token.map(|error| error.to_string());
        Self { become_user, token }
    }
}

/// Judges user, configuration and token, without which the process does not start.
pub(super) fn user(demand: &Demand<'_>, host: &Host, tried: &UserResult) -> Finding {
    let (asking, named) = (host.user(), &demand.plan.process.user);
    let (verdict, found) = match (&tried.become_user, named) {
        (Err(error), _) => (Verdict::Fail, format!("{error}; all other checks apply to {asking}")),
        (Ok(()), None) => {
            (Verdict::Ok, format!("all checks apply to {asking}: `user` is not configured"))
        }
        (Ok(()), Some(name)) => {
            (Verdict::Ok, format!("all checks apply to the configured user `{name}`: {asking}"))
        }
    };
    let token = tried.token.iter();
    let token = token.map(|fault| FindingDetail::new(Verdict::Fail, &"admin_token_file", fault));
    Finding::new(Check::User, verdict, found).details(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plan_of;

    #[test]
    fn a_failed_switch_or_an_unusable_token_fails() {
        let forward = "[[forward]]\nlisten = ':1'\nto = 'a:1'\n";
        let plan = plan_of(&format!("[process]\nuser = 'web'\n{forward}"));
        let host = Host { user_id: 33, ..Host::default() };
        let judge = |become_user: Result<(), &str>, token: Option<&str>| {
            let become_user = become_user.map_err(ToOwned::to_owned);
            let tried = UserResult { become_user, token: token.map(ToOwned::to_owned) };
            user(&Demand::of(&plan), &host, &tried)
        };
        let finding = judge(Ok(()), None);
        assert_eq!(finding.verdict, Verdict::Ok);
        assert!(finding.found.contains("`web`") && finding.found.contains("id 33"), "{finding:?}");
        assert_eq!(judge(Err("no"), None).verdict, Verdict::Fail);
        assert_eq!(judge(Ok(()), Some("is too short")).verdict, Verdict::Fail);
    }
}
