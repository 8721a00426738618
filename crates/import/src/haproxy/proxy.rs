//! One `listen`, or one `frontend` with its `backend`, as forwards.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::keywords::{IN_PROXY, OF_BIND, OPTIONS, Side, side_of};
use super::parameters::parameters;
use super::server_lines::Servers;
use super::words::Line;
use super::{Block, bind, check_rules, servers, set_time, time, way, whole};
use crate::known::{Effect, Harmless, apply, find};
use crate::note::quoted;
use crate::route::{Target, forwards};
use crate::section::{Config, KERNEL_CONNECTS, NO_LIMIT, Noted, Section, duration};

/// HAProxy's own value of `retries`.
const RETRIES: u32 = 3;

/// All sections, and the use of backends.
pub(super) struct Proxies<'a> {
    blocks: &'a [Block],
    backends: HashMap<&'a str, &'a Block>,
    /// How many frontends refer to each backend.
    used: HashMap<&'a str, usize>,
}

/// Settings collected from a proxy's lines; later ones win.
#[derive(Default)]
struct Said<'a> {
    maxconn: Option<&'a str>,
    disabled: Option<&'a Line>,
    /// The line that names the backend.
    backend: Option<&'a Line>,
    timeouts: HashMap<&'a str, &'a Line>,
    keepalive: Keepalive<'a>,
    binds: Vec<&'a Line>,
    servers: Servers<'a>,
}

#[derive(Default)]
struct Keepalive<'a> {
    idle: Option<&'a str>,
    interval: Option<&'a str>,
    count: Option<&'a str>,
}

impl<'a> Proxies<'a> {
    pub(super) fn new(blocks: &'a [Block]) -> Self {
        let backends =
            blocks.iter().filter(|block| matches!(block.kind.as_str(), "backend" | "listen"));
        let backends = backends.map(|block| (block.name.as_str(), block)).collect();
        let mut proxies = Self { blocks, backends, used: HashMap::new() };
        for block in blocks.iter().filter(|block| block.kind != "backend") {
            let choices = proxies
                .lines(block)
                .filter(|line| matches!(line.word(0), "default_backend" | "use_backend"));
            let names: HashSet<_> = choices.map(|line| line.word(1)).collect();
            for name in names.into_iter().filter(|_| block.kind != "defaults") {
                *proxies.used.entry(name).or_default() += 1;
            }
        }
        proxies
    }

