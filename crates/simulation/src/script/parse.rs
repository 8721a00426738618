//! Reads the text of a script (`text`).

use super::Script;
use super::admission::Admission;
use super::clients::Clients;
use super::configuration::{Configuration, Endpoint, Forward, Limits, path_word};
use super::event::{Act, Command, Event, Resolver};
use super::header_word::read_send;
use super::opening::{Header, Hello, Opening};
use super::targets::{Selection, Target, To, balance_word};
use super::words::{ACTS, ADDRESS_KINDS, COMMANDS, FLAWS, FORMS, HOSTS, SEVERITIES, value};
use flow::{Balance, NoneUp, Passive, PathChoice, Peer};
use std::fmt;
use std::str::{FromStr, SplitWhitespace};
use std::time::Duration;

/// A line that is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The line.
    pub line: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a line of a script: `{}`", self.line)
    }
}

impl FromStr for Script {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let lines = text.lines().map(str::trim);
        let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (seed, workers) = read(lines.next(), read_head)?;
        let start = read(lines.next(), |line| configuration(line.strip_prefix("start ")?))?;
        let events = lines.map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { seed, workers, start, events })
    }
}

fn read<T>(line: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Result<T, ParseError> {
    let line = line.unwrap_or_default();
    read(line).ok_or_else(|| ParseError { line: line.into() })
}

fn read_head(line: &str) -> Option<(u64, u8)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["seed", seed, "workers", workers] => Some((seed.parse().ok()?, workers.parse().ok()?)),
        _ => None,
    }
}

impl FromStr for Event {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        let mut words = line.split_whitespace();
        let event = if let Some(text) = line.strip_prefix("reload ") {
            configuration(text).map(|it| Self::Operate(Command::Reload(it)))
        } else if let Some(text) = line.strip_prefix("try ") {
            configuration(text).map(|it| Self::Operate(Command::Try(it)))
        } else {
            event(&mut words).filter(|_| words.next().is_none())
        };
        event.ok_or_else(|| ParseError { line: line.into() })
    }
}

fn event(words: &mut SplitWhitespace<'_>) -> Option<Event> {
    let first = words.next()?;
    if let Ok(session) = first.parse() {
        return of_session(session, words);
    }
    Some(match first {
        "target" => Event::Target(number(words)?, value(&HOSTS, words.next()?)?),
        "conditions" => Event::Conditions(value(&SEVERITIES, words.next()?)?),
        "files" => Event::Files(match words.next()? {
            "off" => None,
            count => Some(count.parse().ok()?),
        }),
        "resolver" => Event::Resolver(match words.next()? {
            "prompt" => Resolver::Prompt,
            "late" => Resolver::Late(Duration::from_millis(number(words)?)),
            "empty" => Resolver::Empty,
            "times-out" => Resolver::TimesOut,
            "no-answer" => Resolver::NoAnswer,
            _ => return None,
        }),
        "pass" => Event::Pass(Duration::from_millis(number(words)?)),
        "settle" => Event::Settle,
        "drain" => Event::Operate(Command::Drain(name(words.next()?)?)),
        "resume" => Event::Operate(Command::Resume(name(words.next()?)?)),
        "max" => Event::Operate(Command::MaxSessions(number(words)?)),
        "kill" => Event::Operate(Command::Kill(number(words)?)),
        "tidy" => Event::Operate(Command::Tidy(span(words.next()?)?.0)),
        command => Event::Operate(value(&COMMANDS, command)?),
    })
}

fn of_session(session: u16, words: &mut SplitWhitespace<'_>) -> Option<Event> {
    let peer = match words.next()? {
        "connects" => {
            let (endpoint, mut opening) = (endpoint(words.next()?)?, Opening::default());
            words.try_for_each(|word| read_opening(&mut opening, word))?;
            return Some(Event::Connect(session, endpoint, opening));
        }
        "client" => Peer::Client,
        "target" => Peer::Target,
        _ => return None,
    };
    let act = match words.next()? {
        "sends" => Act::Send(number(words)?),
        "reads" => Act::Read(number(words)?),
        act => value(&ACTS, act)?,
    };
    Some(Event::Act(session, peer, act))
}

/// Reads a part of what a client begins with.
fn read_opening(opening: &mut Opening, word: &str) -> Option<()> {
    let (key, text) = word.split_once('=')?;
    let parts: Vec<&str> = text.split(':').collect();
    let number = |text: &str| match text {
        "-" => Some(None),
        text => text.parse().ok().map(Some),
    };
    match (key, &parts[..]) {
        ("header", [form, client, flaw, extra]) => {
            opening.header = Some(Header {
                form: value(&FORMS, form)?,
                client: client.parse().ok()?,
                flaw: value(&FLAWS, flaw)?,
                extra: extra.parse().ok()?,
            });
        }
        ("hello", [name, protocol, padding, records]) => {
            opening.hello = Some(Hello {
                name: number(name)?,
                protocol: number(protocol)?,
                padding: padding.parse().ok()?,
                records: records.parse().ok()?,
            });
        }
        _ => return None,
    }
    Some(())
}

fn number<T: FromStr>(words: &mut SplitWhitespace<'_>) -> Option<T> {
    words.next()?.parse().ok()
}

