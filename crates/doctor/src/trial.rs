//! Trials: everything that a reading cannot answer.

use crate::Scope;
use crate::demand::Demand;
use crate::directories::{self, Directory};
use crate::fleet_trial::FleetTrial;
use crate::listen_names::UnusableName;
use crate::log_file;
use crate::socket_files;
use crate::splice_trial::{self, SpliceError, Spliced};
use crate::taken::Holder;
use crate::target_trial::{self, TargetResult};
use crate::user;
use host::{ExposedFile, Kernel, RefusedOption, Sandbox};
use plan::ListenAddress;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;

/// The results of all trials.
#[derive(Debug)]
pub(super) struct TrialResults {
    pub(super) user: user::UserResult,
    pub(super) splice: Result<Spliced, SpliceError>,
    /// Whether the lowest configured TCP port can be bound; `None` without one.
    pub(super) binds_low_port: Option<bool>,
    /// Addresses that could not be bound, each with the text of its finding.
    pub(super) foreign: HashMap<IpAddr, String>,
    /// Names in `listen` that cannot be listened on.
    pub(super) listen_names: Vec<UnusableName>,
    /// Options of connections that the kernel does not grant.
    pub(super) refused_options: Vec<RefusedOption>,
    /// Rights on the files of Unix listeners that the kernel does not grant.
    pub(super) refused_rights: Vec<socket_files::RefusedRights>,
    /// Listeners in use, by their indices.
    pub(super) taken: Vec<(usize, Holder)>,
    pub(super) directories: Vec<Directory>,
    /// `None` if the log goes to standard error.
    pub(super) log_file: Option<log_file::LogFileResult>,
    /// Files that others may change.
    pub(super) exposed: Vec<ExposedFile>,
    /// The kernel's support for a sandbox, or one text for each fault of the plan's sandbox.
    pub(super) sandbox: Result<Kernel, Vec<String>>,
    /// `None` without `[fleet]`.
    pub(super) fleet: Option<FleetTrial>,
    pub(super) targets: Vec<TargetResult>,
}

impl TrialResults {
    /// Makes all further trials as the configured user. `taken` and `user` are results from before
    /// the switch; `made` is a directory that the process creates as root.
    pub(super) fn make(
        demand: &Demand<'_>,
        options: Scope,
        taken: Vec<(usize, Holder)>,
        user: user::UserResult,
        made: Option<&Path>,
    ) -> Self {
        Self {
            user,
            taken,
            splice: splice_trial::splice(),
            binds_low_port: binds_lowest(demand),
            foreign: foreign(demand),
            listen_names: Vec::new(),
            refused_options: host::refused_options(demand.plan),
            refused_rights: socket_files::look(demand.plan),
            directories: directories::look(demand.plan, made),
            log_file: log_file::look(demand.plan),
            exposed: Vec::new(),
            sandbox: Sandbox::rehearse(demand.plan).map_err(|error| error.faults()),
            fleet: None,
            targets: target_trial::try_all(demand, options),
        }
    }
}

/// Binds a UDP port, which needs the same privilege and does not disturb a TCP listener.
fn binds_lowest(demand: &Demand<'_>) -> Option<bool> {
    let port = demand.bound_addresses().filter_map(|it| it.address.port()).min()?;
    let bound = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port));
    Some(!bound.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied))
}

fn foreign(demand: &Demand<'_>) -> HashMap<IpAddr, String> {
    let addresses = demand.listeners().filter_map(|it| match it.address {
        ListenAddress::Ip(address) => Some(*address),
        _ => None,
    });
    let mut seen = HashSet::new();
    addresses
        .filter(|address| seen.insert(address.ip()))
        .filter_map(|mut address: SocketAddr| {
            address.set_port(0);
            // Port 0: only the address is tested.
            let error = UdpSocket::bind(address).err()?;
            Some((address.ip(), format!("{}: {}", address.ip(), flow::error_text(&error))))
        })
        .collect()
}
