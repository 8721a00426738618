//! Becoming the user that the configuration names.
//!
//! That happens before anything else is opened: before listeners are bound, and before there is a
//! second thread. So whatever this user may not do, such as writing the log or making the file of a
//! socket, is known at the start, and not when a reload, a rotation or an upgrade needs it. What a
//! low port takes is kept for as long as the process lives, also over an upgrade in place.

mod accounts;

mod error;
pub use error::{AccountError, UserError, UserFault};

use crate::admin_address::admin_sockets;
use accounts::Accounts;
use plan::{Admin, Plan};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use sys::Identity;

/// The kernel's default, where the setting cannot be read.
const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

/// Becomes the user that the plan names, if it names one. To be called while the process has no
/// other thread, before anything is opened that later reloads have to open again.
pub fn assume_user(plan: &Plan) -> Result<(), UserError> {
    become_user(plan, |identity| make_admin_directory(plan, identity))
}

/// Whether this host knows the user and the group that the plan names, if it names one.
pub fn find_user(plan: &Plan) -> Result<(), UserError> {
    plan.process.user.as_deref().map_or(Ok(()), |user| identity(user, plan).map(drop))
}

fn identity(user: &str, plan: &Plan) -> Result<Identity, UserError> {
    let identity = Accounts::read().find(user, plan.process.group.as_deref());
    identity.map_err(|error| UserError { user: user.to_owned(), cause: UserFault::Account(error) })
}

/// The same as [`assume_user`], but what root has to do beforehand for this user is left to `prepare`.
pub fn become_user(plan: &Plan, prepare: impl FnOnce(&Identity)) -> Result<(), UserError> {
    let Some(user) = &plan.process.user else { return Ok(()) };
    let unfit = |cause| UserError { user: user.clone(), cause };
    let identity = identity(user, plan)?;
    if sys::threads() != Some(1) {
        return Err(unfit(UserFault::SeveralThreads));
    }
    if !identity.is_own() {
        prepare(&identity);
        identity.assume().map_err(|error| unfit(UserFault::Refused(error)))?;
    }
    sys::keep_capability(binds_low_port(plan)).map_err(|error| unfit(UserFault::Refused(error)))?;
    let config = plan.config.as_deref().map_or(Ok(()), can_read);
    config.map_err(unfit)
}

/// The directory of the admin socket, which only root can make where it is looked for first, if this
/// plan wants it.
pub fn admin_directory_of_user(plan: &Plan) -> Option<PathBuf> {
    let is_wanted = plan.process.admin == Admin::Auto && plan.config.is_some();
    let socket = admin_sockets().into_iter().next().filter(|_| is_wanted)?;
    socket.parent().map(Path::to_owned)
}

fn make_admin_directory(plan: &Plan, identity: &Identity) {
    // Without one, there is no admin interface, or it is elsewhere; one that is there already
    // belongs to whoever made it.
    let directory = admin_directory_of_user(plan);
    if let Some(directory) = directory.filter(|directory| fs::create_dir(directory).is_ok()) {
        let _ = std::os::unix::fs::lchown(directory, Some(identity.user), Some(identity.group));
    }
}

/// Whether a listener is on a port for which a process needs to be privileged. A reload may move it
/// to another one, or bring another, for as long as the process lives.
fn binds_low_port(plan: &Plan) -> bool {
    let start = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let start = start.ok().and_then(|text| text.trim().parse().ok());
    let start = start.unwrap_or(FIRST_UNPRIVILEGED_PORT);
    let routes = plan.forwards.iter().flat_map(|forward| &forward.routes);
    routes.filter_map(|route| route.listen.port()).any(|port| port < start)
}

fn can_read(config: &Path) -> Result<(), UserFault> {
    let read = File::open(config).map(drop);
    read.map_err(|error| UserFault::Config { path: config.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_low_ports_keep_the_capability() {
        let plan = |listen: &str| {
            let text = format!("[[forward]]\nlisten = {listen}\nto = 'host:9'\n");
            let input = plan::Input { config: Some("file".into()), ..plan::Input::default() };
            plan::read_text(&input, &text).plan.expect("a valid configuration")
        };
        assert!(binds_low_port(&plan("[':18080', ':1']")));
        assert!(!binds_low_port(&plan("[':65535', 'unix:/run/x.sock', 'fd:name']")));
    }
}
