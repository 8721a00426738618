//! Listeners and a target brought together as our forwards: a range of ports is forwarded to a range
//! of the same size, and all that goes to one port is listed port by port.

use crate::copies::Copies;
use crate::ports::{Ports, join};
use crate::section::Section;
use crate::server::Server;

/// Listen address of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// An address, or nothing for every address of both families.
    Ports { host: String, ports: Ports },
    /// What our reader has to judge, such as a Unix socket.
    Other(String),
}

/// Target address of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Fixed addresses; none where routes have them all.
    Fixed(Vec<Server>),
    /// To the port that the client connected to, so much higher, of these hosts; at least one.
    SamePort { hosts: Vec<Server>, shift: i32 },
}

impl Target {
    /// One fixed address.
    pub(crate) fn one(address: impl Into<String>) -> Self {
        Self::Fixed(vec![Server::at(address)])
    }
}

/// The forwards that together do this. The first one has the section's notes.
pub(crate) fn forwards(
    mut section: Section,
    listens: &[Listen],
    target: &Target,
    copies: &Copies,
) -> Vec<Section> {
    let (hosts, shift) = match target {
        Target::Fixed(servers) => {
            fixed(&mut section, listens, servers, copies);
            return vec![section];
        }
        Target::SamePort { hosts, shift } => (hosts, *shift),
    };
    let values = section.entries.iter().map(|(_, value)| 1 + value.matches(',').count());
    let repeated = (values.sum::<usize>() + hosts.len()).saturating_mul(listens.len());
    let place = section.place.clone();
    if !copies.admit(repeated, &place, &mut section) {
        return vec![section];
    }
    let copies: Vec<_> = (2..=listens.len()).map(|number| again(&section, number)).collect();
    let mut forwards = vec![section];
    forwards.extend(copies);
    for (forward, listen) in forwards.iter_mut().zip(listens) {
        same_port(forward, listen, hosts, shift);
    }
    forwards
}

fn same_port(forward: &mut Section, listen: &Listen, hosts: &[Server], shift: i32) {
    let place = forward.place.clone();
    match listen {
        Listen::Ports { host: own, ports } => {
            forward.listen(&[join(own, ports)]);
            match ports.shifted(shift).filter(|ports| ports.first > 0) {
                Some(ports) => {
                    let at = |host: &Server| Server {
                        address: join(&host.address, ports),
                        ..host.clone()
                    };
                    forward.to(&hosts.iter().map(at).collect::<Vec<_>>());
                }
                None => {
                    forward.comment_out(&place, "the target's port is none", "write it by hand");
                }
            }
        }
        Listen::Other(address) => {
            forward.listen(std::slice::from_ref(address));
            forward.comment_out(&place, "the target has no port", "write it by hand");
        }
    }
}

/// The same forward with a distinct name and without the notes.
fn again(first: &Section, number: usize) -> Section {
    let mut section = Section::forward(first.place.clone());
    section.off.clone_from(&first.off);
    section.entries.clone_from(&first.entries);
    for (_, name) in section.entries.iter_mut().filter(|(key, _)| *key == "name") {
        *name = format!("{}-{number}\"", name.trim_end_matches('"'));
    }
    section
}

fn fixed(section: &mut Section, listens: &[Listen], servers: &[Server], copies: &Copies) {
    let place = section.place.clone();
    let mut addresses = Vec::new();
    for listen in listens {
        match listen {
            Listen::Other(address) => addresses.push(address.clone()),
            Listen::Ports { host, ports } => {
                let Some(single) = ports.spelt_out() else {
                    let message =
                        format!("the range {ports}: it has too many ports for one target");
                    section.comment_out(&place, message, "write it in parts");
                    addresses.push(join(host, ports));
                    continue;
                };
                if !copies.admit(usize::from(ports.last - ports.first), &place, section) {
                    break;
                }
                addresses.extend(single.map(|port| join(host, port)));
            }
        }
    }
    if !addresses.is_empty() {
        section.listen(&addresses);
    }
    section.to(servers);
}

/// The peers of all listeners, as TOML: `from` where every client must send a PROXY header.
pub(crate) fn every_peer(listens: &[Listen]) -> Vec<String> {
    let is_unix =
        |listen: &Listen| matches!(listen, Listen::Other(text) if text.starts_with("unix:"));
    let all = ["0.0.0.0/0", "::/0"].into_iter().map(plan::basic_string);
    all.chain(listens.iter().any(is_unix).then(|| plan::basic_string("unix"))).collect()
}
