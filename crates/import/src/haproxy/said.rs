//! What the lines of a proxy say, as settings of a forward.

use std::collections::HashMap;
use std::time::Duration;

use super::client_rules::ClientRules;
use super::keywords::{IN_PROXY, OF_BIND, OF_HTTP, OPTIONS};
use super::parameters::parameters;
use super::server_lines::Servers;
use super::words::Line;
use super::{bind, check_rules, rights, set_time, time, way, whole};
use crate::common_notes::{KEEPALIVE_HELP, no_keepalive};
use crate::grouped_notes::GroupedNotes;
use crate::known::{Effect, apply, find};
use crate::note::SourcePlace;
use crate::route::Listen;
use crate::section::{KERNEL_CONNECTS, NO_LIMIT, Noted, Section, duration};

/// HAProxy's own value of `retries`.
const RETRIES: u32 = 3;

/// Whether an `option` enables TCP keepalive.
fn keepalive_option(name: &str) -> bool {
    matches!(name, "tcpka" | "clitcpka" | "srvtcpka")
}

/// Settings collected from a proxy's lines; later ones win.
#[derive(Default)]
pub(super) struct Said<'a> {
    /// Where the section of the client's end begins.
    origin: Option<&'a SourcePlace>,
    /// Whether the lines are those of a backend.
    is_backend: bool,
    /// Whether they are those of a `listen` again, this time as its own backend.
    is_again: bool,
    pub(super) disabled: Option<&'a Line>,
    pub(super) acls: Vec<&'a Line>,
    pub(super) clients: ClientRules<'a>,
    pub(super) servers: Servers<'a>,
    maxconn: Option<&'a str>,
    timeouts: HashMap<&'a str, &'a Line>,
    keepalive: Keepalive<'a>,
    binds: Vec<&'a Line>,
}

#[derive(Clone, Default)]
struct Keepalive<'a> {
    /// `option tcpka` or one of its sides.
    on: Option<&'a Line>,
    idle: Option<&'a str>,
    interval: Option<&'a str>,
    count: Option<&'a str>,
}

impl<'a> Said<'a> {
    /// Nothing so far, of the section that begins here.
    pub(super) fn at(origin: &'a SourcePlace) -> Self {
        Self { origin: Some(origin), ..Self::default() }
    }

    /// The same client's end, in front of another backend.
    pub(super) fn before_backend(&self) -> Self {
        let (timeouts, keepalive) = (self.timeouts.clone(), self.keepalive.clone());
        Self { origin: self.origin, timeouts, keepalive, ..Self::default() }
    }

    /// The lines that follow are those of this section, as a backend or not.
    pub(super) fn begin(&mut self, place: &SourcePlace, is_backend: bool) {
        self.is_backend = is_backend;
        self.is_again = is_backend && self.origin == Some(place);
    }

    /// Takes the lines of a `defaults`.
    pub(super) fn inherits(
        &mut self,
        lines: impl Iterator<Item = &'a Line>,
        section: &mut Section,
        grouped: &mut GroupedNotes,
    ) {
        lines.for_each(|line| self.line(line, section, grouped));
        self.servers.checks.are_inherited = true;
    }

