//! The older form of a realm file: a list for each part of the endpoints. Where another list is shorter than that of
//! the listening ports, its first entry goes on.

use super::Realm;
use super::node::{Node, Value};
use crate::ports::{Ports, join};
use crate::section::{Config, Noted};

const KEYS: [&str; 4] =
    ["listening_addresses", "listening_ports", "remote_addresses", "remote_ports"];

/// Endpoints that are written at most. Ranges of ports may stand for far more.
const ENDPOINTS_MAX: usize = 1000;

/// Whether a key is one of the older form.
pub(super) fn has(key: &str) -> bool {
    KEYS.contains(&key)
}

impl Realm {
    /// The endpoints of the older form, as those of the present one. None without its keys.
    pub(super) fn legacy(&self, document: &Node, config: &mut Config) -> Vec<Node> {
        let Some(first) = KEYS.iter().find_map(|key| document.get(key)) else { return Vec::new() };
        let parts = parts(document);
        if parts.is_none() {
            let message = "the file is in realm's older form, and a list of it is missing or wrong";
            let help = "write each port as one of `endpoints`, with `listen` and `remote`";
            config.not_converted(&self.place(first), message, help);
        }
        parts.unwrap_or_default()
    }
}

fn parts(document: &Node) -> Option<Vec<Node>> {
    let [from, from_ports, to, to_ports] = KEYS.map(|key| document.get(key));
    let line = from_ports?.line;
    let (from, to) = (texts(from?)?, texts(to?)?);
    let (from_ports, to_ports) = (ports(from_ports?)?, ports(to_ports?)?);
    let endpoint = |at: usize| {
        let address = |hosts: &[&str], ports: &[u16]| {
            let host = hosts.get(at).or(hosts.first())?;
            Some(join(host, ports.get(at).or(ports.first())?))
        };
        let text = |text: String| Node { line, value: Value::Text(text) };
        let entries = [
            ("listen".to_owned(), text(address(&from, &from_ports)?)),
            ("remote".to_owned(), text(address(&to, &to_ports)?)),
        ];
        Some(Node { line, value: Value::Table(entries.into_iter().collect()) })
    };
    (0..from_ports.len()).map(endpoint).collect()
}

fn texts(node: &Node) -> Option<Vec<&str>> {
    let texts: Vec<&str> = node.items().iter().map(Node::text).collect();
    (!texts.is_empty() && texts.iter().all(|text| !text.is_empty())).then_some(texts)
}

/// The single ports of a list of ports and ranges; `None` if there are too many.
fn ports(node: &Node) -> Option<Vec<u16>> {
    let mut ports = Vec::new();
    for text in texts(node)? {
        let Ports { first, last } = Ports::parse(text)?;
        ports.extend(first..=last);
        if ports.len() > ENDPOINTS_MAX {
            return None;
        }
    }
    Some(ports)
}
