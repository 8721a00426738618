//! rinetd: a rule per line, `bindaddress bindport connectaddress connectport [options]`, and lines
//! that begin with a word of their own.

use std::sync::Arc;

use crate::Source;
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

const FIREWALL: &str = "let the firewall allow and deny (nftables), then remove the comment marks";

pub(crate) fn convert(source: &Source) -> Config {
    let file: Arc<str> = source.name.as_str().into();
    let mut config = Config::default();
    let start = SourcePlace { file: Arc::clone(&file), line: 1 };
    config.sections.push(Section::defaults(start, "rinetd", &DEFAULTS));
    let mut global_rule: Option<SourcePlace> = None;
    for (index, line) in source.text.lines().enumerate() {
        let place = SourcePlace::nth(&file, index);
        let words: Vec<_> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        match &words[..] {
            [] => {}
            ["allow" | "deny", ..] => match config.sections.last_mut() {
                Some(rule) if rule.head == "[[forward]]" => deny(rule, &place, &words),
                _ => {
                    let message = format!("{}: it holds for every rule", quoted(&words.join(" ")));
                    config.not_converted(&place, message, FIREWALL);
                    global_rule.get_or_insert(place);
                }
            },
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
                let mut section = rule(&place, [bind, bind_port, to, to_port], options);
                if let Some(rule) = &global_rule {
                    section.off.get_or_insert_with(|| rule.clone());
                }
                config.sections.push(section);
            }
            _ => {
                let message = format!("{} is no rule of rinetd", quoted(&words.join(" ")));
                config.not_converted(&place, message, "see rinetd(8)");
            }
        }
    }
    config
}

fn deny(section: &mut Section, place: &SourcePlace, words: &[&str]) {
    let message = format!("{}: everybody could connect", quoted(&words.join(" ")));
    section.comment_out(place, message, FIREWALL);
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
            section.differs(place, message, "an answer is used for one second");
        }
        "keepalive" if option.ends_with("off") => {
            section.set("keepalive", plan::basic_string("off"));
        }
        "keepalive" => {}
        "src" => {
            let message = format!("{}: targets would see another address", quoted(option));
            let help =
                "set the source by a route (`ip route … src …`), then remove the comment marks";
            section.comment_out(place, message, help);
        }
        _ => {
            let message = format!("{} is an option that is not known here", quoted(option));
            section.comment_out(place, message, "see rinetd(8)");
        }
    }
}