    pub(super) fn line(
        &mut self,
        line: &'a Line,
        section: &mut Section,
        grouped: &mut GroupedNotes,
    ) {
        if line.has_variable {
            let message = format!("`{} …`: it depends on the environment", line.word(0));
            section.comment_out(&line.place, message, "write in what it stands for");
        }
        match line.word(0) {
            // `use_backend` becomes a route.
            "mode" | "default_backend" | "use_backend" => {}
            "tcp-request" | "stick-table" | "acl" if self.is_again => {}
            "acl" => self.acls.push(line),
            "tcp-request" if !self.is_backend => self.clients.lines.push(line),
            "stick-table" if !self.is_backend => self.clients.table = Some(line),
            "maxconn" => self.maxconn = Some(line.word(1)),
            "disabled" => self.disabled = Some(line),
            "enabled" => self.disabled = None,
            "timeout" => self.timeout(line, grouped),
            "bind" => self.binds.push(line),
            "server" => self.servers.lines.push(line),
            "default-server" => self.servers.defaults.push(line),
            "balance" => self.servers.balance = Some(line),
            "retries" => self.servers.retries = Some(line),
            "stick" => self.servers.stick = Some(line),
            "source" => way::source(line, section),
            "clitcpka-idle" | "srvtcpka-idle" => self.keepalive.idle = Some(line.word(1)),
            "clitcpka-intvl" | "srvtcpka-intvl" => self.keepalive.interval = Some(line.word(1)),
            "clitcpka-cnt" | "srvtcpka-cnt" => self.keepalive.count = Some(line.word(1)),
            "no" if line.words == ["no", "option", "allbackups"] => {
                self.servers.all_backups = false;
            }
            "no" if keepalive_option(line.word(2)) => self.keepalive.on = None,
            "no" => grouped.add(&line.place, &line.words.join(" ")),
            "tcp-check" | "http-check" => self.servers.checks.rule(line),
            "option" => self.option(line, section, grouped),
            // It only delays for rules.
            "tcp-request" if line.word(1) == "inspect-delay" => {
                grouped.add(&line.place, "inspect-delay");
            }
            name => {
                let effect = find(IN_PROXY, name).map(|(_, effect)| effect);
                let is_rule = matches!(name, "tcp-request" | "use-server");
                let words = line.words.join(" ");
                apply(effect, if is_rule { &words } else { name }, &line.place, section, grouped);
            }
        }
    }

    fn option(&mut self, line: &'a Line, section: &mut Section, grouped: &mut GroupedNotes) {
        match line.word(1) {
            "allbackups" => self.servers.all_backups = true,
            name if keepalive_option(name) => self.keepalive.on = Some(line),
            name if check_rules::is_option(name) => self.servers.checks.option = Some(line),
            name => {
                let effect = find(OPTIONS, name).map_or(Effect::Harmless, |(_, effect)| effect);
                apply(Some(effect), &format!("option {name}"), &line.place, section, grouped);
            }
        }
    }

    fn timeout(&mut self, line: &'a Line, grouped: &mut GroupedNotes) {
        match line.word(1) {
            name @ ("client" | "server" | "connect" | "tunnel" | "client-fin" | "server-fin") => {
                self.timeouts.insert(name, line);
                if name == "connect" {
                    self.servers.checks.connect_timeout = time(line.word(2));
                }
            }
            "queue" => self.servers.queue_timeout = Some(line),
            "check" => self.servers.checks.timeout = Some(line),
            name => grouped.because(OF_HTTP, "", &line.place, &format!("timeout {name}")),
        }
    }

    /// The shortest of these times that is set; none is endless.
    fn shortest(&self, names: &[&str]) -> Option<Duration> {
        let times = names.iter().filter_map(|name| time(self.timeouts.get(name)?.word(2)));
        times.filter(|time| !time.is_zero()).min()
    }

    /// Timeouts, limits and keepalive. Where nothing is said, HAProxy waits for ever. `timeout tunnel`
    /// replaces the times of both ends, also of a session with one end closed, unless these have
    /// times of their own for that.
    pub(super) fn times(&self, section: &mut Section, grouped: &mut GroupedNotes) {
        let idle = self.shortest(&["tunnel"]).or_else(|| self.shortest(&["client", "server"]));
        section.set("idle_timeout", duration(idle.unwrap_or_default()));
        self.half_closed(idle, section);
        self.connecting(section);
        section.set("max_sessions", self.limit());
        self.probing(section, grouped);
    }

    /// When silent peers are probed.
    fn probing(&self, section: &mut Section, grouped: &mut GroupedNotes) {
        let Keepalive { on, idle, interval, count } = &self.keepalive;
        match (on, idle) {
            (None, _) => {
                no_keepalive(grouped, "`option tcpka` is off: HAProxy", &section.place);
            }
            (Some(line), None) => {
                let message = "silent peers are probed after 60 s, and not after net.ipv4.tcp_keepalive_time (2 h)";
                grouped.because(message, KEEPALIVE_HELP, &line.place, &line.words.join(" "));
            }
            _ => {}
        }
        // HAProxy means seconds by a bare number here.
        let seconds = |text: &str| match text.parse::<u64>() {
            Ok(number) => format!("\"{number}s\""),
            Err(_) => duration(time(text).unwrap_or_default()),
        };
        let entries = [
            idle.map(|text| format!("idle = {}", seconds(text))),
            interval.map(|text| format!("interval = {}", seconds(text))),
            count.map(|text| format!("count = {}", whole(text))),
        ];
        let entries: Vec<_> = entries.into_iter().flatten().collect();
        if !entries.is_empty() {
            section.set("keepalive", format!("{{ {} }}", entries.join(", ")));
        }
    }

