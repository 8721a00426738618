//! User, groups and capabilities of this process (credentials(7), capabilities(7)).
//!
//! Linux keeps them per thread, and the functions here change the calling thread only. They change
//! the whole process only if it has no other thread yet; later threads inherit.

use crate::{Errno, Result};
use rustix::process::{
    DumpableBehavior, Gid, Uid, getegid, geteuid, getgid, getuid, set_dumpable_behavior, umask,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, configure_capability_in_ambient_set,
    set_capabilities, set_keep_capabilities, set_no_new_privs, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};

/// Write permission for other users.
const OTHERS_WRITE: rustix::fs::Mode = rustix::fs::Mode::WOTH;

/// A user and its groups, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub user: u32,
    /// Primary group id, also of created files.
    pub group: u32,
    /// Supplementary group ids.
    pub groups: Vec<u32>,
}

/// A system call that failed while changing the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentityError {
    /// Name of the call.
    pub call: &'static str,
    /// Error of the call.
    pub errno: Errno,
}

/// Number of threads of this process; `None` without `/proc`.
pub fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

impl Identity {
    /// Whether the process already has this user and group, as real and effective ids.
    pub fn is_own(&self) -> bool {
        let user = [getuid(), geteuid()].iter().all(|it| it.as_raw() == self.user);
        user && [getgid(), getegid()].iter().all(|it| it.as_raw() == self.group)
    }

    /// Switches to this user permanently. Of its capabilities, the process keeps the ones that the
    /// following [`keep_capability`] selects.
    ///
    /// After an error the switch is incomplete, and the process has to exit.
    pub fn assume(&self) -> std::result::Result<(), IdentityError> {
        let tried = |call| move |errno| IdentityError { call, errno };
        let groups: Vec<_> = self.groups.iter().map(|group| Gid::from_raw(*group)).collect();
        let (user, group) = (Uid::from_raw(self.user), Gid::from_raw(self.group));
        set_keep_capabilities(true).map_err(tried("prctl(PR_SET_KEEPCAPS)"))?;
        set_thread_groups(&groups).map_err(tried("setgroups"))?;
        set_thread_res_gid(group, group, group).map_err(tried("setresgid"))?;
        set_thread_res_uid(user, user, user).map_err(tried("setresuid"))
    }
}

/// Drops every capability except `CAP_NET_BIND_SERVICE`, which is kept if `bind_service` is set and
/// it is available; as an ambient capability it survives execve(2). From then on, executed programs
/// gain no further privileges (`no_new_privs`, prctl(2)).
pub fn keep_capability(bind_service: bool) -> std::result::Result<(), IdentityError> {
    let tried = |call| move |errno| IdentityError { call, errno };
    let wanted =
        if bind_service { CapabilitySet::NET_BIND_SERVICE } else { CapabilitySet::empty() };
    let now = capabilities(None).map_err(tried("capget"))?;
    let kept = now.permitted & wanted;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: kept };
    set_capabilities(None, sets).map_err(tried("capset"))?;
    if !kept.is_empty() {
        configure_capability_in_ambient_set(kept, true)
            .map_err(tried("prctl(PR_CAP_AMBIENT_RAISE)"))?;
    }
    set_no_new_privs(true).map_err(tried("prctl(PR_SET_NO_NEW_PRIVS)"))
}

/// Disables core dumps, and access to this process's memory by other processes of its user
/// (`PR_SET_DUMPABLE`), because it holds a secret. Lasts until the next execve(2).
pub fn hide_memory() -> Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

/// Makes new files and sockets of this process not writable by other users, whatever umask(2) it
/// was started with.
pub fn never_writable_by_others() {
    // The mask can only be read by setting it.
    let before = umask(OTHERS_WRITE);
    umask(before | OTHERS_WRITE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_its_own_identity_and_no_other() {
        let own = Identity { user: getuid().as_raw(), group: getgid().as_raw(), groups: vec![] };
        assert!(own.is_own());
        assert!(!Identity { user: own.user + 1, ..own.clone() }.is_own());
        assert!(!Identity { group: own.group + 1, ..own }.is_own());
        assert!(threads().is_some_and(|threads| threads > 0));
    }
}
