//! Recognises files that are no configuration of this program: those of other forwarders, and those of anything
//! else. Their lines are not repeated, since the file may hold secrets that its reader must not see.

use crate::text::nearest;

/// The format of a file of another program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// `import --from` converts it.
    Importable(&'static str),
    /// The configuration of a program without an importer.
    Program(&'static str),
    /// A format without an importer.
    Format(&'static str),
    /// Nothing in it looks like a configuration of this program.
    Unknown,
}

/// The first words of lines that only HAProxy has.
const HAPROXY: [&str; 6] = ["global", "defaults", "frontend", "backend", "listen", "userlist"];

/// Top-level tables of this program.
const TABLES: [&str; 4] = ["process", "log", "defaults", "forward"];

/// Keys that forwards have, and that are not expected in files of other programs.
const KEYS: [&str; 3] = ["listen", "to", "admin"];

/// The format of a text that has no valid forward. `None` if it may be meant as a configuration of this program.
pub(crate) fn recognise(text: &str) -> Option<Foreign> {
    let lines =
        || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    // Endpoints have a key `listen`, too.
    if lines().any(|line| line == "[[endpoints]]") {
        return Some(Foreign::Importable("realm"));
    }
    if lines().next().is_none() || lines().any(is_ours) {
        return None;
    }
    if let Some(program) = program(text) {
        return Some(Foreign::Program(program));
    }
    let first = lines().next().unwrap_or_default();
    let foreign = match () {
        () if first.starts_with(['{', '[']) && is_json(text) => {
            let is_realm =
                ["\"endpoints\"", "\"listening_ports\""].iter().any(|key| text.contains(key));
            if is_realm { Foreign::Importable("realm") } else { Foreign::Format("JSON") }
        }
        () if is_nginx(text) => Foreign::Importable("nginx"),
        () if is_haproxy(text) => Foreign::Importable("haproxy"),
        () if lines().any(is_rinetd) => Foreign::Importable("rinetd"),
        () if is_yaml(text) => Foreign::Format("YAML"),
        () => Foreign::Unknown,
    };
    Some(foreign)
}

/// The words of a program without an importer: each entry needs a line that begins with every one of its words.
const PROGRAMS: [(&str, &[&str]); 8] = [
    ("systemd (a socket unit)", &["[Socket]", "Listen"]),
    ("systemd (a service unit)", &["[Service]", "ExecStart"]),
    ("Envoy", &["static_resources:"]),
    ("Envoy", &["dynamic_resources:"]),
    ("gost", &["services:", "handler:", "listener:"]),
    ("xinetd", &["service ", "redirect"]),
    ("Caddy", &["reverse_proxy "]),
    ("Caddy", &["layer4 {"]),
];

fn program(text: &str) -> Option<&'static str> {
    let has = |word: &&str| text.lines().any(|line| begins_with(line, word));
    let found = PROGRAMS.iter().find(|(_, words)| words.iter().all(has)).map(|(name, _)| *name);
    found.or_else(|| text.lines().any(is_socat).then_some("socat"))
}

/// Whether a line begins with this word, perhaps as an entry of a list.
fn begins_with(line: &str, word: &str) -> bool {
    line.trim_start_matches([' ', '\t', '-']).starts_with(word)
}

/// A command line with an address that listens.
fn is_socat(line: &str) -> bool {
    let line = line.to_ascii_uppercase();
    let line = line.trim_start_matches("SOCAT ");
    let addresses = ["TCP-LISTEN:", "TCP4-LISTEN:", "TCP6-LISTEN:", "TCP-L:", "UNIX-LISTEN:"];
    let is_listener = |word: &str| addresses.iter().any(|address| word.starts_with(address));
    line.split_whitespace().any(is_listener)
}

/// Whether a line is one of our formats, or nearly.
fn is_ours(line: &str) -> bool {
    if let Some(header) = line.strip_prefix('[') {
        let name = header.trim_matches(|c: char| "[] \t".contains(c));
        return nearest(name, &TABLES).is_some();
    }
    if let Some((key, _)) = line.split_once('=') {
        return KEYS.contains(&key.trim());
    }
    let fields: Vec<&str> = line.split('|').map(str::trim).collect();
    fields.len() > 1 && fields.iter().any(|field| field.parse::<u16>().is_ok())
}

fn is_json(text: &str) -> bool {
    let (first, last) = (text.trim_start().chars().next(), text.trim_end().chars().next_back());
    matches!((first, last), (Some('{'), Some('}'))) || text.contains("\":")
}

/// Blocks in braces whose directives end with a semicolon.
fn is_nginx(text: &str) -> bool {
    let lines = || text.lines().map(str::trim);
    let opens = |name: &str| lines().any(|line| line.starts_with(name) && line.contains('{'));
    let has = ["stream", "http", "events", "server", "upstream"].into_iter().any(opens);
    has && lines().any(|line| line.ends_with(';') || line.contains("; "))
}

fn is_haproxy(text: &str) -> bool {
    let is_section = |line: &str| {
        let word = line.split_whitespace().next().unwrap_or_default();
        line.starts_with(word) && HAPROXY.contains(&word)
    };
    let directives = ["bind", "server", "mode", "default_backend", "maxconn", "timeout"];
    let is_directive =
        |line: &str| line.split_whitespace().next().is_some_and(|word| directives.contains(&word));
    text.lines().any(is_section) && text.lines().any(is_directive)
}

/// `bindaddress bindport connectaddress connectport`.
fn is_rinetd(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_port = |text: &str| text.split('/').next().is_some_and(|it| it.parse::<u16>().is_ok());
    matches!(words[..], [bind, from, to, port, ..]
        if is_port(from) && is_port(port) && bind.contains(['.', ':']) && to.contains(['.', ':', '-']))
}

/// Lines `key:` and `key: value`, and lists.
fn is_yaml(text: &str) -> bool {
    let is_key = |line: &str| {
        let (key, rest) = line.split_once(':').unwrap_or_default();
        let key = key.trim_start_matches("- ");
        !key.is_empty()
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
            && (rest.is_empty() || rest.starts_with(' '))
    };
    let mut lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut keys = 0;
    lines.all(|line| {
        keys += usize::from(is_key(line));
        is_key(line) || line.starts_with("- ") || line == "---"
    }) && keys > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_programs_are_recognised() {
        let cases = [
            (
                "stream {\n  server {\n    listen 80;\n    proxy_pass a:80;\n  }\n}\n",
                Foreign::Importable("nginx"),
            ),
            (
                "global\n  maxconn 100\nlisten a\n  bind :80\n  server s a:80\n",
                Foreign::Importable("haproxy"),
            ),
            ("# rules\n0.0.0.0 80 10.0.0.1 8080\n", Foreign::Importable("rinetd")),
            (
                "[network]\nno_tcp = false\n[[endpoints]]\nremote = \"a:80\"\n",
                Foreign::Importable("realm"),
            ),
            ("{\"endpoints\": [{\"local\": \"a:1\"}]}", Foreign::Importable("realm")),
            ("{\"ServeNodes\": [\":8080\"]}", Foreign::Format("JSON")),
            ("services:\n- name: a\n  addr: :8080\n", Foreign::Format("YAML")),
            ("[Unit]\n[Socket]\nListenStream=80\n", Foreign::Program("systemd (a socket unit)")),
            ("[Service]\nExecStart=/bin/a\n", Foreign::Program("systemd (a service unit)")),
            ("static_resources:\n  listeners: []\n", Foreign::Program("Envoy")),
            (
                "services:\n- name: a\n  handler:\n    type: tcp\n  listener:\n    type: tcp\n",
                Foreign::Program("gost"),
            ),
            ("service a\n{\n  port = 80\n  redirect = h 81\n}\n", Foreign::Program("xinetd")),
            (":80 {\n  reverse_proxy h:81\n}\n", Foreign::Program("Caddy")),
            ("{\n layer4 {\n  :80 {\n  }\n }\n}\n", Foreign::Program("Caddy")),
            ("socat TCP-LISTEN:80,fork TCP:h:81\n", Foreign::Program("socat")),
            ("root:$6$secret:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n", Foreign::Unknown),
            ("[client]\nuser = root\npassword = secret\n", Foreign::Unknown),
        ];
        for (text, expected) in cases {
            assert_eq!(recognise(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn mistakes_in_a_file_of_ours_are_not() {
        for text in [
            "",
            "# nothing\n",
            "x | h | 80\n",
            "[[forwards]]\nlisten = \":80\"\n",
            "[log]\nlevel = \"warn\"\n",
            "listen = \":80\"\n",
            "forward]]\nto = \"h:80\"\n",
        ] {
            assert_eq!(recognise(text), None, "{text}");
        }
    }
}