fn name(word: &str) -> Option<u8> {
    word.strip_prefix('f')?.parse().ok()
}

fn endpoint(word: &str) -> Option<Endpoint> {
    let (kind, number) = word.split_once(':')?;
    Some(Endpoint { kind: value(&ADDRESS_KINDS, kind)?, number: number.parse().ok()? })
}

fn to(word: &str) -> Option<To> {
    let digits = word.find(|letter: char| letter.is_ascii_digit())?;
    let (kind, number) = word.split_at(digits);
    let number = number.parse().ok()?;
    Some(match kind {
        "t" => To::Host(number),
        "u" => To::Unix(number),
        "n" => To::Name(number),
        "own" => To::Own(number),
        "nowhere" => To::Nowhere(number),
        _ => return None,
    })
}

fn target(text: &str) -> Option<Target> {
    let mut parts = text.split(':');
    let mut target = Target::from(to(parts.next()?)?);
    for part in parts {
        match part.split_once('=').unwrap_or((part, "")) {
            ("weight", text) => target.weight = text.parse().ok()?,
            ("max", text) => target.sessions = Some(text.parse().ok()?),
            ("send", text) => target.send = Some(read_send(text)?),
            ("backup", "") => target.backup = true,
            _ => return None,
        }
    }
    Some(target)
}

/// A limit, which may be off.
struct Limit(Option<Duration>);

fn span(word: &str) -> Option<Limit> {
    match word {
        "off" => Some(Limit(None)),
        millis => Some(Limit(Some(Duration::from_millis(millis.parse().ok()?)))),
    }
}

fn configuration(text: &str) -> Option<Configuration> {
    text.split('|').map(forward).collect::<Option<_>>().map(Configuration)
}

fn forward(text: &str) -> Option<Forward> {
    let mut words = text.split_whitespace().peekable();
    let name = name(words.next()?)?;
    let mut listen = Vec::new();
    while let Some(endpoint) = words.peek().and_then(|word| endpoint(word)) {
        listen.push(endpoint);
        words.next();
    }
    let to = match words.next()? {
        "-" => Vec::new(),
        targets => targets.split(',').map(target).collect::<Option<_>>()?,
    };
    let (mut selection, mut limits) = (Selection::default(), Limits::default());
    let (mut clients, mut admission) = (Clients::default(), Admission::default());
    words.try_for_each(|word| {
        let limit = |limits: &mut Limits| limit(limits, word);
        choice(&mut selection, word)
            .or_else(|| limit(&mut limits))
            .or_else(|| client_limit(&mut clients, word))
            .or_else(|| admission.read(word, target))
    })?;
    Some(Forward { name, listen, to, selection, limits, clients, admission })
}

fn choice(selection: &mut Selection, word: &str) -> Option<()> {
    match word.split_once('=')? {
        ("balance", text) => {
            let all = [Balance::Least, Balance::RoundRobin, Balance::Source, Balance::First];
            selection.balance = all.into_iter().find(|it| balance_word(*it) == text)?;
        }
        ("passive", "off") => selection.passive = None,
        ("passive", text) => selection.passive = Some(passive(text)?),
        ("none-up", "refuse") => selection.none_up = NoneUp::Refuse,
        _ => return None,
    }
    Some(())
}

fn passive(text: &str) -> Option<Passive> {
    let parts: Vec<&str> = text.split('/').collect();
    let [failures, down, most] = parts[..] else { return None };
    let (down, down_max) = (span(down)?.0?, span(most)?.0?);
    Some(Passive { failures: failures.parse().ok()?, down, down_max })
}

fn client_limit(clients: &mut Clients, word: &str) -> Option<()> {
    let (key, text) = word.split_once('=').unwrap_or((word, ""));
    match key {
        "share" => clients.share = Some(text.parse().ok()?),
        "each" => clients.sessions = Some(text.parse().ok()?),
        "burst" => clients.burst = Some(text.parse().ok()?),
        "new" => clients.new = Some(text.parse().ok()?),
        "prefix" => clients.prefix = text.parse().ok()?,
        "exempt" => clients.exempt = true,
        _ => return None,
    }
    Some(())
}

fn limit(limits: &mut Limits, word: &str) -> Option<()> {
    let (key, text) = word.split_once('=').unwrap_or((word, ""));
    match key {
        "wait" => limits.wait = true,
        "fin" => limits.fin = true,
        "max" => limits.sessions = text.parse().ok()?,
        "path" => {
            let all = [PathChoice::Auto, PathChoice::Copy, PathChoice::Splice];
            limits.path = all.into_iter().find(|path| path_word(*path) == text)?;
        }
        "connect" => limits.connect = span(text)?.0?,
        "idle" => limits.idle = span(text)?.0,
        "half" => limits.half = span(text)?.0,
        "age" => limits.age = span(text)?.0,
        "stall" => limits.stall = span(text)?.0,
        "keepalive" => limits.keepalive = span(text)?.0,
        "user" => limits.user = span(text)?.0,
        "up" => limits.rates[0] = Some(text.parse().ok()?),
        "down" => limits.rates[1] = Some(text.parse().ok()?),
        _ => return None,
    }
    Some(())
}
