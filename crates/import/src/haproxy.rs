//! HAProxy: `listen`, and `frontend` with its `backend`, each with its `defaults`.

mod acl;
mod bind;
mod check_rules;
mod checks;
mod client_rules;
mod hello_routes;
mod keywords;
mod parameters;
mod patterns;
mod per_client;
mod proxy;
mod rights;
mod said;
mod server_lines;
mod servers;
mod way;
mod words;

use std::collections::HashMap;
use std::time::Duration;

use keywords::IN_GLOBAL;
use patterns::Files;
use proxy::Proxies;
use words::Line;

use crate::common_notes::{HOST_RESOLVER, waits_at_shutdown};
use crate::grouped_notes::GroupedNotes;
use crate::known::{Effect, find};
use crate::note::{SourcePlace, quoted};
use crate::section::{Config, Noted, Section, duration};
use crate::{Include, Source};

/// A section of the file, such as `listen web`.
struct Block {
    place: SourcePlace,
    kind: String,
    /// Empty if the section has no name.
    name: String,
    /// Index of its `defaults`: the named one, or the last one before it.
    defaults: Option<usize>,
    /// Number of the lines of its `defaults` and of those that these build on, and of these sections.
    inherited: usize,
    lines: Vec<Line>,
}

/// HAProxy leaves clients beyond a limit in the kernel's queue. It always has a global limit, even
/// if none is configured.
const DEFAULTS: [(&str, &str); 1] = [("at_limit", "\"wait\"")];

const FORWARDING: [&str; 3] = ["listen", "frontend", "backend"];

/// Auxiliary sections. Their use is noted at the proxy that refers to them.
const HELPERS: [&str; 12] = [
    "acme",
    "cache",
    "crt-store",
    "fcgi-app",
    "http-errors",
    "mailers",
    "peers",
    "program",
    "resolvers",
    "ring",
    "traces",
    "userlist",
];

pub(crate) fn convert(source: &Source, include: &mut Include<'_>) -> Config {
    let mut config = Config::default();
    let mut grouped = GroupedNotes::default();
    let mut files = Files::new(include);
    let blocks = blocks(words::lines(source), &mut config);
    let proxies = Proxies::new(&blocks);
    let start = SourcePlace { file: source.name.as_str().into(), line: 1 };
    config.sections.push(Section::defaults(start, "HAProxy", &DEFAULTS));
    for (nth, block) in blocks.iter().enumerate() {
        match block.kind.as_str() {
            "global" => {
                block.lines.iter().for_each(|line| global(line, &mut config, &mut grouped));
            }
            "listen" | "frontend" => {
                proxies.convert(block, &mut files, &mut config, &mut grouped);
            }
            "backend" if !proxies.is_used(block) => {
                let message =
                    format!("the backend {} is not used by a frontend", quoted(&block.name));
                config.differs(&block.place, message, "");
            }
            "defaults" if !proxies.inherits(nth) => {
                let message =
                    format!("the defaults {} are not used by a proxy", quoted(&block.name));
                config.differs(&block.place, message, "");
            }
            "defaults" | "backend" => {}
            "resolvers" => {
                let (message, help) = HOST_RESOLVER;
                grouped.because(message, help, &block.place, "resolvers");
            }
            kind if HELPERS.contains(&kind) => grouped.add(&block.place, kind),
            kind => {
                let message = format!("the section {} is not known here", quoted(kind));
                config.not_converted(&block.place, message, "see whether you need it");
            }
        }
    }
    files.note_faults(&mut config);
    shutdown(&blocks, &mut grouped);
    config.notes.extend(grouped.into_notes());
    config
}

