//! nginx: the `server` and `upstream` blocks in `stream`, including included files.

mod clients;
mod common;
mod defaults;
mod directives;
mod include;
mod limit_conn;
mod pass;
mod preread;
mod proxy_header;
mod rate;
mod server;
mod upstream;
mod words;

use std::collections::HashSet;
use std::sync::Arc;

use common::Common;
use defaults::DEFAULTS;
use directives::{IN_MAIN, IN_STREAM, WRITE_IN};
use include::Files;
use preread::Map;
use words::{Directive, time};

use crate::grouped_notes::GroupedNotes;
use crate::known::{Effect, find};
use crate::note::{SourcePlace, quoted};
use crate::section::{Config, Noted, Section, duration};
use crate::{Include, Source};

struct Nginx<'i, 'f> {
    files: Files<'i, 'f>,
    config: Config,
    grouped: GroupedNotes,
}

pub(crate) fn convert(source: &Source, include: &mut Include<'_>) -> Config {
    let (config, grouped) = (Config::default(), GroupedNotes::default());
    let mut nginx = Nginx { files: Files::new(include), config, grouped };
    match words::parse(&source.name, &source.text) {
        Ok(directives) => nginx.file(directives, source),
        Err(fault) => {
            nginx.config.not_converted(&fault.place, fault.message, "correct it: `nginx -t`");
        }
    }
    if let Some((place, why)) = nginx.files.exceeded {
        let mut config = Config::default();
        config.not_converted(&place, format!("all of it: {why}"), "import it in parts");
        return config;
    }
    nginx.config.notes.extend(nginx.grouped.into_notes());
    nginx.config
}

impl Nginx<'_, '_> {
    fn file(&mut self, directives: Vec<Directive>, source: &Source) {
        let start = SourcePlace { file: source.name.as_str().into(), line: 1 };
        self.config.sections.push(Section::defaults(start, "nginx", &DEFAULTS));
        let directives = self.files.expand(directives);
        if is_part(&directives) {
            self.stream(directives);
        } else {
            self.main(directives);
        }
    }

    /// Converts the directives outside of all blocks.
    fn main(&mut self, directives: Vec<Directive>) {
        if let Some(stream) = directives.iter().find(|directive| directive.name() == "stream") {
            defaults::connections(&directives, &stream.place, &mut self.grouped);
            defaults::shutdown(&directives, &stream.place, &mut self.grouped);
        }
        for directive in directives {
            let place = directive.place.clone();
            match (directive.name(), directive.argument()) {
                ("stream", _) => {
                    let block = self.files.expand(directive.block.unwrap_or_default());
                    self.stream(block);
                }
                ("worker_processes", "auto") => {}
                ("worker_processes", number) => {
                    let workers = number.parse::<u32>().unwrap_or(1).to_string();
                    self.config.set("[process]", &place, "workers", workers);
                }
                ("worker_shutdown_timeout", text) if time(text).is_some() => {
                    let value = duration(time(text).unwrap_or_default());
                    self.config.set("[process]", &place, "shutdown_timeout", value);
                }
                _ => self.outside(&directive, IN_MAIN),
            }
        }
    }

    fn stream(&mut self, directives: Vec<Directive>) {
        let mut common = Common::default();
        let (mut servers, mut inherited) = (Vec::new(), Vec::new());
        for mut directive in directives {
            match directive.name() {
                "upstream" | "map" | "limit_conn_zone" => self.define(directive, &mut common),
                "server" => {
                    let block = directive.block.take().unwrap_or_default();
                    servers.push((directive.place, self.files.expand(block)));
                }
                // The included file may have rules for every server.
                "include" => inherited.push(directive),
                name => match find(IN_STREAM, name) {
                    Some((_, Effect::Handled | Effect::Lost(..) | Effect::Wrong(..))) => {
                        inherited.push(directive);
                    }
                    _ => self.outside(&directive, IN_STREAM),
                },
            }
        }
        if servers.is_empty() {
            let unread = inherited.iter().filter(|directive| directive.name() == "include");
            unread.for_each(|directive| self.outside(directive, IN_STREAM));
        }
        let mut complete = Vec::new();
        for (place, own) in &servers {
            let mut section = Section::forward(place.clone());
            if common.copies.admit(inherited.len(), place, &mut section) {
                complete.push((place, with_inherited(&inherited, own), None));
            } else {
                complete.push((place, Vec::new(), Some(section)));
            }
        }
        common.count(complete.iter().map(|(_, directives, _)| &directives[..]));
        for (place, name) in common.unused() {
            let message = format!("the upstream {} is not used by a server", quoted(name));
            self.config.differs(place, message, "");
        }
        for (place, directives, refused) in complete {
            let sections = match refused {
                Some(section) => vec![section],
                None => server::convert(place, &directives, &common, &mut self.grouped),
            };
            self.config.sections.extend(sections);
        }
    }

    /// Takes what servers refer to by name.
    fn define(&mut self, mut directive: Directive, common: &mut Common) {
        let block = self.files.expand(directive.block.take().unwrap_or_default());
        let argument = directive.argument().to_owned();
        match directive.name() {
            "upstream" => {
                common.upstreams.insert(argument, (directive.place, block));
            }
            "map" => {
                let map = Map::new(&argument, block);
                if !map.is_of_hello() {
                    self.outside(&directive, IN_STREAM);
                }
                let variable = directive.words.into_iter().nth(2).unwrap_or_default();
                common.maps.insert(variable, map);
            }
            _ => common.zones.define(&directive),
        }
    }

    /// Notes a directive outside of servers.
    fn outside(&mut self, directive: &Directive, table: &[crate::known::Known]) {
        let (name, place) = (directive.name(), &directive.place);
        match find(table, name) {
            Some((_, Effect::Handled)) => {}
            Some((_, Effect::Harmless)) => self.grouped.add(place, name),
            Some((_, Effect::Choice)) => self.grouped.choice(place, name),
            Some((_, Effect::Variable)) => self.grouped.variable(place, name),
            Some((_, Effect::Differs(message, help))) => {
                self.grouped.because(message, help, place, name);
            }
            Some((_, Effect::Lost(message, help) | Effect::Wrong(message, help))) => {
                self.config.lost(place, &quoted(name), message, help);
            }
            None => {
                if let Some(message) = directive.unread() {
                    self.config.not_converted(place, message, WRITE_IN);
                } else {
                    let message = format!("{} is not known here", quoted(name));
                    self.config.not_converted(place, message, "see whether you need it");
                }
            }
        }
    }
}

/// The directives of a server behind the inherited ones that it does not replace. Rules about clients are one list.
fn with_inherited<'d>(inherited: &'d [Directive], own: &'d [Directive]) -> Vec<&'d Directive> {
    let kind = |directive: &'d Directive| match directive.name() {
        "deny" => "allow",
        name => name,
    };
    let replaced: HashSet<_> = own.iter().map(kind).collect();
    inherited.iter().filter(|it| !replaced.contains(kind(it))).chain(own).collect()
}

/// Whether this file is meant to be included in `stream`: it has servers but no top-level block.
fn is_part(directives: &[Directive]) -> bool {
    let any = |names: &[&str]| directives.iter().any(|it| names.contains(&it.name()));
    any(&["server", "upstream"]) && !any(&["stream", "http", "mail", "events"])
}

/// A file name, shared by its locations.
fn file(name: &str) -> Arc<str> {
    name.into()
}
