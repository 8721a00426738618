//! What a check of HAProxy does: `option …chk` with the rules that belong to it.

use std::time::Duration;

use super::words::Line;
use crate::grouped_notes::GroupedNotes;
use crate::note::quoted;
use crate::section::{Noted, Section};

pub(super) const CONNECTS: &str = "the check only connects";
pub(super) const HELP: &str = "docs/configuration.md has the kinds of `check`";

/// Arguments of `option` that select what a check does.
const OPTIONS: [&str; 10] = [
    "external-check",
    "httpchk",
    "ldap-check",
    "mysql-check",
    "pgsql-check",
    "redis-check",
    "smtpchk",
    "spop-check",
    "ssl-hello-chk",
    "tcp-check",
];

/// Whether this argument of `option` selects a check.
pub(super) fn is_option(argument: &str) -> bool {
    OPTIONS.contains(&argument)
}

/// Lines of a proxy about checks.
#[derive(Default)]
pub(super) struct Checks<'a> {
    /// The last `option` of [`OPTIONS`].
    pub(super) option: Option<&'a Line>,
    rules: Vec<&'a Line>,
    /// Whether the rules so far are those of a `defaults`, which those of the proxy replace.
    pub(super) are_inherited: bool,
    pub(super) timeout: Option<&'a Line>,
    pub(super) connect_timeout: Option<Duration>,
}

/// Entries of the table `check`.
pub(super) type Entries = Vec<(&'static str, String)>;

impl<'a> Checks<'a> {
    /// Adds a line of `tcp-check` or `http-check`.
    pub(super) fn rule(&mut self, line: &'a Line) {
        if std::mem::take(&mut self.are_inherited) {
            self.rules.clear();
        }
        self.rules.push(line);
    }

    /// Rules of the `option` in use, without comments.
    fn rules(&self, keyword: &str) -> Vec<&'a Line> {
        let rules = self.rules.iter().copied();
        rules.filter(|rule| rule.word(0) == keyword && rule.word(1) != "comment").collect()
    }

    /// Notes the lines of a proxy without checks.
    pub(super) fn note_unused(&self, grouped: &mut GroupedNotes) {
        for line in self.option.iter().chain(&self.timeout).chain(&self.rules) {
            let words: Vec<_> = line.words.iter().take(2).map(String::as_str).collect();
            grouped.ineffective("no server has `check`", &line.place, &words.join(" "));
        }
    }

    /// What a check does. What has no counterpart is noted.
    pub(super) fn kind(&self, is_tls: bool, is_plain: bool, section: &mut Section) -> Entries {
        let option = self.option.filter(|_| !is_plain);
        let name = option.map_or("", |option| option.word(1));
        if is_tls || name == "ssl-hello-chk" {
            if let Some(option) = option.filter(|_| !matches!(name, "tcp-check" | "ssl-hello-chk"))
            {
                let name = quoted(&format!("option {name}"));
                let message = "the check reads only the first answer of a TLS handshake";
                section.lost(&option.place, &name, message, HELP);
            }
            let message = "`check`: of a TLS handshake, it reads the first answer only";
            let place = option.map_or(&section.place, |option| &option.place).clone();
            section.differs(&place, message, "");
            return vec![("tls", "true".to_owned())];
        }
        let connect = || vec![("connect", "true".to_owned())];
        let Some(option) = option else { return connect() };
        let kind = match name {
            "tcp-check" => self.exchange(),
            "httpchk" => self.http(option, section),
            "redis-check" => Ok(exchange(Some("PING\r\n"), "+PONG")),
            _ => Err(option),
        };
        kind.unwrap_or_else(|line| {
            let words = if line.word(0) == "option" { 2 } else { 1 };
            let name = line.words.iter().take(words).map(String::as_str).collect::<Vec<_>>();
            section.lost(&line.place, &quoted(&name.join(" ")), CONNECTS, HELP);
            connect()
        })
    }

    /// `tcp-check`: one text to send at most, then one to expect. The error is the line that is none of these.
    fn exchange(&self) -> Result<Entries, &'a Line> {
        let rules = self.rules("tcp-check");
        let is_connect = |rule: &Line| rule.word(1) == "connect" && rule.words.len() == 2;
        let rules = match &rules[..] {
            [connect, rest @ ..] if is_connect(connect) => rest,
            rules => rules,
        };
        let request = |rule: &'a Line| text(rule.word(2)).filter(|_| is(rule, "send", "", 3));
        let answer =
            |rule: &'a Line| text(rule.word(3)).filter(|_| is(rule, "expect", "string", 4));
        match rules {
            [] => Ok(vec![("connect", "true".to_owned())]),
            [expect] => answer(expect).map(|expect| exchange(None, expect)).ok_or(*expect),
            [send, expect] => {
                let send = request(send).ok_or(*send)?;
                Ok(exchange(Some(send), answer(expect).ok_or(*expect)?))
            }
            [_, _, other, ..] => Err(other),
        }
    }

    /// `option httpchk` with its `http-check`. The error is the line that asks for something else.
    fn http(&self, option: &'a Line, section: &mut Section) -> Result<Entries, &'a Line> {
        let mut request = Request::of_option(option);
        let (mut status, mut sends) = (None, 0);
        for rule in self.rules("http-check") {
            match rule.word(1) {
                "connect" if rule.words.len() == 2 => {}
                "send" if sends == 0 => {
                    sends += 1;
                    request.parameters(rule)?;
                }
                "expect" => {
                    let range = statuses(rule.word(3)).filter(|_| is(rule, "expect", "status", 4));
                    if let (Some(range), None) = (range, &status) {
                        status = Some(range);
                    } else {
                        let message = "a status from 200 to 399 is a success";
                        section.lost(&rule.place, "`http-check expect`", message, HELP);
                    }
                }
                "send-state" => {}
                "disable-on-404" => {
                    let message = "a target that answers with 404 is down";
                    section.lost(&rule.place, "`http-check disable-on-404`", message, HELP);
                }
                _ => return Err(rule),
            }
        }
        let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let Request { line, method, path, host, others } = request;
        let is_method = matches!(method, "GET" | "HEAD" | "OPTIONS");
        if !is_method || !path.starts_with('/') || ![path, host].into_iter().all(is_word) {
            return Err(line);
        }
        if others {
            section.lost(&line.place, "headers and body", "the check sends none of them", HELP);
        }
        let mut entries = vec![("http", plan::basic_string(path))];
        let others = [("method", method, "GET"), ("host", host, "")];
        let others = others.into_iter().filter(|(_, value, default)| value != default);
        entries.extend(others.map(|(key, value, _)| (key, plan::basic_string(value))));
        let status = status.filter(|status| *status != "200-399");
        entries.extend(status.map(|status| ("status", plan::basic_string(status))));
        Ok(entries)
    }
}

