//! One `server` block as forwards.

use std::net::IpAddr;
use std::time::Duration;

use super::clients::Clients;
use super::common::Common;
use super::defaults;
use super::directives::{IN_STREAM, OF_LISTEN, WRITE_IN};
use super::limit_conn::Limits;
use super::pass::Pass;
use super::proxy_header::ProxyHeaders;
use super::rate::Rates;
use super::words::{Directive, time};
use crate::grouped_notes::GroupedNotes;
use crate::known::{apply, find};
use crate::note::{SourcePlace, quoted};
use crate::ports::{Ports, is_any_v6, split};
use crate::route::{Listen, Target, forwards};
use crate::section::{Noted, Section, duration};

pub(super) fn convert(
    place: &SourcePlace,
    directives: &[&Directive],
    common: &Common,
    grouped: &mut GroupedNotes,
) -> Vec<Section> {
    let mut section = Section::forward(place.clone());
    let mut said = Said::default();
    defaults::of_server(place, directives, grouped);
    for directive in directives {
        match directive.name() {
            "proxy_pass" if said.has_pass => {
                let message = "a second `proxy_pass`: nginx refuses it, too";
                section.comment_out(&directive.place, message, "remove one of them");
            }
            "proxy_pass" => {
                said.has_pass = true;
                let pass = Pass::new(common, directives, grouped);
                said.target = pass.convert(directive, &mut section);
            }
            "limit_conn" => said.limits.limit(directive, &common.zones, &mut section),
            _ => said.directive(directive, &mut section, grouped),
        }
    }
    let Said { listens, target, clients, headers, limits, rates, .. } = said;
    rates.set(&mut section);
    limits.set(&mut section, grouped);
    let has_rules = clients.has_rules();
    clients.set(&listens, &mut section);
    headers.set(&listens, has_rules, &mut section, grouped);
    if listens.is_empty() && section.off.is_none() {
        section.comment_out(place, "the server has no `listen` for TCP", "");
    }
    for directive in directives.iter().filter(|it| it.name().starts_with("proxy_next_upstream")) {
        next_upstream(directive, target.as_ref(), &mut section, grouped);
    }
    let target = target.unwrap_or_else(|| {
        if section.off.is_none() {
            section.comment_out(place, "the server has no `proxy_pass`", "");
        }
        Target::one("?")
    });
    forwards(section, &listens, &target, &common.copies)
}

/// What the directives of a server say together.
#[derive(Default)]
struct Said {
    listens: Vec<Listen>,
    has_pass: bool,
    target: Option<Target>,
    clients: Clients,
    headers: ProxyHeaders,
    limits: Limits,
    rates: Rates,
}

impl Said {
    /// Converts a directive that means the same whatever the others are.
    fn directive(
        &mut self,
        directive: &Directive,
        section: &mut Section,
        grouped: &mut GroupedNotes,
    ) {
        match directive.name() {
            "listen" => {
                self.headers.listen(directive);
                self.listens.extend(listen(directive, section, grouped));
            }
            "set_real_ip_from" => self.headers.trust(directive, section),
            "proxy_protocol_timeout" => self.headers.timeout(directive),
            "proxy_protocol" if directive.argument() == "on" => {
                section.set("send_proxy", plan::basic_string("v1"));
            }
            "proxy_bind" => bind(directive, section),
            "proxy_timeout" => set_time(section, "idle_timeout", directive),
            "proxy_connect_timeout" => set_time(section, "connect_timeout", directive),
            // `proxy_timeout` then ends a half-closed session, too.
            "proxy_half_close" if directive.argument() == "on" => {
                section.set("half_close_timeout", plan::basic_string("off"));
            }
            // Switches that are off.
            "proxy_protocol" | "proxy_ssl" if directive.argument() == "off" => {}
            "tcp_nodelay" if directive.argument() == "off" => {
                let message = "small writes are sent at once";
                grouped.because(message, "", &directive.place, "tcp_nodelay off");
            }
            "allow" | "deny" => self.clients.rule(directive, section),
            "proxy_upload_rate" | "proxy_download_rate" => self.rates.rate(directive, section),
            "limit_conn_dry_run" => self.limits.dry_run(directive),
            // They belong to the target.
            "ssl_preread"
            | "preread_timeout"
            | "proxy_next_upstream"
            | "proxy_next_upstream_timeout"
            | "proxy_next_upstream_tries" => {}
            "include" => {
                let message = directive.unread().unwrap_or_default();
                section.comment_out(&directive.place, message, WRITE_IN);
            }
            name => {
                let effect = find(IN_STREAM, name).map(|(_, effect)| effect);
                let words = directive.words.join(" ");
                let shown = if effect.is_some() { name } else { &words };
                apply(effect, shown, &directive.place, section, grouped);
            }
        }
    }
}

