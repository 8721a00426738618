//! `doctor`: how many sessions this host can hold under a plan, and the settings to change.
//!
//! Readings come from [`host::Host`], and everything that needs an attempt is in [`trial`]. One judge
//! per subject turns both and the plan's [demand] into findings. Judges read nothing themselves, so
//! tests can make up hosts. The headroom under a limit is computed in crate [`host`], which the
//! metrics use as well. The crate depends on no part of the serving process.

mod check;
pub use check::Check;

mod finding;
pub use finding::{DoctorReport, Finding, FindingDetail, Verdict};

mod demand;

mod trial;

mod splice_trial;

mod target_trial;

mod addresses;

mod connection_options;
mod conntrack;

mod directories;

mod exposed_files;
mod files;

mod fleet_checks;
mod fleet_trial;

mod listen_names;
mod log_file;

mod low_ports;

mod memory;

mod pipes;

mod ports;

mod queues;

mod sandbox;

mod targets;

mod socket_files;
mod sockets;

mod taken;

mod own_processes;
pub use own_processes::ConfigSource;

mod user;

use demand::Demand;
use host::Host;
use plan::Plan;
use std::path::Path;
use trial::TrialResults;

/// Scope of the examination.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Whether to connect to each target. Names are resolved in any case.
    pub connect: bool,
}

/// Examines this host for a plan that was read from `source`. Takes ten seconds at most, the time
/// limit for targets; the fleet's store is tried beside them.
///
/// The process permanently switches to the configured user, so that the checks apply to that user.
/// Call it while the process has one thread.
pub fn examine(plan: &Plan, source: ConfigSource<'_>, options: Scope) -> DoctorReport {
    let (plan, names) = listen_names::resolved(plan);
    let plan = &plan;
    let demand = Demand::of(plan);
    // Before the switch: root sees the processes of other users.
    let taken = taken::look(&demand, source);
    let exposed = exposed_files::look(plan);
    let keep_holder = fleet_trial::keep_holder(plan, source);
    let mut made = None;
    let become_user = host::become_user(plan, |_| made = directories::made_by_root(plan));
    let become_user = become_user.map_err(|error| error.to_string());
    let host = Host::read(Path::new("/"));
    let user = user::UserResult::of(plan, become_user);
    let store = options.connect.then(|| fleet_trial::begin(plan)).flatten();
    let trial = TrialResults::make(&demand, options, taken, user, made.as_deref());
    let fleet = fleet_trial::finish(plan, keep_holder, store);
    let trial = TrialResults { listen_names: names, exposed, fleet, ..trial };
    DoctorReport::new(judge(&demand, &host, &trial), demand.sessions)
}

/// All findings, in the order of [`Check::ALL`].
fn judge(demand: &Demand<'_>, host: &Host, trial: &TrialResults) -> Vec<Finding> {
    vec![
        user::user(demand, host, &trial.user),
        files::open_files(demand, host),
        files::system_files(demand, host),
        ports::local_ports(demand, host),
        ports::listener_ports(demand, host),
        memory::memory(demand, host),
        memory::tcp_memory(demand, host),
        conntrack::conntrack(demand, host),
        queues::listen_queue(demand, host),
        queues::syn_queue(demand, host),
        pipes::pipes(demand, host),
        pipes::splice(demand, &trial.splice),
        low_ports::low_ports(demand, host, trial.binds_low_port),
        connection_options::connection_options(&trial.refused_options),
        socket_files::socket_files(&trial.refused_rights),
        addresses::ipv6(demand, host),
        addresses::listen_addresses(demand, &trial.foreign, &trial.listen_names),
        taken::taken(demand, &trial.taken),
        directories::directories(&trial.directories, host),
        log_file::log_file(trial.log_file.as_ref(), host),
        exposed_files::exposed_files(&trial.exposed),
        sandbox::sandbox(demand, &trial.sandbox),
        fleet_checks::fleet_store(trial.fleet.as_ref()),
        fleet_checks::fleet_rights(trial.fleet.as_ref()),
        fleet_checks::fleet_certificates(trial.fleet.as_ref()),
        fleet_checks::fleet_keep(trial.fleet.as_ref(), host),
        targets::names(&trial.targets),
        targets::connections(&trial.targets),
        targets::health_checks(&trial.targets),
    ]
}

#[cfg(test)]
mod tests;