/// The request of an HTTP check.
struct Request<'a> {
    /// The line that says what to ask for.
    line: &'a Line,
    method: &'a str,
    path: &'a str,
    host: &'a str,
    /// Whether there are other headers, or a body.
    others: bool,
}

impl<'a> Request<'a> {
    fn of_option(line: &'a Line) -> Self {
        let (method, path) = match line.from(2) {
            [] => ("OPTIONS", "/"),
            [path] => ("OPTIONS", path.as_str()),
            [method, path, ..] => (method.as_str(), path.as_str()),
        };
        let mut request = Self { line, method, path, host: "", others: false };
        // Older configurations write headers behind the version.
        let lines = line.from(4).iter().flat_map(|word| word.split("\r\n").skip(1));
        for header in lines.filter(|line| !line.is_empty()) {
            let (name, value) = header.split_once(':').unwrap_or((header, ""));
            request.header(name, value.trim());
        }
        request
    }

    fn header(&mut self, name: &str, value: &'a str) {
        if name.eq_ignore_ascii_case("host") {
            self.host = value;
        } else {
            self.others |= !name.eq_ignore_ascii_case("connection");
        }
    }

    /// Parameters of `http-check send`.
    fn parameters(&mut self, rule: &'a Line) -> Result<(), &'a Line> {
        let mut words = rule.from(2).iter().map(String::as_str);
        let mut next = || words.next();
        while let Some(name) = next() {
            let value = next().unwrap_or_default();
            match name {
                "meth" => self.method = value,
                "uri" => self.path = value,
                "ver" | "comment" => {}
                "hdr" => self.header(value, next().unwrap_or_default()),
                "body" => self.others = true,
                _ => return Err(rule),
            }
            self.line = rule;
        }
        Ok(())
    }
}

/// Whether a rule has these second and third words, if these are not empty, and so many words in all.
fn is(rule: &Line, second: &str, third: &str, words: usize) -> bool {
    rule.word(1) == second
        && (third.is_empty() || rule.word(2) == third)
        && rule.words.len() == words
}

/// A text that our reader takes. The replacement character stands for bytes that are no text.
fn text(text: &str) -> Option<&str> {
    Some(text).filter(|text| (1..=1024).contains(&text.len()) && !text.contains('\u{fffd}'))
}

fn exchange(send: Option<&str>, expect: &str) -> Entries {
    let send = send.map(|send| ("send", plan::basic_string(send)));
    send.into_iter().chain([("expect", plan::basic_string(expect))]).collect()
}

/// A status, or a range of them.
fn statuses(text: &str) -> Option<&str> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let status = |text: &str| text.parse::<u16>().ok().filter(|it| (100..=599).contains(it));
    status(first).zip(status(last)).filter(|(first, last)| first <= last).map(|_| text)
}
