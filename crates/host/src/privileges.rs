//! Switching to the configured user.
//!
//! The switch comes before any listener is bound and before a second thread starts. A permission
//! that the user lacks, such as writing the log or creating a socket's file, therefore fails at the
//! start, and not at a later reload, rotation or upgrade. The capability for low ports is kept for
//! the life of the process, also across an upgrade in place.

mod accounts;

mod error;
pub use error::{AccountError, UserError, UserFault};

mod socket_owners;
pub use socket_owners::{UnknownOwner, find_socket_owners};

use crate::admin_address::admin_sockets;
use accounts::Accounts;
use plan::{AdminSocket, Plan};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use sys::{Identity, TrustedAccount};

/// The kernel's default, used where the setting cannot be read.
const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

/// Switches to the user in the plan, if there is one. Call it while the process has one thread, and
/// before opening any file that a reload opens again.
pub fn assume_user(plan: &Plan) -> Result<(), UserError> {
    become_user(plan, |identity| make_admin_directory(plan, identity))
}

/// Checks that the configured user and group exist.
pub fn find_user(plan: &Plan) -> Result<(), UserError> {
    plan.process.user.as_deref().map_or(Ok(()), |user| identity(user, plan).map(drop))
}

/// The id of the configured user. `None` if no user is configured, or an unknown one.
pub fn user_of(plan: &Plan) -> Option<u32> {
    Accounts::read().user_number(plan.process.user.as_deref()?).ok()
}

/// The configured user and its group. `None` if no user is configured, or an unknown one.
pub(crate) fn identity_of(plan: &Plan) -> Option<TrustedAccount> {
    let identity = identity(plan.process.user.as_deref()?, plan).ok()?;
    Some(TrustedAccount { user: identity.user, group: identity.group })
}

/// The effective user id of this process.
pub fn own_user() -> u32 {
    sys::user_id()
}

/// A user id with its name in `/etc/passwd`, if it has one there.
pub fn user_in_words(user: u32) -> String {
    match Accounts::read().name_of(user) {
        Some(name) => format!("user `{name}` (id {user})"),
        None => format!("the user with id {user}"),
    }
}

fn identity(user: &str, plan: &Plan) -> Result<Identity, UserError> {
    let identity = Accounts::read().find(user, plan.process.group.as_deref());
    identity.map_err(|error| UserError { user: user.to_owned(), cause: UserFault::Account(error) })
}

/// Like [`assume_user`], with `prepare` for the work that root does for the user before the switch.
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

/// The first candidate directory of the admin socket, which only root can create; `None` if the plan
/// does not use the default path.
pub fn admin_directory_of_user(plan: &Plan) -> Option<PathBuf> {
    let is_auto = plan.process.admin.socket == Some(AdminSocket::Auto);
    let is_wanted = is_auto && plan.config.is_some();
    let socket = admin_sockets().into_iter().next().filter(|_| is_wanted)?;
    socket.parent().map(Path::to_owned)
}

/// The name of a user; `None` if `/etc/passwd` has none.
pub fn user_name(user: u32) -> Option<String> {
    Accounts::read().name_of(user).map(str::to_owned)
}

/// A group that this process is not in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingGroup {
    /// Its number.
    pub number: u32,
    /// Its name; `None` if `/etc/group` has none, as for a group of LDAP.
    pub name: Option<String>,
    /// The name of this process's user, if `/etc/passwd` has one.
    pub user: Option<String>,
    /// Whether the user is a member by these files, and gets the group with the next login.
    pub is_assigned: bool,
}

/// Describes a group, by number, that this process is not in. `None` if it is in the group.
pub(crate) fn missing_group(number: u32) -> Option<MissingGroup> {
    if sys::is_in_group(number) {
        return None;
    }
    let (accounts, user) = (Accounts::read(), sys::user_id());
    let name = accounts.group_name(number).map(str::to_owned);
    let is_assigned = accounts.is_member(user, number);
    let user = accounts.name_of(user).map(str::to_owned);
    Some(MissingGroup { number, name, user, is_assigned })
}

/// The number of a user, by name or number.
pub(crate) fn user_number(user: &str) -> Result<u32, AccountError> {
    Accounts::read().user_number(user)
}

/// The number of a group, by name or number.
pub(crate) fn group_number(group: &str) -> Result<u32, AccountError> {
    Accounts::read().group(group)
}

fn make_admin_directory(plan: &Plan, identity: &Identity) {
    // A failure is no error: `usable_socket` then tries the next path. An existing directory keeps
    // its owner.
    let directory = admin_directory_of_user(plan);
    if let Some(directory) = directory.filter(|directory| fs::create_dir(directory).is_ok()) {
        let _ = std::os::unix::fs::lchown(directory, Some(identity.user), Some(identity.group));
    }
}

/// Whether a listener is on a privileged port. If so, the capability is kept, since a reload may
/// bind other low ports.
fn binds_low_port(plan: &Plan) -> bool {
    let start = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let start = start.ok().and_then(|text| text.trim().parse().ok());
    let start = start.unwrap_or(FIRST_UNPRIVILEGED_PORT);
    let routes = plan.forwards.iter().flat_map(|forward| &forward.routes);
    let ports = routes.filter_map(|route| route.listen.port());
    let admin = plan.process.admin.port.map(|address| address.port());
    let metrics = plan.process.metrics.map(plan::MetricsAddress::port);
    ports.chain(admin).chain(metrics).any(|port| port < start)
}

fn can_read(config: &Path) -> Result<(), UserFault> {
    let read = File::open(config).map(drop);
    read.map_err(|error| UserFault::Config { path: config.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capability_is_kept_for_low_ports_only() {
        let plan = |listen: &str| {
            let text = format!("[[forward]]\nlisten = {listen}\nto = 'host:9'\n");
            let input = plan::Input { config: Some("file".into()), ..plan::Input::default() };
            plan::read_text(&input, &text).plan.expect("a valid configuration")
        };
        assert!(binds_low_port(&plan("[':18080', ':1']")));
        assert!(!binds_low_port(&plan("[':65535', 'unix:/run/x.sock', 'fd:name']")));
    }
}
