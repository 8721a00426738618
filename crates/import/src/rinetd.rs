//! rinetd: a rule per line, `bindaddress bindport connectaddress connectport [options]`, and lines
//! that begin with a word of their own.

use std::net::IpAddr;
use std::sync::Arc;

use plan::Prefix;

use crate::Source;
use crate::access::{Access, all, common};
use crate::common_notes::{ends_at_first_fin, no_keepalive};
use crate::grouped_notes::GroupedNotes;
use crate::note::{SourcePlace, quoted};
use crate::ports::{is_any_v6, join};
use crate::section::{Config, KERNEL_CONNECTS, NO_LIMIT, Noted, Section};
use crate::server::Server;

/// rinetd ends no session that is idle, connects as long as the kernel does, and bounds the number of
/// sessions by what memory and descriptors allow.
const DEFAULTS: [(&str, &str); 3] =
    [("connect_timeout", KERNEL_CONNECTS), ("idle_timeout", "\"off\""), ("max_sessions", NO_LIMIT)];

/// Names of services that are likely in a rule, from IANA's registry.
const SERVICES: [(&str, u16); 24] = [
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("http", 80),
    ("www", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("imap2", 143),
    ("ldap", 389),
    ("https", 443),
    ("submissions", 465),
    ("submission", 587),
    ("ldaps", 636),
    ("rsync", 873),
    ("imaps", 993),
    ("pop3s", 995),
    ("ms-sql-s", 1433),
    ("mysql", 3306),
    ("ms-wbt-server", 3389),
    ("postgresql", 5432),
    ("amqp", 5672),
    ("http-alt", 8080),
];

const PATTERN: &str = "write it as a prefix into `allow` or `deny`, then remove the comment marks";

/// Prefixes that all forwards together repeat at most.
const COPIES_MAX: usize = 1_000_000;

/// The rules about clients of one scope: all forwards, or one.
#[derive(Clone, Default)]
struct Rules {
    /// `None` without a rule that allows.
    allow: Option<Vec<Prefix>>,
    deny: Vec<Prefix>,
    /// The listener of the forward takes clients of IPv4 and IPv6.
    takes_both_families: bool,
    /// A rule without a counterpart, and why.
    unfit: Option<(SourcePlace, String)>,
    /// The first rule that is not about all clients.
    first: Option<(SourcePlace, String)>,
}

impl Rules {
    fn add(&mut self, place: &SourcePlace, words: &[&str]) {
        let pattern = words.get(1).copied().unwrap_or_default();
        let text = quoted(&words.join(" "));
        if pattern != "*" {
            self.first.get_or_insert_with(|| (place.clone(), text.clone()));
        }
        let Some(prefixes) = prefixes(pattern) else {
            self.unfit.get_or_insert((place.clone(), format!("{text}: the pattern is no prefix")));
            return;
        };
        if words.first() == Some(&"allow") {
            self.allow.get_or_insert_default().extend(prefixes);
        } else {
            self.deny.extend(prefixes);
        }
    }

    fn prefixes(&self) -> usize {
        self.allow.as_ref().map_or(0, Vec::len) + self.deny.len()
    }

    /// The rules for all forwards with these of one: a client must pass both.
    fn and(&self, own: &Self) -> Self {
        let allow = match (&self.allow, &own.allow) {
            (Some(one), Some(other)) => Some(common(one, other)),
            (one, other) => one.clone().or_else(|| other.clone()),
        };
        let deny = [&self.deny[..], &own.deny].concat();
        let unfit = own.unfit.clone().or_else(|| self.unfit.clone());
        let first = own.first.clone().or_else(|| self.first.clone());
        Self { allow, deny, unfit, first, takes_both_families: own.takes_both_families }
    }

    fn apply(self, section: &mut Section) {
        if let Some((place, message)) = self.unfit {
            section.comment_out(&place, message, PATTERN);
        } else if let Some((place, rule)) = self.first.filter(|_| self.takes_both_families) {
            let message = format!("{rule}: the listener has other texts for clients of IPv4");
            section.comment_out(&place, message, PATTERN);
        }
        Access::deny_precedes(self.allow, self.deny).set(section);
    }
}

/// The prefixes of a pattern, which rinetd compares with an address as text; `None` if it is no prefix.
fn prefixes(pattern: &str) -> Option<Vec<Prefix>> {
    if pattern == "*" {
        return Some(all().into());
    }
    if let Ok(address) = pattern.parse::<IpAddr>() {
        // Another spelling of the address never matches.
        return (address.to_string() == pattern).then(|| vec![address.into()]);
    }
    let fixed = pattern.trim_end_matches(".*");
    let octets: Vec<u8> =
        fixed.split('.').map(|octet| octet.parse().ok()).collect::<Option<_>>()?;
    let stars = (pattern.len() - fixed.len()) / 2;
    let is_plain = octets.iter().map(u8::to_string).collect::<Vec<_>>().join(".") == fixed;
    if !is_plain || stars == 0 || octets.len() + stars > 4 {
        return None;
    }
    let zeros = ".0".repeat(4 - octets.len());
    format!("{fixed}{zeros}/{}", 8 * octets.len()).parse().ok().map(|prefix| vec![prefix])
}

pub(crate) fn convert(source: &Source) -> Config {
    let file: Arc<str> = source.name.as_str().into();
    let (mut config, mut grouped) = (Config::default(), GroupedNotes::default());
    let start = SourcePlace { file: Arc::clone(&file), line: 1 };
    config.sections.push(Section::defaults(start, "rinetd", &DEFAULTS));
    let (mut of_all, mut of_each) = (Rules::default(), Vec::<Rules>::new());
    for (index, line) in source.text.lines().enumerate() {
        let place = SourcePlace::nth(&file, index);
        let words: Vec<_> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        match &words[..] {
            [] => {}
            ["allow" | "deny", ..] => of_each.last_mut().unwrap_or(&mut of_all).add(&place, &words),
            ["logfile", path, ..] => {
                config.set("[log]", &place, "file", plan::basic_string(path));
                let message = "the lines of the log are those of traffic-forwarder";
                config.differs(&place, message, "docs/session-record.md explains them");
            }
            ["logcommon", ..] => {
                let message = "`logcommon`: there is no log in the format of web servers";
                config.not_converted(&place, message, "use format = \"json\" in [log]");
            }
            ["pidlogfile", ..] => {
                let message = "`pidlogfile`: no file with the process's number is written";
                config.differs(&place, message, "`traffic-forwarder status` shows the number");
            }
            [bind, bind_port, to, to_port, options @ ..] => {
                defaults(&place, options, &mut grouped);
                config.sections.push(rule(&place, [bind, bind_port, to, to_port], options));
                of_each.push(Rules { takes_both_families: is_any_v6(bind), ..Rules::default() });
            }
            _ => {
                let message = format!("{} is no rule of rinetd", quoted(&words.join(" ")));
                config.not_converted(&place, message, "see rinetd(8)");
            }
        }
    }
    config.notes.extend(grouped.into_notes());
    let forwards = config.sections.iter_mut().filter(|section| section.head == "[[forward]]");
    let copies = of_all.prefixes().saturating_mul(of_each.len());
    if let Some((place, rule)) = of_all.first.as_ref().filter(|_| copies > COPIES_MAX) {
        let message = format!("{rule}: the rules for all forwards are too many to repeat in each");
        of_all = Rules { unfit: Some((place.clone(), message)), ..Rules::default() };
    }
    for (section, own) in forwards.zip(of_each) {
        of_all.and(&own).apply(section);
    }
    config
}

/// Notes the defaults of rinetd that are in effect in a rule.
fn defaults(place: &SourcePlace, options: &[&str], grouped: &mut GroupedNotes) {
    ends_at_first_fin(grouped, "rinetd", place);
    if !options.iter().any(|option| option.contains("keepalive")) {
        no_keepalive(grouped, "rinetd", place);
    }
}

/// One rule for forwarding.
fn rule(place: &SourcePlace, words: [&str; 4], options: &[&str]) -> Section {
    let [bind, bind_port, to, to_port] = words;
    let mut section = Section::forward(place.clone());
    let listens = port(&mut section, place, bind_port);
    let connects = port(&mut section, place, to_port);
    // rinetd's socket takes both families then.
    let bind = if is_any_v6(bind) { "" } else { bind };
    section.listen(&[join(bind, listens)]);
    section.to(&[Server::at(join(to, connects))]);
    let options = options.join(" ");
    let options = options.trim_matches(|c: char| "[]".contains(c) || c.is_whitespace());
    for option in options.split(',').map(str::trim).filter(|option| !option.is_empty()) {
        self::option(&mut section, place, option);
    }
    section
}

/// The number of a port, which may be the name of a service and have a protocol behind it.
fn port(section: &mut Section, place: &SourcePlace, text: &str) -> String {
    let (name, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if protocol != "tcp" {
        // Both ports of a rule may say so.
        if section.off.is_none() {
            let (message, help) = match protocol {
                "udp" => ("traffic-forwarder forwards TCP only", "keep rinetd for this rule"),
                _ => ("rinetd refuses this port, too", "write a number, or one with `/tcp`"),
            };
            section.comment_out(place, format!("{}: {message}", quoted(text)), help);
        }
    }
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return name.to_owned();
    }
    match SERVICES.iter().find(|(service, _)| *service == name) {
        Some((_, port)) => port.to_string(),
        None => name.to_owned(),
    }
}

fn option(section: &mut Section, place: &SourcePlace, option: &str) {
    match option.split_once('=').map_or(option, |(key, _)| key.trim()) {
        "timeout" => {
            let message = format!("{}: it means nothing for TCP", quoted(option));
            section.differs(place, message, "idle_timeout can end idle sessions");
        }
        "dns-refresh" => {
            let message = format!("{}: a name is looked up when clients come", quoted(option));
            section.differs(place, message, "an answer is used for its TTL");
        }
        "keepalive" if option.ends_with("off") => {
            section.set("keepalive", plan::basic_string("off"));
        }
        "keepalive" => {}
        "src" => {
            let address = option.split_once('=').map_or("", |(_, address)| address.trim());
            if address.parse::<IpAddr>().is_ok() {
                section.set("local_address", plan::basic_string(address));
                return;
            }
            let message = format!("{}: targets would see another address", quoted(option));
            section.comment_out(place, message, "give an address as `local_address`");
        }
        _ => {
            let message = format!("{} is an option that is not known here", quoted(option));
            section.comment_out(place, message, "see rinetd(8)");
        }
    }
}
