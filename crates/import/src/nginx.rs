//! nginx: the `server` and `upstream` blocks in `stream`, and what is included there.

mod directives;
mod server;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

use directives::{IN_MAIN, IN_STREAM};
use words::{Directive, time};

use crate::known::{Effect, Harmless, find};
use crate::note::{Place, quoted};
use crate::section::{Config, NO_LIMIT, Section, duration};
use crate::{Include, Source};

/// nginx's own defaults. Its number of sessions is bounded by `worker_connections`, which counts
/// sockets of all servers together.
const DEFAULTS: [(&str, &str); 3] =
    [("connect_timeout", "\"1m\""), ("idle_timeout", "\"10m\""), ("max_sessions", NO_LIMIT)];

/// As deep as files may include each other, and as many as may be included.
const INCLUDE_DEPTH_MAX: usize = 8;
const INCLUDED_MAX: usize = 256;

/// As many bytes as they may have together: files that include others several times grow fast.
const INCLUDED_BYTES_MAX: usize = 16 * 1024 * 1024;

struct Nginx<'i, 'f> {
    include: &'i mut Include<'f>,
    included: usize,
    included_bytes: usize,
    config: Config,
    harmless: Harmless,
}

pub(crate) fn convert(source: &Source, include: &mut Include<'_>) -> Config {
    let (config, harmless) = (Config::default(), Harmless::default());
    let mut nginx = Nginx { include, included: 0, included_bytes: 0, config, harmless };
    match words::parse(&source.name, &source.text) {
        Ok(directives) => {
            let main = nginx.expand(directives, 0);
            let start = Place { file: source.name.as_str().into(), line: 1 };
            nginx.config.sections.push(Section::defaults(start, "nginx", &DEFAULTS));
            // A file that is included in `stream` has no such block itself.
            if main.iter().any(|directive| directive.name() == "stream") {
                nginx.main(main);
            } else {
                nginx.stream(main);
            }
        }
        Err(fault) => {
            nginx.config.not_converted(&fault.place, fault.message, "correct it: `nginx -t`");
        }
    }
    nginx.harmless.report(&mut nginx.config);
    nginx.config
}

impl Nginx<'_, '_> {
    /// Puts what is included in the place of each `include`. What cannot be had keeps its `include`.
    fn expand(&mut self, directives: Vec<Directive>, depth: usize) -> Vec<Directive> {
        let mut expanded = Vec::new();
        for mut directive in directives {
            if directive.name() != "include" {
                expanded.push(directive);
                continue;
            }
            match self.included(&directive, depth) {
                Ok(files) => expanded.extend(files),
                Err(why) => {
                    directive.fault = Some(why);
                    expanded.push(directive);
                }
            }
        }
        expanded
    }

    fn included(&mut self, directive: &Directive, depth: usize) -> Result<Vec<Directive>, String> {
        if depth >= INCLUDE_DEPTH_MAX {
            return Err(format!("files include each other more than {INCLUDE_DEPTH_MAX} deep"));
        }
        let mut all = Vec::new();
        for source in self.sources(directive.argument())? {
            let parsed = words::parse(&source.name, &source.text);
            let directives =
                parsed.map_err(|fault| format!("{}: {}", fault.place, fault.message))?;
            all.extend(self.expand(directives, depth + 1));
        }
        Ok(all)
    }

    /// The files that an `include` names, as long as there are not too many.
    fn sources(&mut self, pattern: &str) -> Result<Vec<Source>, String> {
        let check = |included: usize, bytes: usize| match () {
            () if included > INCLUDED_MAX => {
                Err(format!("more than {INCLUDED_MAX} files are included"))
            }
            () if bytes > INCLUDED_BYTES_MAX => Err("the included files are too large".to_owned()),
            () => Ok(()),
        };
        check(self.included, self.included_bytes)?;
        let sources = (self.include)(pattern)?;
        // An include that gives nothing has its price, too.
        self.included += sources.len().max(1);
        self.included_bytes += sources.iter().map(|source| source.text.len()).sum::<usize>();
        check(self.included, self.included_bytes)?;
        Ok(sources)
    }

    /// Outside all blocks.
    fn main(&mut self, directives: Vec<Directive>) {
        for directive in directives {
            let place = directive.place.clone();
            match (directive.name(), directive.argument()) {
                ("stream", _) => {
                    let block = self.expand(directive.block.unwrap_or_default(), 0);
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
        let (mut upstreams, mut servers, mut inherited) = (HashMap::new(), Vec::new(), Vec::new());
        for mut directive in directives {
            match directive.name() {
                "upstream" => {
                    let block = directive.block.take().unwrap_or_default();
                    let block = self.expand(block, 0);
                    upstreams.insert(directive.argument().to_owned(), block);
                }
                "server" => {
                    let block = directive.block.take().unwrap_or_default();
                    servers.push((directive.place, self.expand(block, 0)));
                }
                // What it holds may be a rule for every server.
                "include" => {
                    self.outside(&directive, IN_STREAM);
                    inherited.push(directive);
                }
                name => match find(IN_STREAM, name) {
                    Some((_, Effect::Handled | Effect::Lost(..) | Effect::Wrong(..))) => {
                        inherited.push(directive);
                    }
                    _ => self.outside(&directive, IN_STREAM),
                },
            }
        }
        for (place, own) in servers {
            let inherited = inherited
                .iter()
                .filter(|directive| !own.iter().any(|other| other.name() == directive.name()));
            let all: Vec<&Directive> = inherited.chain(&own).collect();
            let sections = server::convert(&place, &all, &upstreams, &mut self.harmless);
            self.config.sections.extend(sections);
        }
    }

    /// A directive that stands in no server.
    fn outside(&mut self, directive: &Directive, table: &[crate::known::Known]) {
        let (name, place) = (directive.name(), &directive.place);
        match find(table, name) {
            Some((_, Effect::Handled)) => {}
            Some((_, Effect::Harmless)) => self.harmless.add(place, name),
            Some((_, Effect::Lost(message, help) | Effect::Wrong(message, help))) => {
                self.config.not_converted(place, format!("{}: {message}", quoted(name)), help);
            }
            None => {
                if let Some(why) = &directive.fault {
                    let what = quoted(directive.argument());
                    let message = format!("`include` {what}: {why}");
                    self.config.not_converted(place, message, "import that file by itself");
                } else {
                    let message = format!("{} is not known here", quoted(name));
                    self.config.not_converted(place, message, "see whether you need it");
                }
            }
        }
    }
}

/// The name of a file as places show it.
fn file(name: &str) -> Arc<str> {
    name.into()
}
