//! One `listen`, or one `frontend` with its `backend`, as forwards.

use std::collections::{HashMap, HashSet};

use super::acl::Acls;
use super::client_rules::{self, Around, Hellos};
use super::hello_routes::{self, HelloRoute};
use super::keywords::{Side, side_of};
use super::patterns::Files;
use super::said::Said;
use super::words::Line;
use super::{Block, servers};
use crate::copies::Copies;
use crate::grouped_notes::GroupedNotes;
use crate::note::{SourcePlace, quoted};
use crate::route::{Listen, Target, forwards};
use crate::section::{Config, NO_LIMIT, Noted, Section, duration};
use crate::server::{self, Server};

/// Settings of the forward that the targets of all its routes have.
const IN_COMMON: [&str; 4] = ["local_address", "interface", "user_timeout", "check"];

/// All sections, and the use of backends.
pub(super) struct Proxies<'a> {
    blocks: &'a [Block],
    backends: HashMap<&'a str, &'a Block>,
    /// How many frontends refer to each backend.
    used: HashMap<&'a str, usize>,
    /// Indexes of the `defaults` of other sections.
    used_defaults: HashSet<usize>,
    copies: Copies,
}

impl<'a> Proxies<'a> {
    pub(super) fn new(blocks: &'a [Block]) -> Self {
        let backends =
            blocks.iter().filter(|block| matches!(block.kind.as_str(), "backend" | "listen"));
        let backends = backends.map(|block| (block.name.as_str(), block)).collect();
        let mut used: HashMap<_, usize> = HashMap::new();
        // The last `default_backend` of each section or of its `defaults`, which stand before it.
        let mut defaults: Vec<Option<&str>> = Vec::new();
        for block in blocks {
            let names = |keyword| {
                let lines = block.lines.iter().filter(move |line| line.word(0) == keyword);
                lines.map(|line| line.word(1))
            };
            let inherited = block.defaults.and_then(|at| defaults.get(at).copied().flatten());
            let default = names("default_backend").next_back().or(inherited);
            defaults.push(default);
            let names: HashSet<_> = names("use_backend").chain(default).collect();
            for name in names.into_iter().filter(|_| is_client_side(block)) {
                *used.entry(name).or_default() += 1;
            }
        }
        let used_defaults = blocks.iter().filter_map(|block| block.defaults).collect();
        Self { blocks, backends, used, used_defaults, copies: Copies::default() }
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

    /// The `use_backend` lines with a condition that may apply, and the line that names the backend of the other
    /// sessions: the first `use_backend` without one, or else `default_backend`.
    fn choices(&self, block: &'a Block) -> (Vec<&'a Line>, Option<&'a Line>) {
        let mut rules = self.lines(block).filter(|line| line.word(0) == "use_backend");
        let mut conditional = Vec::new();
        let always = rules.find(|rule| {
            let is_unconditional = is_unconditional(rule);
            conditional.extend((!is_unconditional).then_some(*rule));
            is_unconditional
        });
        let default = || self.lines(block).filter(|line| line.word(0) == "default_backend").last();
        (conditional, always.or_else(default))
    }

    /// The mode of a section, if it is not `tcp`.
    fn other_mode(&self, block: &'a Block) -> Option<&'a str> {
        let mode = self.lines(block).filter(|line| line.word(0) == "mode").last()?.word(1);
        (mode != "tcp").then_some(mode)
    }

    /// Whether a section builds on the `defaults` with this index.
    pub(super) fn inherits(&self, defaults: usize) -> bool {
        self.used_defaults.contains(&defaults)
    }

    /// Whether a frontend sends anything to this backend.
    pub(super) fn is_used(&self, backend: &Block) -> bool {
        self.used.contains_key(backend.name.as_str())
    }

    pub(super) fn convert(
        &self,
        block: &'a Block,
        files: &mut Files<'_, '_>,
        config: &mut Config,
        grouped: &mut GroupedNotes,
    ) {
        let mut section = Section::forward(block.place.clone());
        if !block.name.is_empty() {
            section.set("name", plan::basic_string(&block.name));
        }
        if !self.copies.admit(block.inherited, &block.place, &mut section) {
            return config.sections.push(section);
        }
        let (rules, default) = self.choices(block);
        let named = |line: &Line| self.backends.get(line.word(1)).copied();
        let all = || rules.iter().copied().chain(default).filter_map(named);
        let repeated = all().map(|backend| backend.inherited + backend.lines.len()).sum();
        if !self.copies.admit(repeated, &block.place, &mut section) {
            return config.sections.push(section);
        }
        if self.note_other_mode(std::iter::once(block).chain(all()), config) {
            return;
        }
        self.convert_with((block, &rules, default), section, files, config, grouped);
    }

    /// Converts a section with its `use_backend` lines that have a condition, and the line that names the backend of the
    /// other sessions.
    fn convert_with(
        &self,
        (block, rules, default): (&'a Block, &[&'a Line], Option<&'a Line>),
        mut section: Section,
        files: &mut Files<'_, '_>,
        config: &mut Config,
        grouped: &mut GroupedNotes,
    ) {
        let mut said = Said::at(&block.place);
        let backend = default.and_then(|line| self.backends.get(line.word(1)).copied());
        let has_own_servers = backend.is_none() && block.kind == "listen";
        let side = (!rules.is_empty() || !has_own_servers).then_some(Side::Client);
        self.take(&mut said, block, side, &mut section, grouped);
        if let (Some(backend), true) = (backend, rules.is_empty()) {
            self.take(&mut said, backend, Some(Side::Server), &mut section, grouped);
        }
        if let Some(line) = said.disabled {
            section.off.get_or_insert_with(|| line.place.clone());
            section.differs(&line.place, "it is disabled in HAProxy too", "");
        }
        if rules.is_empty() {
            said.times(&mut section, grouped);
        }
        let listens = said.listens(&mut section, grouped);
        let acls = Acls::new(said.acls.iter().copied(), files);
        let routes = hello_routes::of(rules.iter().copied(), (&acls, files), &mut section, grouped);
        let hellos =
            self.clients(&said, (&acls, files), &listens, &routes, (&mut section, grouped));
        let target = if rules.is_empty() {
            said.servers.is_shared = backend.is_some_and(|backend| self.is_shared(backend));
            alone(&said, default, &mut section, grouped)
        } else {
            let others = backend.or(has_own_servers.then_some(block));
            self.routed(&said, &routes, others, &hellos, (&mut section, grouped))
        };
        config.sections.extend(forwards(section, &listens, &target, &self.copies));
    }

    /// Whether one of these sections has another mode than `tcp`, which is noted.
    fn note_other_mode(
        &self,
        blocks: impl Iterator<Item = &'a Block>,
        config: &mut Config,
    ) -> bool {
        for block in blocks {
            if let Some(mode) = self.other_mode(block) {
                let message = format!("{} {}: its mode is {mode}", block.kind, quoted(&block.name));
                let help = "keep HAProxy for it, or use mode tcp";
                config.not_converted(&block.place, message, help);
                return true;
            }
        }
        false
    }

    /// Takes the lines of a section that are about this side.
    fn take(
        &self,
        said: &mut Said<'a>,
        end: &'a Block,
        side: Option<Side>,
        section: &mut Section,
        grouped: &mut GroupedNotes,
    ) {
        let has_own =
            self.choices(end).1.is_none_or(|line| !self.backends.contains_key(line.word(1)));
        said.begin(&end.place, side == Some(Side::Server));
        let inherited = self.inherited(end).filter(|line| is_of(side, line));
        said.inherits(inherited, section, grouped);
        for line in &end.lines {
            if is_of(side, line) {
                said.line(line, section, grouped);
            } else if end.kind != "listen" {
                ignored(line, end, section);
            } else if side == Some(Side::Client) && !has_own {
                let message = format!("{}: HAProxy uses `default_backend`", first_words(line));
                section.differs(&line.place, message, "");
            }
        }
    }

    /// Converts the rules about clients.
    fn clients(
        &self,
        said: &Said<'a>,
        conditions: (&Acls, &mut Files<'_, '_>),
        listens: &[Listen],
        routes: &[HelloRoute<'_>],
        (section, grouped): (&mut Section, &mut GroupedNotes),
    ) -> Hellos {
        let (has_header, has_routes) = (said.has_header(), !routes.is_empty());
        let around = Around { listens, has_header, has_routes };
        let table_of = |name: &str| {
            let block = self.backends.get(name)?;
            block.lines.iter().find(|line| line.word(0) == "stick-table")
        };
        client_rules::convert(&said.clients, conditions, &around, table_of, section, grouped)
    }

    /// Sets the routes of the forward. Returns the servers of the other clients.
    fn routed(
        &self,
        said: &Said<'a>,
        routes: &[HelloRoute<'_>],
        others: Option<&'a Block>,
        hellos: &Hellos,
        (section, grouped): (&mut Section, &mut GroupedNotes),
    ) -> Target {
        let mut parts = Vec::new();
        let written = routes.iter().map(|route| {
            let backend = self.backends.get(route.backend).copied();
            let (part, servers) = self.part(said, backend, route.place, route.backend, grouped);
            parts.push(part);
            format!("  {{ {}, to = {} }},", route.condition(), server::in_one_line(&servers))
        });
        let written: Vec<_> = written.collect();
        if !written.is_empty() {
            section.set("route", format!("[\n{}\n]", written.join("\n")));
        }
        if let Some(delay) = hellos.delay.filter(|delay| !delay.is_zero()) {
            section.set("hello_timeout", duration(delay));
        }
        if let (Some(route), false) = (routes.first(), hellos.are_awaited) {
            let message = "`use_backend`: a hello is awaited, and HAProxy chooses without it if it comes late";
            section.differs(route.place, message, "hello_timeout limits the wait");
        }
        let others = others.map_or_else(Vec::new, |block| {
            let (part, servers) = self.part(said, Some(block), &block.place, &block.name, grouped);
            parts.push(part);
            servers
        });
        join(section, parts);
        section.set("max_sessions", said.limit());
        Target::Fixed(others)
    }

    /// The settings and the servers of one backend.
    fn part(
        &self,
        client: &Said<'a>,
        backend: Option<&'a Block>,
        place: &SourcePlace,
        name: &str,
        grouped: &mut GroupedNotes,
    ) -> (Section, Vec<Server>) {
        let (mut own, mut said) = (Section::forward(place.clone()), client.before_backend());
        if let Some(backend) = backend {
            self.take(&mut said, backend, Some(Side::Server), &mut own, grouped);
            said.servers.is_shared = self.is_shared(backend);
        }
        said.times(&mut own, grouped);
        let target = servers::target(&said.servers, &mut own, grouped);
        let limit = own.take("max_sessions").filter(|limit| limit != NO_LIMIT);
        let mut servers = match target {
            Some(Target::Fixed(servers)) => servers,
            Some(Target::SamePort { hosts, .. }) => {
                let message =
                    "the ports of its servers follow the client's, and those of a route do not";
                own.comment_out(place, message, "write a forward for each port");
                hosts
            }
            None => {
                let message = format!("the backend {} has no server", quoted(name));
                own.comment_out(place, message, "");
                vec![Server::at("?")]
            }
        };
        if let ([only], Some(limit)) = (&mut servers[..], limit) {
            only.max_sessions = Some(limit);
        }
        (own, servers)
    }

    /// Whether several frontends lead to this backend.
    fn is_shared(&self, backend: &Block) -> bool {
        self.used.get(backend.name.as_str()).is_some_and(|frontends| *frontends > 1)
    }
}

/// The target of a forward without routes; `backend` is the line that names it.
fn alone(
    said: &Said<'_>,
    backend: Option<&Line>,
    section: &mut Section,
    grouped: &mut GroupedNotes,
) -> Target {
    servers::target(&said.servers, section, grouped).unwrap_or_else(|| {
        let message = match backend {
            Some(line) => format!("the backend {} has no server", quoted(line.word(1))),
            None => "there is no server".to_owned(),
        };
        let place = section.place.clone();
        section.comment_out(&place, message, "");
        Target::one("?")
    })
}

/// Adds the settings of all backends. What they have not in common is noted.
fn join(section: &mut Section, parts: Vec<Section>) {
    for key in IN_COMMON {
        let has = |part: &Section| part.entries.iter().any(|(name, _)| *name == key);
        let with = parts.iter().filter(|part| has(part)).count();
        if with > 0 && with < parts.len() {
            let place = section.place.clone();
            let message = format!("`{key}`: the targets of all routes have it, and not of some");
            section.not_converted(&place, message, "write a forward for the others");
        }
    }
    for part in parts {
        section.join(part);
    }
    // The client's end says the same in front of each backend.
    let mut known = HashSet::new();
    section.notes.retain(|note| known.insert((note.place.line, note.message.clone())));
}

/// Whether clients connect to sections of this kind.
fn is_client_side(block: &Block) -> bool {
    matches!(block.kind.as_str(), "listen" | "frontend")
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
    let message = format!("{}: HAProxy ignores it in a {}", first_words(line), block.kind);
    section.differs(&line.place, message, "");
}

/// A keyword with its first argument, for a note.
fn first_words(line: &Line) -> String {
    let words: Vec<_> = line.words.iter().take(2).map(String::as_str).collect();
    quoted(&words.join(" "))
}