    /// After the client's FIN HAProxy waits for the target, and after the target's for the client. The longer
    /// of both times ends no session that HAProxy keeps.
    fn half_closed(&self, idle: Option<Duration>, section: &mut Section) {
        let first = |names: &[&str]| names.iter().find_map(|name| self.shortest(&[name]));
        let of_target = first(&["server-fin", "tunnel", "server"]);
        let of_client = first(&["client-fin", "tunnel", "client"]);
        let half = of_target.zip(of_client).map(|(one, other)| one.max(other));
        section.set("half_close_timeout", duration(half.unwrap_or_default()));
        let ours = [half, idle].into_iter().flatten().min();
        for name in ["client-fin", "server-fin"] {
            if let (Some(line), Some(time)) = (self.timeouts.get(name), self.shortest(&[name]))
                && ours != Some(time)
            {
                let ours = duration(ours.unwrap_or_default());
                let message = format!("`timeout {name}`: a half-closed session ends after {ours}");
                section.differs(&line.place, message, "");
            }
        }
        let ends = ["client", "server"].map(|name| self.shortest(&[name]));
        if let ([client, server], None) = (ends, self.shortest(&["tunnel"]))
            && client != server
            && let Some(line) = self.timeouts.get("client").or(self.timeouts.get("server"))
        {
            let message = "`timeout client` and `timeout server` differ: the shorter one ends a silent session";
            section.differs(&line.place, message, "");
        }
    }

    /// HAProxy waits for each of its attempts as long, and without a time as long as the kernel does.
    fn connecting(&self, section: &mut Section) {
        let Some(line) = self.timeouts.get("connect") else {
            return section.set("connect_timeout", KERNEL_CONNECTS.to_owned());
        };
        let attempts = self.servers.retries.map_or(Some(RETRIES), |line| line.word(1).parse().ok());
        let attempts = attempts.unwrap_or(RETRIES).saturating_add(1);
        match time(line.word(2)).map(|time| time.checked_mul(attempts)) {
            Some(Some(time)) if time.is_zero() => {
                section.set("connect_timeout", KERNEL_CONNECTS.to_owned());
            }
            Some(Some(time)) => section.set("connect_timeout", duration(time)),
            _ => set_time(section, "connect_timeout", &line.place, line.word(2)),
        }
    }

    /// The limit of sessions of the client's end.
    pub(super) fn limit(&self) -> String {
        self.maxconn.map_or_else(|| NO_LIMIT.to_owned(), whole)
    }

    /// The addresses to listen on. Sets what `bind` says beside them.
    pub(super) fn listens(&self, section: &mut Section, grouped: &mut GroupedNotes) -> Vec<Listen> {
        let mut of_each = Vec::new();
        for line in &self.binds {
            parameters("bind", OF_BIND, line, 2, section, grouped);
            let only6 = line.words.iter().any(|word| word == "v6only");
            if bind::is_mptcp(line.word(1)) {
                section.mptcp(&line.place, "bind mptcp@…", grouped);
            }
            match bind::listens(line.word(1), only6) {
                Ok(found) => of_each.push((*line, found)),
                Err(why) => section.comment_out(&line.place, why.to_string(), "write it by hand"),
            }
        }
        rights::convert(&of_each, section);
        let listens: Vec<_> = of_each.into_iter().flat_map(|(_, listens)| listens).collect();
        if listens.is_empty() && section.off.is_none() {
            let place = section.place.clone();
            section.comment_out(&place, "there is no `bind`", "");
        }
        way::accept_proxy(&self.binds, &listens, section);
        listens
    }

    /// Whether a client must send a PROXY header.
    pub(super) fn has_header(&self) -> bool {
        self.binds.iter().any(|line| line.words.iter().any(|word| word == "accept-proxy"))
    }
}
