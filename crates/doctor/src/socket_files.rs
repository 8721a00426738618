//! Rights on the files of Unix listeners.

use crate::check::Check;
use crate::finding::{Finding, FindingDetail, Verdict};
use engine::ListenError;
use flow::SocketRights;
use plan::{ListenAddress, Plan};

/// A forward whose rights cannot be set, with the reason.
pub(super) type RefusedRights = (String, String);

/// Tries to set the rights of all forwards on new files.
pub(super) fn look(plan: &Plan) -> Vec<RefusedRights> {
    let mut plan = plan.clone();
    let unknown = host::find_socket_owners(&mut plan).into_iter();
    let mut refused: Vec<_> = unknown.map(|it| (it.forward.clone(), it.message())).collect();
    for forward in &plan.forwards {
        let tried = forward.routes.iter().find_map(|route| {
            let ListenAddress::Unix(path) = &route.listen else { return None };
            let rights = &forward.socket_rights;
            let error = sys::try_socket_rights(path, &SocketRights::AUTO, rights).err()?;
            Some(ListenError { address: route.listen.clone(), cause: error.into() })
        });
        refused.extend(tried.map(|error| (forward.name.clone(), error.to_string())));
    }
    refused
}

/// Judges the rights that cannot be set, without which a forward is not served.
pub(super) fn socket_files(refused: &[RefusedRights]) -> Finding {
    let check = Check::SocketFiles;
    if refused.is_empty() {
        return Finding::new(check, Verdict::Ok, "the rights of all Unix listeners can be set");
    }
    let details =
        refused.iter().map(|(forward, why)| FindingDetail::new(Verdict::Fail, forward, why));
    let found = "the files of Unix listeners cannot have their `mode`, `owner` or `group`";
    Finding::new(check, Verdict::Ok, found).details(details)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plan_of;

    #[test]
    fn an_unknown_owner_fails_and_a_mode_does_not() {
        let forward = "[[forward]]\nname = 'a'\nlisten = 'unix:/run/a.sock'\nto = 'h:1'\n";
        let judged =
            |settings: &str| socket_files(&look(&plan_of(&format!("{forward}{settings}"))));
        assert_eq!(judged("mode = '0660'").verdict, Verdict::Ok);
        let finding = judged("owner = 'no-such-user'");
        assert_eq!((finding.verdict, &*finding.details[0].of), (Verdict::Fail, "a"));
        assert!(finding.details[0].found.contains("there is no such user"), "{finding:?}");
    }
}
