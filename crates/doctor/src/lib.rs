//! `doctor`: what this host can really hold under a plan, and what to change.
//!
//! Readings come from [`host::Host`], and all that has to be tried is in [`trial`]. A judge per subject
//! makes findings of both and of what the plan [asks for](demand); it reads nothing by itself, so that
//! tests can invent hosts. The room that a limit leaves is computed in crate [`host`], for the metrics
//! as well. The crate examines a host before or beside a process that serves, and knows none.

mod check;
pub use check::Check;

mod finding;
pub use finding::{Detail, Finding, Report, Verdict};

mod demand;

mod trial;

mod splice_trial;

mod target_trial;

mod addresses;

mod conntrack;

mod directories;

mod files;

mod log_file;

mod low_ports;

mod memory;

mod pipes;

mod ports;

mod queues;

mod sandbox;

mod targets;

mod holders;

mod taken;

mod twin;
pub use twin::Source;

mod user;

use demand::Demand;
use host::Host;
use plan::Plan;
use std::path::Path;
use trial::Trial;

/// What is examined.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether to connect to every target. Names are resolved in any case.
    pub connect: bool,
}

/// Examines this host for a plan, which was read from `source`. It takes ten seconds at most: that
/// long are targets waited for.
///
/// The process becomes the user that the plan names, for good: it is asked as whom it would run. To
/// be called while it has no other thread.
pub fn examine(plan: &Plan, source: Source<'_>, options: Options) -> Report {
    let demand = Demand::of(plan);
    // Before: root sees who has a listener.
    let taken = taken::look(&demand, source);
    let mut made = None;
    let become_user = host::become_user(plan, |_| made = directories::made_by_root(plan));
    let become_user = become_user.map_err(|error| error.to_string());
    let host = Host::read(Path::new("/"));
    let user = user::Tried::of(plan, become_user);
    let trial = Trial::make(&demand, options, taken, user, made.as_deref());
    Report::new(judge(&demand, &host, &trial), demand.sessions)
}

/// Everything that is to be said, in the order of [`Check::ALL`].
fn judge(demand: &Demand<'_>, host: &Host, trial: &Trial) -> Vec<Finding> {
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
        addresses::ipv6(demand, host),
        addresses::listen_addresses(demand, &trial.foreign),
        taken::taken(demand, &trial.taken),
        directories::directories(&trial.directories, host),
        log_file::log_file(trial.log_file.as_ref(), host),
        sandbox::sandbox(demand, &trial.sandbox),
        targets::names(&trial.targets),
        targets::connections(&trial.targets),
    ]
}

#[cfg(test)]
mod tests;
