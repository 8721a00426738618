//! What has to be tried: reading about it does not tell.

use crate::Options;
use crate::demand::Demand;
use crate::directories::{self, Directory};
use crate::log_file;
use crate::splice_trial::{self, Spliced};
use crate::taken::Taken;
use crate::target_trial::{self, Tried};
use crate::user;
use host::{Kernel, Sandbox};
use plan::ListenAddress;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;

/// What came of it.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) user: user::Tried,
    pub(super) splice: Result<Spliced, String>,
    /// Whether the lowest configured port may be bound, if the configuration has a TCP port.
    pub(super) binds_low_port: Option<bool>,
    /// Addresses that could not be bound, and why.
    pub(super) foreign: HashMap<IpAddr, String>,
    /// Listeners that somebody has, by their numbers.
    pub(super) taken: Vec<(usize, Taken)>,
    pub(super) directories: Vec<Directory>,
    /// If the log goes to a file.
    pub(super) log_file: Option<log_file::Tried>,
    /// What the kernel does about a sandbox, or what stands against that of the plan.
    pub(super) sandbox: Result<Kernel, Vec<String>>,
    pub(super) targets: Vec<Tried>,
}

impl Trial {
    /// `taken` and `user` were tried before, since all the rest depends on the user; `made` is a
    /// directory that the process makes as root.
    pub(super) fn make(
        demand: &Demand<'_>,
        options: Options,
        taken: Vec<(usize, Taken)>,
        user: user::Tried,
        made: Option<&Path>,
    ) -> Self {
        Self {
            user,
            taken,
            splice: splice_trial::splice(),
            binds_low_port: binds_lowest(demand),
            foreign: foreign(demand),
            directories: directories::look(demand.plan, made),
            log_file: log_file::look(demand.plan),
            sandbox: Sandbox::rehearse(demand.plan).map_err(|error| error.faults()),
            targets: target_trial::try_all(demand, options),
        }
    }
}

/// A UDP port needs the same privilege, and takes nothing from a TCP listener that is there.
fn binds_lowest(demand: &Demand<'_>) -> Option<bool> {
    let port = demand.listeners().filter_map(|it| it.address.port()).min()?;
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
            // It binds nothing but the address: the kernel chooses a port.
            let error = UdpSocket::bind(address).err()?;
            Some((address.ip(), format!("{}: {error}", address.ip())))
        })
        .collect()
}
