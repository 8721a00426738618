//! Listeners whose addresses are in use.

use crate::check::Check;
use crate::demand::Demand;
use crate::finding::{Finding, FindingDetail, Verdict};
use crate::own_processes::{ConfigSource, OwnProcess, name_of, own_processes};
use crate::sockets::{SocketEntry, Sockets, processes};
use plan::ListenAddress;
use std::collections::BTreeSet;
use std::net::SocketAddrV6;

/// The holder of a listener's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// The process with this id, which runs with the same configuration.
    Own(u32),
    /// Another process or file, described as far as it is visible.
    Foreign(String),
}

/// Finds the addresses in use, each by its index among [`Demand::bound_addresses`].
pub(super) fn look(demand: &Demand<'_>, source: ConfigSource<'_>) -> Vec<(usize, Holder)> {
    let sockets = Sockets::read();
    let taken: Vec<_> = demand
        .bound_addresses()
        .enumerate()
        .filter(|(_, it)| is_taken(&it.address, &sockets))
        .map(|(number, it)| {
            let held = sockets.conflict_with(&it.address);
            (number, it.address.into_owned(), held)
        })
        .collect();
    if taken.is_empty() {
        return Vec::new();
    }
    let held: Vec<&SocketEntry> = taken.iter().filter_map(|(_, _, held)| *held).collect();
    let (found, own) = (processes(&held), own_processes(source));
    let of = |address: &ListenAddress, held: Option<&SocketEntry>| match held {
        Some(held) => holder_of(held, held.holders(&found), &own),
        None if is_file(address) => Holder::Foreign("a file that is no socket".to_owned()),
        None => Holder::Foreign("a process that is not visible".to_owned()),
    };
    taken.into_iter().map(|(number, address, held)| (number, of(&address, held))).collect()
}

/// Whether binding fails. The socket never listens, so it accepts no client of another process.
/// Unix sockets are not bound, since that would create a file.
fn is_taken(address: &ListenAddress, sockets: &Sockets) -> bool {
    let tried = match address {
        ListenAddress::Any { port } => sys::listen::try_tcp_any(*port),
        ListenAddress::Ip(address) => sys::listen::try_tcp(*address),
        ListenAddress::Zoned(address) => {
            sys::socket::interface_index(&address.zone).and_then(|zone| {
                sys::listen::try_tcp(SocketAddrV6::new(address.ip, address.port, 0, zone).into())
            })
        }
        ListenAddress::Unix(_) => return sockets.is_listened_on(address) || is_file(address),
        // Without an address, or bound by the service manager.
        ListenAddress::Name { .. } | ListenAddress::Activated(_) => return false,
    };
    tried == Err(sys::Errno::ADDRINUSE)
}

/// Whether the path is occupied by a file that a listener would not replace.
fn is_file(address: &ListenAddress) -> bool {
    let ListenAddress::Unix(path) = address else { return false };
    path.symlink_metadata().is_ok() && !sys::is_socket_file(path)
}

fn holder_of(held: &SocketEntry, holders: &[u32], own: &[OwnProcess]) -> Holder {
    // The open files of another user's process are not visible, but the socket's user is.
    let is_holder = |process: &&OwnProcess| match holders {
        [] => held.user.is_none_or(|user| user == process.user),
        _ => holders.contains(&process.process),
    };
    if let Some(process) = own.iter().find(is_holder) {
        return Holder::Own(process.process);
    }
    Holder::Foreign(match (holders, held.user) {
        ([process, ..], _) => {
            let name = name_of(&process.to_string());
            format!("pid {process} ({})", name.as_deref().unwrap_or("?"))
        }
        ([], Some(user)) => format!("a process of the user with the id {user}; root can see which"),
        ([], None) => "a process that is visible to root only".to_owned(),
    })
}

/// Judges the addresses in use: another holder prevents the start.
pub(super) fn taken(demand: &Demand<'_>, taken: &[(usize, Holder)]) -> Finding {
    let listeners: Vec<_> = demand.bound_addresses().collect();
    let of = |number: usize| listeners.get(number);
    let details = taken.iter().filter_map(|(number, taken)| match (taken, of(*number)?) {
        (Holder::Own(_), _) => None,
        (Holder::Foreign(who), it) => {
            let verdict = if it.optional { Verdict::Warn } else { Verdict::Fail };
            Some(FindingDetail::new(
                verdict,
                &it.owner,
                format!("{} is taken by {who}", it.address),
            ))
        }
    });
    let details: Vec<_> = details.collect();
    let own: BTreeSet<u32> = taken
        .iter()
        .filter_map(
            |(_, taken)| if let Holder::Own(process) = taken { Some(*process) } else { None },
        )
        .collect();
    let found = match (details.len(), own.first()) {
        (0, None) => "no listener is taken".to_owned(),
        (0, Some(process)) => format!(
            "{} of {} listeners are taken by this configuration's own process, pid {process}, which \
             runs",
            taken.len(),
            listeners.len()
        ),
        (foreign, _) => format!("{foreign} of {} listeners are taken by others", listeners.len()),
    };
    let change = (!details.is_empty()).then(|| {
        "stop their holders (`ss -ltnxp` lists all), or change `listen`, `admin` or `metrics`"
            .to_owned()
    });
    Finding::new(Check::Taken, Verdict::Ok, found).details(details).change(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plan_of;

    #[test]
    fn only_foreign_holders_are_reported() {
        const METRICS: &str = "[process]\nmetrics = ':9'\n[[forward]]\nlisten = ':1'\nto = 'a:1'\n";
        let required = "[[forward]]\nlisten = [':1', ':2']\nto = 'a:1'\n";
        let foreign = |number| (number, Holder::Foreign("pid 7 (web)".to_owned()));
        for (text, found, verdict, says) in [
            (required, vec![], Verdict::Ok, "no listener"),
            (required, vec![(0, Holder::Own(5)), (1, Holder::Own(5))], Verdict::Ok, "pid 5"),
            (required, vec![(0, Holder::Own(5)), foreign(1)], Verdict::Fail, "1 of 2"),
            ("1|a|1\n", vec![foreign(0)], Verdict::Warn, "1 of 1"),
            (METRICS, vec![foreign(1)], Verdict::Fail, "1 of 2"),
        ] {
            let plan = plan_of(text);
            let finding = taken(&Demand::of(&plan), &found);
            assert_eq!(finding.verdict, verdict, "{finding:?}");
            assert!(finding.found.contains(says), "{finding:?}");
        }
    }
}
