//! One of `[[endpoints]]`: a forward.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::node::Node;
use super::{Realm, is_known, timeouts, unknown_in_network, without_udp};
use crate::common_notes::{FAST_OPEN_UNUSED, ends_at_first_fin};
use crate::grouped_notes::GroupedNotes;
use crate::note::quoted;
use crate::ports::{is_any_v6, join, split};
use crate::route::every_peer;
use crate::section::{Noted, Section, duration};
use crate::server::Server;

const KEEP: &str = "keep realm for it";

/// realm's own value of `accept_proxy_timeout`, and the longest one of ours.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const HEADER_TIMEOUT_MAX: Duration = Duration::from_secs(3650 * 86_400);

impl Realm {
    pub(super) fn endpoint(
        &self,
        endpoint: &Node,
        global: Option<&Node>,
        grouped: &mut GroupedNotes,
    ) -> Section {
        let mut section = Section::forward(self.place(endpoint));
        let own = endpoint.get("network");
        if let Some(own) = own {
            timeouts(own, global, &mut section);
        }
        // An endpoint's own setting wins over that for all.
        let network = &|key: &str| own.and_then(|n| n.get(key)).or_else(|| global?.get(key));
        let only_v6 = network("ipv6_only").is_some_and(Node::is_true);
        for (key, node) in endpoint.entries() {
            self.entry(&mut section, (key, node), only_v6);
        }
        self.targets(&mut section, endpoint, grouped);
        if let Some(node) = network("no_tcp").filter(|node| node.is_true()) {
            let message = "`no_tcp`: this endpoint is for UDP only";
            section.comment_out(&self.place(node), message, KEEP);
        }
        self.proxy_headers(network, &mut section, grouped);
        self.differences(network, &mut section, grouped);
        if let Some(node) = own.and_then(|own| own.get("use_udp")).filter(|node| node.is_true()) {
            without_udp(&mut section, &self.place(node));
        }
        section
    }

    /// Converts `send_proxy` and `accept_proxy`. What belongs to one that is off has no effect.
    fn proxy_headers<'n>(
        &self,
        network: impl Fn(&str) -> Option<&'n Node>,
        section: &mut Section,
        grouped: &mut GroupedNotes,
    ) {
        let is_on = |key: &str| network(key).filter(|node| node.is_true());
        for (key, of) in
            [("send_proxy_version", "send_proxy"), ("accept_proxy_timeout", "accept_proxy")]
        {
            if let (Some(node), None) = (network(key), is_on(of)) {
                grouped.add(&self.place(node), key);
            }
        }
        if is_on("send_proxy").is_some() {
            let version = network("send_proxy_version").map_or("2", Node::text);
            section.set("send_proxy", plan::basic_string(&format!("v{version}")));
        }
        if let Some(node) = is_on("accept_proxy") {
            let timeout = network("accept_proxy_timeout").and_then(Node::seconds);
            let timeout = match timeout.unwrap_or(HEADER_TIMEOUT) {
                Duration::ZERO => HEADER_TIMEOUT_MAX,
                timeout => timeout,
            };
            let message = "`accept_proxy`: headers of all clients are trusted, as in realm";
            let help = "name the proxies in `from` of accept_proxy";
            section.differs(&self.place(node), message, help);
            let (from, timeout) = (every_peer(&[]).join(", "), duration(timeout));
            section.set("accept_proxy", format!("{{ from = [{from}], timeout = {timeout} }}"));
        }
    }

    /// Notes what realm does otherwise, by its settings and defaults.
    fn differences<'n>(
        &self,
        network: impl Fn(&str) -> Option<&'n Node>,
        section: &mut Section,
        grouped: &mut GroupedNotes,
    ) {
        ends_at_first_fin(grouped, "realm with its default features", &section.place);
        for key in ["accept_mptcp", "send_mptcp"] {
            if let Some(node) = network(key).filter(|node| node.is_true()) {
                section.mptcp(&self.place(node), key, grouped);
            }
        }
        if let Some(node) = network("fast_open").filter(|node| node.is_true()) {
            grouped.because(FAST_OPEN_UNUSED, "", &self.place(node), "fast_open");
        }
        for key in ["udp_timeout", "zero_copy"] {
            if let Some(node) = network(key).filter(|node| !node.is_empty()) {
                grouped.add(&self.place(node), key);
            }
        }
    }

    fn entry(&self, section: &mut Section, (key, node): (&str, &Node), only_v6: bool) {
        let place = self.place(node);
        match key {
            "listen" | "local" => section.listen(&[listener(node.text(), only_v6)]),
            "remote" | "extra_remotes" | "balance" => {}
            "network" => self.unknown_of_network(section, node),
            _ if node.is_empty() => {}
            "through" if is_any_address(node.text()) => {
                let message = format!("`through = \"{}\"`: it is any address", node.text());
                section.differs(&place, message, "the route decides, as it would have");
            }
            "through" if node.text().parse::<IpAddr>().is_ok() => {
                section.set("local_address", plan::basic_string(node.text()));
            }
            "interface" => section.set("interface", plan::basic_string(node.text())),
            _ => {
                let (message, help) = obstacle(key);
                section.comment_out(&place, message, help);
            }
        }
    }

    /// Converts `remote`, and `extra_remotes` with their `balance`, such as `roundrobin: 4, 2, 1`.
    fn targets(&self, section: &mut Section, endpoint: &Node, grouped: &mut GroupedNotes) {
        let Some(remote) = endpoint.get("remote") else { return };
        let given = |key: &str| endpoint.get(key).filter(|node| !node.is_empty());
        let (extra, balance) = (given("extra_remotes"), given("balance"));
        let balance = balance.filter(|node| node.text() != "off");
        let mut servers = vec![Server::at(remote.text())];
        match (extra, balance) {
            (None, None) => {}
            (None, Some(node)) => grouped.choice(&self.place(node), "balance"),
            (Some(node), None) => {
                let message = "without `balance`, realm does not use them";
                grouped.ineffective(message, &self.place(node), "extra_remotes");
            }
            (Some(extra), Some(balance)) => {
                servers.extend(extra.items().iter().map(|node| Server::at(node.text())));
                let (strategy, weights) =
                    balance.text().split_once(':').unwrap_or((balance.text(), ""));
                for (server, weight) in servers.iter_mut().zip(weights.split(',').map(str::trim)) {
                    server.weight = Some(weight.to_owned()).filter(|weight| !weight.is_empty());
                }
                self.balance(section, balance, strategy.trim());
                // A target that fails stays in use.
                section.set("passive", plan::basic_string("off"));
            }
        }
        section.to(&servers);
    }

    fn balance(&self, section: &mut Section, balance: &Node, strategy: &str) {
        match strategy {
            "roundrobin" => section.set("balance", plan::basic_string("round_robin")),
            "iphash" => section.by_source(&self.place(balance), "`balance`"),
            other => {
                let message =
                    format!("`balance`: the strategy {} is not known here", quoted(other));
                section.comment_out(&self.place(balance), message, KEEP);
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

/// Why an endpoint with this setting would not be the same here, and what helps.
fn obstacle(key: &str) -> (String, &'static str) {
    match key {
        "through" => (
            "`through`: targets would see another address".to_owned(),
            "give an address without a port as `local_address`, then remove the comment marks",
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