/// The address that connections come from.
fn bind(directive: &Directive, section: &mut Section) {
    let words = directive.words.get(1..).unwrap_or_default();
    match words {
        [off] if off == "off" => {}
        [address] if address.parse::<IpAddr>().is_ok() => {
            section.set("local_address", plan::basic_string(address));
        }
        [client, transparent] if client == "$remote_addr" && transparent == "transparent" => {
            section.set("transparent", "true".to_owned());
        }
        _ => {
            let message = format!("{}: targets would see another address", quoted("proxy_bind"));
            section.comment_out(&directive.place, message, "give an address as `local_address`");
        }
    }
}

/// What follows a failed connect.
fn next_upstream(
    directive: &Directive,
    target: Option<&Target>,
    section: &mut Section,
    grouped: &mut GroupedNotes,
) {
    if !matches!(target, Some(Target::Fixed(servers)) if servers.len() > 1) {
        return grouped.choice(&directive.place, directive.name());
    }
    let message = match (directive.name(), directive.argument()) {
        ("proxy_next_upstream", "off") => {
            "a client whose target refuses is connected to the next one"
        }
        ("proxy_next_upstream", _) | (_, "0") => return,
        _ => "each target is tried at most once, all within connect_timeout",
    };
    section.differs(&directive.place, format!("{}: {message}", quoted(directive.name())), "");
}

fn set_time(section: &mut Section, key: &'static str, directive: &Directive) {
    if let Some(time) = time(&directive.words.get(1..).unwrap_or_default().join(" ")) {
        section.set(key, duration(time));
    } else {
        let message = format!("{} is no time", quoted(directive.argument()));
        section.not_converted(&directive.place, message, format!("set {key} by hand"));
    }
}

/// Where to listen; nothing for UDP.
fn listen(
    directive: &Directive,
    section: &mut Section,
    grouped: &mut GroupedNotes,
) -> Option<Listen> {
    let place = &directive.place;
    let parameters = directive.words.get(2..).unwrap_or_default();
    if parameters.iter().any(|word| matches!(word.as_str(), "udp" | "quic")) {
        let message =
            format!("{}: traffic-forwarder forwards TCP only", quoted(&directive.words.join(" ")));
        section.not_converted(place, message, "keep nginx for UDP");
        return None;
    }
    let mut both_families = false;
    for parameter in parameters {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name {
            "ipv6only" => both_families = value == "off",
            "so_keepalive" => keepalive(section, place, value),
            "multipath" => section.mptcp(place, "listen … multipath", grouped),
            _ => {
                let effect = find(OF_LISTEN, name).map(|(_, effect)| effect);
                apply(effect, &format!("listen … {name}"), place, section, grouped);
            }
        }
    }
    let address = directive.argument();
    if address.starts_with("unix:") {
        return Some(Listen::Other(address.to_owned()));
    }
    let (host, port) = match split(address) {
        (port, None) => ("*", port),
        (host, Some(port)) => (host, port),
    };
    let Some(ports) = Ports::parse(port) else { return Some(Listen::Other(address.to_owned())) };
    let host = match host {
        "*" => "0.0.0.0",
        host if both_families && is_any_v6(host) => "",
        host => host,
    };
    Some(Listen::Ports { host: host.to_owned(), ports })
}

/// What Linux uses where `so_keepalive` names no value: idle, interval (tcp(7)).
const KERNEL_KEEPALIVE: [Duration; 2] = [Duration::from_secs(7200), Duration::from_secs(75)];
const KERNEL_KEEPALIVE_COUNT: u32 = 9;

/// `on`, `off`, or `IDLE:INTERVAL:COUNT`, each of which may be empty.
fn keepalive(section: &mut Section, place: &SourcePlace, value: &str) {
    let parts: Vec<_> = value.split(':').collect();
    match &parts[..] {
        ["on"] => keepalive(section, place, "::"),
        ["off"] => section.set("keepalive", plan::basic_string("off")),
        [idle, interval, count] => {
            let [default_idle, default_interval] = KERNEL_KEEPALIVE;
            let seconds = |text, default| time(text).unwrap_or(default).as_secs();
            let (idle, interval) =
                (seconds(idle, default_idle), seconds(interval, default_interval));
            let count = count.parse().unwrap_or(KERNEL_KEEPALIVE_COUNT);
            let value =
                format!("{{ idle = \"{idle}s\", interval = \"{interval}s\", count = {count} }}");
            section.set("keepalive", value);
        }
        _ => {
            let message = format!("`so_keepalive={value}` is not understood");
            section.not_converted(place, message, "set keepalive by hand");
        }
    }
}
