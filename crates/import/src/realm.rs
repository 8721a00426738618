//! realm: `[[endpoints]]` with `listen` and `remote`, in TOML or in JSON, and `[network]` for all of
//! them.

mod endpoint;
mod json;
mod legacy;
mod node;
mod toml;

use std::sync::Arc;
use std::time::Duration;

use node::{Node, Value};

use crate::Source;
use crate::common_notes::HOST_RESOLVER;
use crate::grouped_notes::GroupedNotes;
use crate::note::{SourcePlace, quoted};
use crate::section::{Config, KERNEL_CONNECTS, NO_LIMIT, Noted, Section, duration};

/// realm ends no TCP session that is idle, and bounds their number by descriptors only.
const DEFAULTS: [(&str, &str); 4] = [
    ("connect_timeout", "\"5s\""),
    ("idle_timeout", "\"off\""),
    ("max_sessions", NO_LIMIT),
    ("keepalive", "{ idle = \"15s\", interval = \"15s\", count = 3 }"),
];

/// realm's own values of `tcp_keepalive` and `tcp_keepalive_probe`.
const KEEPALIVE: Duration = Duration::from_secs(15);
const PROBES: u32 = 3;

/// The file that is converted.
struct Realm {
    file: Arc<str>,
}

pub(crate) fn convert(source: &Source) -> Config {
    let realm = Realm { file: source.name.as_str().into() };
    let mut config = Config::default();
    let parsed = if source.text.trim_start().starts_with('{') {
        json::parse(&source.text)
    } else {
        toml::parse(&source.text)
    };
    match parsed {
        Ok(document) => realm.document(&document, &mut config),
        Err(fault) => {
            let place = SourcePlace::nth(&realm.file, fault.line);
            config.not_converted(&place, format!("the file: {}", fault.message), "correct it");
        }
    }
    config
}

impl Realm {
    fn place(&self, node: &Node) -> SourcePlace {
        SourcePlace::nth(&self.file, node.line)
    }

    fn document(&self, document: &Node, config: &mut Config) {
        let start = SourcePlace { file: Arc::clone(&self.file), line: 1 };
        config.sections.push(Section::defaults(start, "realm", &DEFAULTS));
        let network = document.get("network");
        let mut grouped = GroupedNotes::default();
        for (key, node) in document.entries() {
            match key.as_str() {
                "endpoints" | "network" | "log" | "dns" if !is_of_form(key, node) => {
                    let message = format!("{} has another form in realm", quoted(key));
                    config.not_converted(&self.place(node), message, "correct it");
                }
                "endpoints" => {}
                "log" => self.log(node, config),
                "network" => self.global_network(node, config),
                "dns" => self.dns(node, config),
                key if legacy::has(key) => {}
                _ => {
                    let message = format!("{} is not known here", quoted(key));
                    config.not_converted(&self.place(node), message, "see whether you need it");
                }
            }
        }
        for endpoint in document.get("endpoints").map(Node::items).unwrap_or_default() {
            let section = self.endpoint(endpoint, network, &mut grouped);
            config.sections.push(section);
        }
        for endpoint in self.legacy(document, config) {
            let section = self.endpoint(&endpoint, network, &mut grouped);
            config.sections.push(section);
        }
        config.notes.extend(grouped.into_notes());
    }

    /// Converts nothing: names are looked up as this host does.
    fn dns(&self, dns: &Node, config: &mut Config) {
        for (key, node) in dns.entries().iter().filter(|(_, node)| !node.is_empty()) {
            let place = self.place(node);
            match (key.as_str(), node.text()) {
                ("mode", "ipv4_and_ipv6") => {}
                ("mode", mode) => {
                    let message =
                        format!("`mode = \"{mode}\"`: all addresses of a name may be used");
                    let help = "give targets by address, or by names of one family";
                    config.not_converted(&place, message, help);
                }
                ("nameservers", _) => {
                    let message = "`nameservers`: names are looked up by this host's resolver";
                    config.not_converted(&place, message, "configure /etc/resolv.conf");
                }
                _ => {
                    let (looked_up, help) = HOST_RESOLVER;
                    let message = format!("{}: {looked_up}", quoted(key));
                    config.differs(&place, message, help);
                }
            }
        }
    }

