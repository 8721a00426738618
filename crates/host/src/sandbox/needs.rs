//! Files that a plan reads and writes.

use super::Access;
use crate::admin_address::present_socket;
use plan::{AdminSocket, HOST_AUTHORITIES, ListenAddress, Plan};
use std::fmt;
use std::path::{Path, PathBuf};
use sys::Entry;

/// A file that the process opens or creates, now or later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    /// The setting that names the file, for error texts.
    asked_by: String,
    pub(super) path: PathBuf,
    pub(super) access: Access,
}

impl Need {
    fn new(asked_by: impl Into<String>, path: &Path, access: Access) -> Self {
        Self { asked_by: asked_by.into(), path: path.to_owned(), access }
    }

    pub(super) fn config(path: &Path) -> Self {
        Self::new("the configuration", path, Access::Read)
    }

    /// The program that an upgrade executes.
    pub(super) fn program(path: &Path) -> Self {
        Self::new("the program", path, Access::Execute)
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.asked_by, self.path.display())
    }
}

/// Every file in the plan. Activated sockets need none: the process neither binds nor removes them.
pub(super) fn needs(plan: &Plan) -> Vec<Need> {
    let config = plan.config.as_deref().map(Need::config);
    // A descriptor is open already, and is not opened again.
    let is_opened = |file: &&Path| !Entry::reached_by(file).is_ok_and(|it| it.is_descriptor());
    let log = plan.log.file.as_deref().filter(is_opened);
    let log = log.map(|file| Need::new("`file` in [log]", file, Access::Write));
    let listeners = plan.forwards.iter().flat_map(|forward| {
        forward.routes.iter().filter_map(move |route| match &route.listen {
            ListenAddress::Unix(path) => {
                let asked_by =
                    format!("`listen` of forward `{}` ({})", forward.name, forward.location);
                Some(Need::new(asked_by, path, Access::Write))
            }
            _ => None,
        })
    });
    // Reloads read them again.
    let prefix_files = plan.prefix_files().into_iter();
    let prefix_files = prefix_files
        .map(|file| Need::new("the prefix file of `allow` or `deny`", &file.path, Access::Read));
    let files = config.into_iter().chain(admin(plan)).chain(log).chain(fleet(plan));
    let files = files.chain(prefix_files);
    files.chain(listeners).collect()
}

fn admin(plan: &Plan) -> impl Iterator<Item = Need> {
    let socket = match &plan.process.admin.socket {
        Some(AdminSocket::At(path)) => Some(admin_socket(path)),
        Some(AdminSocket::Auto) | None => None,
    };
    // Reloads and upgrades read the token file again.
    let token_file = plan.process.admin_token_file.as_deref();
    let token_file =
        token_file.map(|file| Need::new("`admin_token_file` in [process]", file, Access::Read));
    socket.into_iter().chain(token_file)
}

/// The directory of the last good text, and the files that each connection to the store reads again.
fn fleet(plan: &Plan) -> impl Iterator<Item = Need> {
    let fleet = plan.fleet.as_ref();
    // The process creates files in it, which the right on its parent would not be for.
    let keep =
        fleet.map(|it| Need::new("`keep` in [fleet]", &it.keep.join("state.json"), Access::Write));
    let store = fleet.map(|it| &it.store);
    let password = store.and_then(|store| Some(("password_file", &store.user.as_ref()?.1)));
    let ca = store.and_then(|store| Some(("ca", store.ca.as_ref()?)));
    let pair = store.and_then(|store| store.certificate.as_ref());
    let pair = pair.map(|(certificate, key)| [("certificate", certificate), ("key", key)]);
    let read = password.into_iter().chain(ca).chain(pair.into_iter().flatten());
    let read = read.map(|(key, file)| Need::new(format!("`{key}` in [fleet]"), file, Access::Read));
    let host_authorities = store.filter(|it| it.url.tls && it.ca.is_none());
    let host_authorities =
        host_authorities.and_then(|_| authorities(HOST_AUTHORITIES.iter().map(Path::new)));
    keep.into_iter().chain(read).chain(host_authorities)
}

/// The first of these files that exists, as the connection to the store chooses it. Some distributions have a link
/// there, to a directory that a process may not read otherwise.
pub(super) fn authorities<'a>(mut files: impl Iterator<Item = &'a Path>) -> Option<Need> {
    let file = files.find(|file| file.exists())?;
    Some(Need::new(
        "the authorities that this host trusts, without `ca` in [fleet],",
        file,
        Access::Read,
    ))
}

/// The admin socket at a default path. It is chosen at the start, and a reload does not move it.
pub(super) fn automatic_admin(plan: &Plan) -> Option<Need> {
    let is_auto = plan.process.admin.socket == Some(AdminSocket::Auto);
    let wanted = is_auto && plan.config.is_some();
    wanted.then(present_socket)?.as_deref().map(admin_socket)
}

fn admin_socket(path: &Path) -> Need {
    Need::new("`admin` in [process]", path, Access::Write)
}
