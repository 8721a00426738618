//! Who this process is, and what it may do beyond that (credentials(7), capabilities(7)).
//!
//! Linux keeps both per thread. What is changed here is the calling thread's: only a process that
//! has no other thread yet changes as a whole, and those that it starts later are the same.

use crate::{Errno, Result};
use rustix::process::{
    DumpableBehavior, Gid, Uid, getegid, geteuid, getgid, getuid, set_dumpable_behavior, umask,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, configure_capability_in_ambient_set,
    set_capabilities, set_keep_capabilities, set_no_new_privs, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};

/// What others may not do with a file of ours.
const OTHERS_WRITE: rustix::fs::Mode = rustix::fs::Mode::WOTH;

/// A user, and the groups it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's number.
    pub user: u32,
    /// The number of the group that its files get.
    pub group: u32,
    /// The numbers of further groups.
    pub groups: Vec<u32>,
}

/// A system call that failed on the way to another identity: its name, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentityError {
    /// The call.
    pub call: &'static str,
    /// What the kernel said.
    pub errno: Errno,
}

/// How many threads this process has; `None` without `/proc`.
pub fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

impl Identity {
    /// Whether the process acts as this user and group already, and could not go back to another.
    pub fn is_own(&self) -> bool {
        let user = [getuid(), geteuid()].iter().all(|it| it.as_raw() == self.user);
        user && [getgid(), getegid()].iter().all(|it| it.as_raw() == self.group)
    }

    /// Becomes this user, for good: nothing that the process may do after this gives it another
    /// identity. Of its capabilities it keeps those that [`keep_capability`] is asked for next.
    ///
    /// An error leaves it half-way: a process that gets one has to end.
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

/// Gives up every capability, but for `CAP_NET_BIND_SERVICE` if that is to be kept and is there:
/// then execve(2) keeps it as well (an ambient capability). Whatever this process executes from now
/// on gets no more than it has itself (`no_new_privs`, prctl(2)).
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

/// No core dump of this process is written, and no other process of its user may look into its
/// memory (`PR_SET_DUMPABLE`): for one that holds a secret. Holds until the next execve(2).
pub fn hide_memory() -> Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

/// Files and sockets that this process makes from now on cannot be written to by everybody, whatever
/// it was started with (umask(2)).
pub fn never_writable_by_others() {
    // It can be read only by setting it.
    let before = umask(OTHERS_WRITE);
    umask(before | OTHERS_WRITE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_itself_and_nobody_else() {
        let own = Identity { user: getuid().as_raw(), group: getgid().as_raw(), groups: vec![] };
        assert!(own.is_own());
        assert!(!Identity { user: own.user + 1, ..own.clone() }.is_own());
        assert!(!Identity { group: own.group + 1, ..own }.is_own());
        assert!(threads().is_some_and(|threads| threads > 0));
    }
}