    fn log(&self, log: &Node, config: &mut Config) {
        let place = self.place(log);
        for (key, node) in log.entries().iter().filter(|(_, node)| !node.is_empty()) {
            if !matches!(key.as_str(), "level" | "output") {
                let message = format!("{} in `log` is not known here", quoted(key));
                config.not_converted(&self.place(node), message, "see whether you need it");
            }
        }
        match log.get("level").map(Node::text) {
            // The record of each session is at level info.
            Some(level @ ("info" | "debug" | "trace" | "warn" | "error")) => {
                config.set("[log]", &place, "level", plan::basic_string(level));
            }
            Some("off") => {
                config.set("[log]", &place, "level", plan::basic_string("error"));
                config.differs(&place, "log level `off`: errors are logged", "");
            }
            Some(level) if !level.is_empty() => {
                let message = format!("the log level {} is not known here", quoted(level));
                config.not_converted(&place, message, "set `level` of [log]");
            }
            _ => {}
        }
        if let Some(path) = log.get("output").map(Node::text)
            && !matches!(path, "" | "stdout" | "stderr")
        {
            config.set("[log]", &place, "file", plan::basic_string(path));
        }
    }

    /// Converts the settings of `[network]` that apply to all endpoints; the others are handled per
    /// endpoint.
    fn global_network(&self, network: &Node, config: &mut Config) {
        let place = self.place(network);
        let Some(defaults) = config.sections.iter_mut().find(|s| s.head == "[defaults]") else {
            return;
        };
        timeouts(network, None, defaults);
        for (key, node) in network.entries().iter().filter(|(_, node)| !node.is_empty()) {
            if key == "use_udp" {
                without_udp(config, &self.place(node));
            } else if !is_known(key) {
                unknown_in_network(config, &place, key);
            }
        }
    }
}

/// Whether the endpoints are a list, and the others are tables.
fn is_of_form(key: &str, node: &Node) -> bool {
    match key {
        "endpoints" => matches!(node.value, Value::List(_)),
        _ => matches!(node.value, Value::Table(_) | Value::Null),
    }
}

/// Sets the times of a `network`, which may be that of one endpoint, with `global` around it.
fn timeouts(network: &Node, global: Option<&Node>, section: &mut Section) {
    match network.get("tcp_timeout").and_then(Node::seconds) {
        // No bound but the kernel's.
        Some(Duration::ZERO) => section.set("connect_timeout", KERNEL_CONNECTS.to_owned()),
        Some(time) => section.set("connect_timeout", duration(time)),
        None => {}
    }
    let keys = ["tcp_keepalive", "tcp_keepalive_probe"];
    if keys.iter().all(|key| network.get(key).is_none()) {
        return;
    }
    let [time, probes] = keys.map(|key| network.get(key).or_else(|| global?.get(key)));
    let time = time.and_then(Node::seconds).unwrap_or(KEEPALIVE).as_secs();
    let probes = probes.and_then(|node| node.text().parse::<u32>().ok()).unwrap_or(PROBES);
    let value = match time {
        0 => plan::basic_string("off"),
        _ => format!("{{ idle = \"{time}s\", interval = \"{time}s\", count = {probes} }}"),
    };
    section.set("keepalive", value);
}

fn without_udp(noted: &mut impl Noted, place: &SourcePlace) {
    let message = "`use_udp`: traffic-forwarder forwards TCP only";
    noted.not_converted(place, message, "keep realm for UDP, with no_tcp = true");
}

fn unknown_in_network(noted: &mut impl Noted, place: &SourcePlace, key: &str) {
    let message = format!("{} in `network` is not known here", quoted(key));
    noted.not_converted(place, message, "see whether you need it");
}

/// Keys of `network` that are converted, that mean nothing here (they tune realm itself, or UDP), or
/// that are looked at with each endpoint.
fn is_known(key: &str) -> bool {
    matches!(
        key,
        "no_tcp"
            | "use_udp"
            | "ipv6_only"
            | "tcp_timeout"
            | "tcp_keepalive"
            | "tcp_keepalive_probe"
            | "udp_timeout"
            | "send_proxy"
            | "send_proxy_version"
            | "accept_proxy"
            | "accept_proxy_timeout"
            | "send_mptcp"
            | "accept_mptcp"
            | "zero_copy"
            | "fast_open"
    )
}
