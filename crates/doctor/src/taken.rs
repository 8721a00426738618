//! Listeners that could not be had because somebody has them.

use crate::check::Check;
use crate::demand::Demand;
use crate::finding::{Detail, Finding, Verdict};
use crate::holders::{Held, Sockets, processes};
use crate::twin::{Source, Twin, name_of, twins};
use plan::ListenAddress;
use std::collections::BTreeSet;

/// Why a listener cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The process that runs by this configuration has it.
    Own(u32),
    /// Another has it: who, as far as that can be seen.
    Foreign(String),
}

/// Each listener that is taken, by its number among all of them.
pub(super) fn look(demand: &Demand<'_>, source: Source<'_>) -> Vec<(usize, Taken)> {
    let sockets = Sockets::read();
    let taken: Vec<_> = demand
        .listeners()
        .enumerate()
        .filter(|(_, it)| is_taken(it.address, &sockets))
        .map(|(number, it)| (number, it.address, sockets.of(it.address)))
        .collect();
    if taken.is_empty() {
        return Vec::new();
    }
    let held: Vec<&Held> = taken.iter().filter_map(|(_, _, held)| *held).collect();
    let (found, twins) = (processes(&held), twins(source));
    let of = |address: &ListenAddress, held: Option<&Held>| match held {
        Some(held) => who(held, held.holders(&found), &twins),
        None if is_file(address) => Taken::Foreign("a file that is no socket".to_owned()),
        None => Taken::Foreign("a process that cannot be seen".to_owned()),
    };
    taken.into_iter().map(|(number, address, held)| (number, of(address, held))).collect()
}

/// It binds and does not listen, so that nobody's clients come here. On a Unix socket even that would
/// leave a file behind.
fn is_taken(address: &ListenAddress, sockets: &Sockets) -> bool {
    let tried = match address {
        ListenAddress::Any { port } => sys::listen::try_tcp_any(*port),
        ListenAddress::Ip(address) => sys::listen::try_tcp(*address),
        ListenAddress::Unix(_) => return sockets.is_listened_on(address) || is_file(address),
        // The service manager has bound it.
        ListenAddress::Activated(_) => return false,
    };
    tried == Err(sys::Errno::ADDRINUSE)
}

/// Whether something stands at the path that listening does not replace.
fn is_file(address: &ListenAddress) -> bool {
    let ListenAddress::Unix(path) = address else { return false };
    path.symlink_metadata().is_ok() && !sys::SocketFile::is_at(path)
}

fn who(held: &Held, holders: &[u32], twins: &[Twin]) -> Taken {
    // Who has it open cannot be seen of another user's process; its user can.
    let is_holder = |twin: &&Twin| match holders {
        [] => held.user.is_none_or(|user| user == twin.user),
        _ => holders.contains(&twin.process),
    };
    if let Some(twin) = twins.iter().find(is_holder) {
        return Taken::Own(twin.process);
    }
    Taken::Foreign(match (holders, held.user) {
        ([process, ..], _) => {
            let name = name_of(&process.to_string());
            format!("pid {process} ({})", name.as_deref().unwrap_or("?"))
        }
        ([], Some(user)) => format!("a process of the user with the id {user}; root can see which"),
        ([], None) => "a process that cannot be seen; root can see it".to_owned(),
    })
}

/// Whoever else has a listener keeps the process from starting.
pub(super) fn taken(demand: &Demand<'_>, taken: &[(usize, Taken)]) -> Finding {
    let listeners: Vec<_> = demand.listeners().collect();
    let of = |number: usize| listeners.get(number);
    let details = taken.iter().filter_map(|(number, taken)| match (taken, of(*number)?) {
        (Taken::Own(_), _) => None,
        (Taken::Foreign(who), it) => {
            let verdict = if it.optional { Verdict::Warn } else { Verdict::Fail };
            Some(Detail::new(verdict, &it.forward, format!("{} is taken by {who}", it.address)))
        }
    });
    let details: Vec<_> = details.collect();
    let own: BTreeSet<u32> = taken
        .iter()
        .filter_map(
            |(_, taken)| if let Taken::Own(process) = taken { Some(*process) } else { None },
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
    let change = (!details.is_empty())
        .then(|| "stop who has them (`ss -ltnxp` shows all), or listen elsewhere".to_owned());
    Finding::new(Check::Taken, Verdict::Ok, found).details(details).change(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plan_of;

    #[test]
    fn only_others_are_in_the_way() {
        let required = "[[forward]]\nlisten = [':1', ':2']\nto = 'a:1'\n";
        let foreign = |number| (number, Taken::Foreign("pid 7 (web)".to_owned()));
        for (text, found, verdict, says) in [
            (required, vec![], Verdict::Ok, "no listener"),
            (required, vec![(0, Taken::Own(5)), (1, Taken::Own(5))], Verdict::Ok, "pid 5"),
            (required, vec![(0, Taken::Own(5)), foreign(1)], Verdict::Fail, "1 of 2"),
            ("1|a|1\n", vec![foreign(0)], Verdict::Warn, "1 of 1"),
        ] {
            let plan = plan_of(text);
            let finding = taken(&Demand::of(&plan), &found);
            assert_eq!(finding.verdict, verdict, "{finding:?}");
            assert!(finding.found.contains(says), "{finding:?}");
        }
    }
}
