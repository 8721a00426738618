//! One of `[[endpoints]]`: a forward.

use std::net::{IpAddr, SocketAddr};

use super::node::Node;
use super::{Realm, is_known, timeouts, unknown_in_network, without_udp};
use crate::note::{SourcePlace, quoted};
use crate::ports::{is_any_v6, join, split};
use crate::section::{Noted, Section};

const KEEP: &str = "keep realm for it";

impl Realm {
    pub(super) fn endpoint(&self, endpoint: &Node, global: Option<&Node>) -> Section {
        let mut section = Section::forward(self.place(endpoint));
        let own = endpoint.get("network");
        if let Some(own) = own {
            timeouts(own, &mut section);
        }
        // An endpoint's own setting wins over that for all.
        let network = |key: &str| own.and_then(|n| n.get(key)).or_else(|| global?.get(key));
        let only_v6 = network("ipv6_only").is_some_and(Node::is_true);
        let is_alone = endpoint.get("extra_remotes").is_none_or(Node::is_empty);
        for (key, node) in endpoint.entries() {
            self.entry(&mut section, (key, node), only_v6, is_alone);
        }
        for key in ["no_tcp", "accept_proxy", "send_proxy"] {
            if let Some(node) = network(key).filter(|node| node.is_true()) {
                let (message, help) = match key {
                    "no_tcp" => ("`no_tcp`: this endpoint is for UDP only", KEEP),
                    "accept_proxy" => {
                        ("`accept_proxy`: targets would get the PROXY header as data", KEEP)
                    }
                    _ => ("`send_proxy`: targets would miss the PROXY header", KEEP),
                };
                section.comment_out(&self.place(node), message, help);
            }
        }
        if let Some(node) = own.and_then(|own| own.get("use_udp")).filter(|node| node.is_true()) {
            without_udp(&mut section, &self.place(node));
        }
        section
    }

    fn entry(
        &self,
        section: &mut Section,
        (key, node): (&str, &Node),
        only_v6: bool,
        is_alone: bool,
    ) {
        let place = self.place(node);
        match key {
            "listen" | "local" => section.listen(&[listener(node.text(), only_v6)]),
            "remote" => section.to(node.text()),
            "network" => self.unknown_of_network(section, node),
            _ if node.is_empty() => {}
            "balance" if node.text() == "off" => {}
            "balance" if is_alone => {
                let message = "`balance`: it means nothing with one target";
                section.differs(&place, message, "");
            }
            "balance" => one_target(section, &place, &format!("`balance = \"{}\"`", node.text())),
            "extra_remotes" => {
                let remotes: Vec<_> = node.items().iter().map(Node::text).collect();
                let what = format!("`extra_remotes` ({})", remotes.join(", "));
                one_target(section, &place, &what);
            }
            "through" if is_any_address(node.text()) => {
                let message = format!("`through = \"{}\"`: it is any address", node.text());
                section.differs(&place, message, "the route decides, as it would have");
            }
            _ => {
                let (message, help) = obstacle(key);
                section.comment_out(&place, message, help);
            }
        }
    }

    /// Notes unknown keys of the endpoint's `network`; known ones are handled with the endpoint.
    fn unknown_of_network(&self, section: &mut Section, network: &Node) {
        for (key, node) in network.entries().iter().filter(|(key, _)| !is_known(key)) {
            unknown_in_network(section, &self.place(node), key);
        }
    }
}

/// Listen address: one socket for IPv4 and IPv6, unless `only_v6` is set. realm splits it at the last
/// colon, so that an IPv6 address needs no brackets.
fn listener(text: &str, only_v6: bool) -> String {
    match split(text) {
        (host, Some(port)) if is_any_v6(host) && !only_v6 => format!(":{port}"),
        (host, Some(port)) => join(host, port),
        (_, None) => text.to_owned(),
    }
}

/// For what would spread sessions over several targets.
fn one_target(section: &mut Section, place: &SourcePlace, what: &str) {
    let message = format!("{what}: every session goes to `remote`");
    let help = "a name with several addresses gives other targets if one refuses";
    section.not_converted(place, message, help);
}

/// Why an endpoint with this setting would not be the same here, and what helps.
fn obstacle(key: &str) -> (String, &'static str) {
    match key {
        "through" | "interface" => (
            format!("`{key}`: targets would see another address"),
            "set it by a route (`ip route … src …`), then remove the comment marks",
        ),
        "listen_interface" => (
            "`listen_interface`: clients of every interface could connect".to_owned(),
            "listen on an address of that interface, then remove the comment marks",
        ),
        "listen_transport" | "remote_transport" => {
            (format!("`{key}`: there is no TLS and no WebSocket here"), KEEP)
        }
        _ => (
            format!("{} is not known here, and could mean anything", quoted(key)),
            "if it does not matter, remove the comment marks",
        ),
    }
}

/// Whether a source address, which may have a port, is none in particular.
fn is_any_address(text: &str) -> bool {
    let address = text.parse::<SocketAddr>().map(|it| (it.ip(), it.port()));
    let address = address.or_else(|_| text.parse::<IpAddr>().map(|ip| (ip, 0)));
    address.is_ok_and(|(ip, port)| ip.is_unspecified() && port == 0)
}