/// Notes how long HAProxy waits for its sessions at its end, unless the file sets it.
fn shutdown(blocks: &[Block], grouped: &mut GroupedNotes) {
    let of_process = blocks.iter().filter(|block| block.kind == "global");
    let mut lines = of_process.flat_map(|block| &block.lines);
    let client = blocks.iter().find(|it| matches!(it.kind.as_str(), "listen" | "frontend"));
    if let (None, Some(client)) = (lines.find(|line| line.word(0) == "hard-stop-after"), client) {
        let subject = "`hard-stop-after` is not set: asked to stop softly, HAProxy";
        waits_at_shutdown(grouped, subject, &client.place);
    }
}

/// Splits the lines into sections.
fn blocks(lines: Vec<Line>, config: &mut Config) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut named, mut last) = (HashMap::new(), None);
    for line in lines {
        let kind = line.word(0).to_owned();
        let is_forwarding = FORWARDING.contains(&kind.as_str());
        if !is_forwarding && !words::is_section(&kind) {
            if let Some(block) = blocks.last_mut() {
                block.lines.push(line);
            } else {
                let message = format!("{} stands in no section", quoted(&kind));
                config.not_converted(&line.place, message, "see whether you need it");
            }
            continue;
        }
        let from = line.words.iter().position(|word| word == "from").map(|at| line.word(at + 1));
        let defaults = from.map_or(last, |name| named.get(name).copied());
        let name = if line.word(1) == "from" { "" } else { line.word(1) }.to_owned();
        if kind == "defaults" {
            last = Some(blocks.len());
            named.insert(name.clone(), blocks.len());
        }
        let defaults = defaults.filter(|_| is_forwarding || from.is_some());
        let (inherited, lines) = (0, Vec::new());
        blocks.push(Block { place: line.place, kind, name, defaults, inherited, lines });
    }
    for nth in 0..blocks.len() {
        let own = |block: &Block| block.inherited.saturating_add(1 + block.lines.len());
        let defaults = blocks.get(nth).and_then(|block| blocks.get(block.defaults?)).map(own);
        if let (Some(block), Some(inherited)) = (blocks.get_mut(nth), defaults) {
            block.inherited = inherited;
        }
    }
    blocks
}

fn global(line: &Line, config: &mut Config, grouped: &mut GroupedNotes) {
    let (name, place) = (line.word(0), &line.place);
    match (name, line.word(1)) {
        ("maxconn", number) => config.set("[process]", place, "max_sessions", whole(number)),
        ("nbthread", number) => config.set("[process]", place, "workers", whole(number)),
        ("hard-stop-after", text) if time(text).is_some() => {
            let value = duration(time(text).unwrap_or_default());
            config.set("[process]", place, "shutdown_timeout", value);
        }
        _ => match find(IN_GLOBAL, name) {
            Some((_, Effect::Lost(message, help) | Effect::Wrong(message, help))) => {
                config.lost(place, &quoted(name), message, help);
            }
            Some((_, Effect::Differs(message, help))) => {
                grouped.because(message, help, place, name);
            }
            // The rest of `global` is about HAProxy's own process.
            _ => grouped.add(place, name),
        },
    }
}

/// A number as TOML. Our parser rejects other text.
fn whole(text: &str) -> String {
    text.parse::<u32>().map_or_else(|_| plan::basic_string(text), |number| number.to_string())
}

/// Parses a time of HAProxy: milliseconds, or a number with a unit.
fn time(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let micros = match unit {
        "us" => 1,
        "" | "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    number.checked_mul(micros).map(Duration::from_micros)
}

/// Sets a key from a time, or notes that the time is invalid.
fn set_time(section: &mut Section, key: &'static str, place: &SourcePlace, text: &str) {
    if let Some(time) = time(text) {
        section.set(key, duration(time));
    } else {
        let message = format!("{} is no time", quoted(text));
        section.not_converted(place, message, format!("set {key} by hand"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let cases = [("5000", 5_000), ("5s", 5_000), ("1m", 60_000), ("1d", 86_400_000)];
        for (text, millis) in cases {
            assert_eq!(time(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "5x", "1m30s", "99999999999999999999"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
