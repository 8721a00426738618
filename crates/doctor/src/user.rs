//! Who the process is, and what that user has to read.

use crate::check::Check;
use crate::demand::Demand;
use crate::finding::{Detail, Finding, Verdict};
use host::{Host, token_fault};
use plan::Plan;

/// What came of becoming the user.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) become_user: Result<(), String>,
    /// Why the token cannot be used, if one is needed.
    pub(super) token: Option<String>,
}

impl Tried {
    /// `become_user` came of becoming the user that the plan names.
    pub(super) fn of(plan: &Plan, become_user: Result<(), String>) -> Self {
        let token = plan.process.admin_token_file.as_deref().and_then(token_fault);
        let token = token.map(|error| error.to_string());
        Self { become_user, token }
    }
}

/// Without its user, its configuration or its token, the process does not start.
pub(super) fn user(demand: &Demand<'_>, host: &Host, tried: &Tried) -> Finding {
    let (asking, named) = (host.user(), &demand.plan.process.user);
    let (verdict, found) = match (&tried.become_user, named) {
        (Err(error), _) => (Verdict::Fail, format!("{error}; all other checks hold for {asking}")),
        (Ok(()), None) => (Verdict::Ok, format!("all checks hold for {asking}: `user` names none")),
        (Ok(()), Some(name)) => (
            Verdict::Ok,
            format!("all checks hold for `{name}`, whom the process becomes: {asking}"),
        ),
    };
    let token = tried.token.iter();
    let token = token.map(|fault| Detail::new(Verdict::Fail, &"admin_token_file", fault));
    Finding::new(Check::User, verdict, found).details(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plan_of;

    #[test]
    fn who_cannot_become_the_user_or_use_the_token_does_not_start() {
        let forward = "[[forward]]\nlisten = ':1'\nto = 'a:1'\n";
        let plan = plan_of(&format!("[process]\nuser = 'web'\n{forward}"));
        let host = Host { user_id: 33, ..Host::default() };
        let judge = |become_user: Result<(), &str>, token: Option<&str>| {
            let become_user = become_user.map_err(ToOwned::to_owned);
            let tried = Tried { become_user, token: token.map(ToOwned::to_owned) };
            user(&Demand::of(&plan), &host, &tried)
        };
        let finding = judge(Ok(()), None);
        assert_eq!(finding.verdict, Verdict::Ok);
        assert!(finding.found.contains("`web`") && finding.found.contains("id 33"), "{finding:?}");
        assert_eq!(judge(Err("no"), None).verdict, Verdict::Fail);
        assert_eq!(judge(Ok(()), Some("is too short")).verdict, Verdict::Fail);
    }
}
