//! Statements that are not known, at each level of each format: each is named in a note.

use import::{Converted, Dialect, Source};

fn convert(from: Dialect, text: String) -> Converted {
    let source = Source { name: "file".to_owned(), text };
    import::convert(from, &source, &mut |_| Err("none".into()))
}

/// Files with `LEVEL` wherever a statement may stand.
const LEVELS: [(Dialect, &str, &str); 9] = [
    (Dialect::Rinetd, "LEVEL\n127.0.0.1 80 a 80\nLEVEL\n", "unknown_N x"),
    (Dialect::Rinetd, "127.0.0.1 80 a 80 [LEVEL,timeout=5,LEVEL]\n", "unknown_N"),
    (
        Dialect::Realm,
        "LEVEL\n[log]\nLEVEL\n[dns]\nLEVEL\n[network]\nLEVEL\n[[endpoints]]\nlisten = ':80'\nremote = 'a:80'\n\
         LEVEL\n[endpoints.network]\nLEVEL\n[other]\n",
        "unknown_N = 1",
    ),
    (
        Dialect::Nginx,
        "LEVEL;\nstream {\nLEVEL;\nupstream u {\nLEVEL;\nserver a:80;\n}\nupstream v { server b:80; }\n\
         server {\nLEVEL;\nlisten 80;\nproxy_pass u;\n}\n}\nLEVEL;\n",
        "unknown_N x",
    ),
    (
        Dialect::Nginx,
        "stream {\nupstream u { server a:80 LEVEL; server b:80 LEVEL; }\n\
         server { listen 80 LEVEL; listen 81 LEVEL; proxy_pass u; }\n}\n",
        "unknown_N=1",
    ),
    (
        Dialect::Nginx,
        "stream {\nmap $ssl_preread_server_name $t { LEVEL; default a:80; }\n\
         server { listen 80; ssl_preread on; proxy_pass $t; }\n}\n",
        "*.unknown_N b:80",
    ),
    (
        Dialect::Haproxy,
        "LEVEL\nglobal\n LEVEL\ndefaults\n LEVEL\nfrontend f\n bind :80\n LEVEL\n default_backend b\n\
         backend b\n LEVEL\n server s a:80\nlisten l\n LEVEL\n bind :81\n server s a:80\n",
        "unknown_N x",
    ),
    (
        Dialect::Haproxy,
        "listen l\n bind :80 LEVEL\n server s a:80 LEVEL\n default-server LEVEL\n",
        "unknown_N",
    ),
    (
        Dialect::Haproxy,
        "listen l\n bind :80\n server s a:80\n LEVEL\nfrontend f\n bind :81\n LEVEL\n default_backend b\n\
         backend b\n LEVEL\n server s a:80\n",
        "option unknown_N",
    ),
];

#[test]
fn each_unknown_statement_is_named() {
    for (from, text, statement) in LEVELS {
        let mut parts = text.split("LEVEL");
        let mut written = parts.next().unwrap_or_default().to_owned();
        for (nth, part) in parts.enumerate() {
            written += &statement.replace('N', &nth.to_string());
            written += part;
        }
        let converted = convert(from, written.clone());
        let notes: String = converted.notes.iter().map(ToString::to_string).collect();
        for nth in 0..text.matches("LEVEL").count() {
            let name = format!("unknown_{nth}");
            assert!(notes.contains(&name), "{name} of\n{written}\nis not in\n{notes}");
            assert!(converted.toml.contains(&name), "{name}: {}", converted.toml);
        }
    }
}

/// Sections that nothing refers to are named as a whole.
#[test]
fn unused_sections_are_named() {
    let server = "server { listen 80; proxy_pass a:80; }";
    for (from, text, note) in [
        (
            Dialect::Nginx,
            format!("stream {{ {server} upstream u {{ server b:80; }} }}"),
            "the upstream `u` is not used by a server",
        ),
        (
            Dialect::Haproxy,
            "listen l\n bind :80\n server s a:80\nbackend b\n server t c:80\n".to_owned(),
            "the backend `b` is not used by a frontend",
        ),
        (
            Dialect::Haproxy,
            "defaults d\n maxconn 5\ndefaults e\nlisten l\n bind :80\n server s a:80\n".to_owned(),
            "the defaults `d` are not used by a proxy",
        ),
        (Dialect::Realm, "[endpoints]\nlisten = ':80'\n".to_owned(), "`endpoints` has another form"),
        (Dialect::Realm, "network = 5\n".to_owned(), "`network` has another form"),
        (Dialect::Realm, "[log]\nlevel = 'loud'\n".to_owned(), "the log level `loud` is not known"),
        (
            Dialect::Realm,
            "[[endpoints]]\nlisten = ':80'\nremote = 'a:80'\nnetwork = { send_proxy_version = 1, accept_proxy_timeout = 3 }\n".to_owned(),
            "`send_proxy_version`, `accept_proxy_timeout`: not needed here",
        ),
        (
            Dialect::Haproxy,
            "backend b\n fullconn 100\n server s a:80\nfrontend f\n bind :80\n default_backend b\n".to_owned(),
            "`fullconn`: not needed here",
        ),
        (
            Dialect::Haproxy,
            "listen l\n bind :80\n option httpchk\n http-check expect status 200\n server s a:80\n".to_owned(),
            "`option httpchk`, `http-check expect`: no server has `check`",
        ),
        (
            Dialect::Haproxy,
            "listen l\n bind :80\n server t b:80\n default_backend b\nbackend b\n server s a:80\n".to_owned(),
            "`server t`: HAProxy uses `default_backend`",
        ),
    ] {
        let converted = convert(from, text.clone());
        let notes: String = converted.notes.iter().map(ToString::to_string).collect();
        assert!(notes.contains(note), "{note}: of\n{text}\nis not in\n{notes}");
    }
}