    /// The lines of a section, behind those of its `defaults`.
    fn lines(&self, block: &'a Block) -> impl Iterator<Item = &'a Line> {
        self.inherited(block).chain(&block.lines)
    }

    /// The lines of a section's `defaults`.
    fn inherited(&self, block: &'a Block) -> impl Iterator<Item = &'a Line> {
        let defaults = |block: &Block| block.defaults.and_then(|at| self.blocks.get(at));
        // A `defaults` builds on one before it, so that this ends.
        let mut chain: Vec<_> = std::iter::successors(defaults(block), |it| defaults(it)).collect();
        chain.reverse();
        chain.into_iter().flat_map(|block| &block.lines)
    }

    /// The line that names the backend of every session: the first `use_backend`, if it has no
    /// condition, or else `default_backend`.
    fn choice(&self, block: &'a Block) -> Option<&'a Line> {
        let rule = self.lines(block).find(|line| line.word(0) == "use_backend");
        let rule = rule.filter(|rule| is_unconditional(rule));
        rule.or_else(|| self.lines(block).filter(|line| line.word(0) == "default_backend").last())
    }

    /// The mode of a section, if it is not `tcp`.
    fn other_mode(&self, block: &'a Block) -> Option<&'a str> {
        let mode = self.lines(block).filter(|line| line.word(0) == "mode").last()?.word(1);
        (mode != "tcp").then_some(mode)
    }

    /// Whether a frontend sends anything to this backend.
    pub(super) fn is_used(&self, backend: &Block) -> bool {
        self.used.contains_key(backend.name.as_str())
    }

    pub(super) fn convert(&self, block: &'a Block, config: &mut Config, harmless: &mut Harmless) {
        let mut section = Section::forward(block.place.clone());
        if !block.name.is_empty() {
            section.set("name", plan::basic_string(&block.name));
        }
        let choice = self.choice(block);
        let backend = choice.and_then(|line| self.backends.get(line.word(1)).copied());
        for block in std::iter::once(block).chain(backend) {
            if let Some(mode) = self.other_mode(block) {
                let message = format!("{} {}: its mode is {mode}", block.kind, quoted(&block.name));
                let help = "keep HAProxy for it, or use mode tcp";
                return config.not_converted(&block.place, message, help);
            }
        }
        let mut said = Said { backend: choice, ..Said::default() };
        let ends = match (backend, block.kind.as_str()) {
            (Some(backend), _) => vec![(block, Some(Side::Client)), (backend, Some(Side::Server))],
            (None, "listen") => vec![(block, None)],
            (None, _) => vec![(block, Some(Side::Client))],
        };
        for (end, side) in ends {
            let inherited = self.inherited(end).filter(|line| is_of(side, line));
            said.inherits(inherited, &mut section, harmless);
            for line in &end.lines {
                if is_of(side, line) {
                    said.line(line, &mut section, harmless);
                } else if end.kind != "listen" {
                    ignored(line, end, &mut section);
                }
            }
        }
        if let Some(line) = said.disabled {
            section.off.get_or_insert_with(|| line.place.clone());
            section.differs(&line.place, "it is disabled in HAProxy too", "");
        }
        said.times(&mut section);
        said.servers.is_shared = backend.is_some_and(|backend| {
            self.used.get(backend.name.as_str()).is_some_and(|frontends| *frontends > 1)
        });
        let listens = said.listens(&mut section, harmless);
        let target = servers::target(&said.servers, &mut section, harmless).unwrap_or_else(|| {
            let message = match said.backend {
                Some(line) => format!("the backend {} has no server", quoted(line.word(1))),
                None => "there is no server".to_owned(),
            };
            section.comment_out(&block.place, message, "");
            Target::one("?")
        });
        config.sections.extend(forwards(section, &listens, &target));
    }
}

/// Whether a `use_backend` applies to every session.
fn is_unconditional(rule: &Line) -> bool {
    rule.words.len() == 2 && !rule.word(1).contains("%[")
}

/// Whether the line is a setting of this end of a session, or of both; `None` stands for both ends.
fn is_of(side: Option<Side>, line: &Line) -> bool {
    let of = side_of(line.word(0), line.word(1));
    side.is_none() || of.is_none() || of == side
}

/// Notes a setting in a section of a kind that has no such setting.
fn ignored(line: &Line, block: &Block, section: &mut Section) {
    let words = line.words.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(" ");
    let message = format!("{}: HAProxy ignores it in a {}", quoted(&words), block.kind);
    section.differs(&line.place, message, "");
}

impl<'a> Said<'a> {
    /// Takes the lines of a `defaults`.
    fn inherits(
        &mut self,
        lines: impl Iterator<Item = &'a Line>,
        section: &mut Section,
        harmless: &mut Harmless,
    ) {
        lines.for_each(|line| self.line(line, section, harmless));
        self.servers.checks.are_inherited = true;
    }

    fn line(&mut self, line: &'a Line, section: &mut Section, harmless: &mut Harmless) {
        if line.has_variable {
            let message = format!("`{} …`: it depends on the environment", line.word(0));
            section.comment_out(&line.place, message, "write in what it stands for");
        }
        match line.word(0) {
            "mode" | "default_backend" => {}
            "use_backend" if is_unconditional(line) => {}
            "maxconn" => self.maxconn = Some(line.word(1)),
            "disabled" => self.disabled = Some(line),
            "enabled" => self.disabled = None,
            "timeout" => self.timeout(line, harmless),
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
            "no" => harmless.add(&line.place, &line.words.join(" ")),
            "tcp-check" | "http-check" => self.servers.checks.rule(line),
            "option" => self.option(line, section, harmless),
            // It only delays for rules.
            "tcp-request" if line.word(1) == "inspect-delay" => {
                harmless.add(&line.place, "inspect-delay");
            }
            name => {
                let effect = find(IN_PROXY, name).map(|(_, effect)| effect);
                let is_rule = matches!(name, "tcp-request" | "use_backend" | "use-server");
                let words = line.words.join(" ");
                apply(effect, if is_rule { &words } else { name }, &line.place, section, harmless);
            }
        }
    }

    fn option(&mut self, line: &'a Line, section: &mut Section, harmless: &mut Harmless) {
        match line.word(1) {
            "allbackups" => self.servers.all_backups = true,
            name if check_rules::is_option(name) => self.servers.checks.option = Some(line),
            name => {
                let effect = find(OPTIONS, name).map_or(Effect::Harmless, |(_, effect)| effect);
                apply(Some(effect), &format!("option {name}"), &line.place, section, harmless);
            }
        }
    }

    fn timeout(&mut self, line: &'a Line, harmless: &mut Harmless) {
        match line.word(1) {
            name @ ("client" | "server" | "connect" | "tunnel" | "client-fin" | "server-fin") => {
                self.timeouts.insert(name, line);
                if name == "connect" {
                    self.servers.checks.connect_timeout = time(line.word(2));
                }
            }
            "queue" => self.servers.queue_timeout = Some(line),
            "check" => self.servers.checks.timeout = Some(line),
            name => harmless.add(&line.place, &format!("timeout {name}")),
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
    fn times(&self, section: &mut Section) {
        let idle = self.shortest(&["tunnel"]).or_else(|| self.shortest(&["client", "server"]));
        section.set("idle_timeout", duration(idle.unwrap_or_default()));
        self.half_closed(idle, section);
        self.connecting(section);
        section.set("max_sessions", self.maxconn.map_or_else(|| NO_LIMIT.to_owned(), whole));
        let Keepalive { idle, interval, count } = &self.keepalive;
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

    fn listens(&self, section: &mut Section, harmless: &mut Harmless) -> Vec<crate::route::Listen> {
        let mut listens = Vec::new();
        for line in &self.binds {
            parameters("bind", OF_BIND, line, 2, section, harmless);
            let only6 = line.words.iter().any(|word| word == "v6only");
            match bind::listens(line.word(1), only6) {
                Ok(found) => listens.extend(found),
                Err(why) => section.comment_out(&line.place, why.to_string(), "write it by hand"),
            }
        }
        if listens.is_empty() && section.off.is_none() {
            let place = section.place.clone();
            section.comment_out(&place, "there is no `bind`", "");
        }
        way::accept_proxy(&self.binds, &listens, section);
        listens
    }
}
