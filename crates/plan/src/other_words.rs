//! Words of other forwarders and proxies for keys, ports and commands that have another name here.

use crate::setting::Section;

/// Words for settings of a forward, and the hint.
const OF_FORWARDS: &[(&[&str], &str)] = &[
    (
        &["maxconn", "max_conn", "max_conns", "max_connections", "connection_limit", "limit_conn"],
        "did you mean `max_sessions`?",
    ),
    (
        &[
            "timeout",
            "tcp_timeout",
            "read_timeout",
            "client_timeout",
            "server_timeout",
            "proxy_timeout",
            "timeout_client",
            "timeout_server",
            "idle",
        ],
        "write `idle_timeout` to end silent sessions, `connect_timeout` for targets",
    ),
    (
        &["proxy_connect_timeout", "timeout_connect", "dial_timeout"],
        "did you mean `connect_timeout`?",
    ),
    (
        &["whitelist", "allowlist", "allow_list", "allowed", "allow_from", "source_ranges", "acl"],
        "did you mean `allow`?",
    ),
    (
        &["blacklist", "denylist", "deny_list", "blocklist", "block", "denied"],
        "did you mean `deny`?",
    ),
    (
        &["rate_limit", "ratelimit", "limit_rate", "bandwidth", "speed", "limit"],
        "write `rate = { up = \"10MiB/s\", down = \"10MiB/s\" }` for bytes,\n\
         `per_client = { new = \"20/s\" }` for sessions",
    ),
    (
        &["proxy_protocol", "proxyprotocol", "send_proxy_protocol", "accept_proxy_protocol"],
        "write `accept_proxy = { from = [\"10.0.0.0/8\"] }` to require the header of\n\
         clients, `send_proxy = \"v2\"` to send one to targets",
    ),
    (
        &["health_check", "healthcheck", "health", "active_check"],
        "did you mean `check`, as in `check = \"connect\"`?",
    ),
    (
        &["lb", "lb_policy", "load_balance", "load_balancing", "strategy", "algorithm", "balancer"],
        "did you mean `balance`?",
    ),
    (&["tcp_keepalive", "so_keepalive", "keep_alive", "tcpka"], "did you mean `keepalive`?"),
    (
        &["source_address", "source_ip", "proxy_bind", "outgoing_address", "through"],
        "did you mean `local_address`?",
    ),
    (&["device", "dev", "nic", "bind_interface"], "did you mean `interface`?"),
    (&["tos"], "did you mean `dscp`?"),
    (&["protocol", "proto", "network"], "every forward is TCP: leave it out"),
    (
        &["server_name", "hostname", "domain", "domains"],
        "write `route = [{ sni = \"db.example.com\", to = \"host:port\" }]`",
    ),
];

/// Words for the two keys that every forward has.
const OF_ADDRESSES: &[(&[&str], &str)] = &[
    (
        &[
            "bind",
            "listener",
            "listeners",
            "listening",
            "listen_port",
            "listen_addr",
            "listen_address",
            "local",
            "local_port",
            "local_addr",
            "source",
            "from",
        ],
        "did you mean `listen`?",
    ),
    (
        &[
            "target",
            "targets",
            "backend",
            "backends",
            "server",
            "servers",
            "upstream",
            "upstreams",
            "remote",
            "remotes",
            "remote_host",
            "remote_addr",
            "dest",
            "destination",
            "forward_to",
            "proxy_pass",
            "connect",
        ],
        "did you mean `to`?",
    ),
];

const OF_PROCESS: &[(&[&str], &str)] = &[
    (
        &["threads", "nbthread", "worker_processes", "worker_threads", "nproc"],
        "did you mean `workers`?",
    ),
    (
        &["maxconn", "max_conns", "max_connections", "worker_connections"],
        "did you mean `max_sessions`?",
    ),
    (&["loglevel", "log_level"], "write `level` in [log]"),
    (&["log", "logfile", "log_file", "error_log", "access_log"], "write `file` in [log]"),
    (&["log_format"], "write `format` in [log]"),
    (
        &["pid", "pidfile", "pid_file", "daemon", "daemonize", "background"],
        "the process stays in the foreground and writes no such file: let a\n\
         service manager start it",
    ),
    (
        &["ulimit", "rlimit", "rlimit_nofile", "worker_rlimit_nofile", "nofile"],
        "raise the limit where the process is started: LimitNOFILE=, or ulimit -n",
    ),
    (&["token", "admin_token", "token_file"], "did you mean `admin_token_file`?"),
    (&["stats", "api", "admin_address", "listen"], "did you mean `admin`?"),
];

const OF_LOG: &[(&[&str], &str)] = &[
    (&["loglevel", "log_level", "severity"], "did you mean `level`?"),
    (&["path", "output", "filename", "logfile", "log_file"], "did you mean `file`?"),
    (&["log_format", "style"], "did you mean `format`?"),
];

const OF_ROUTES: &[(&[&str], &str)] = &[
    (&["host", "hostname", "server_name", "name", "domain"], "did you mean `sni`?"),
    (&["protocol", "protocols"], "did you mean `alpn`?"),
];

const OF_FLEET: &[(&[&str], &str)] = &[
    (
        &["url", "store", "etcd", "endpoint", "endpoints", "hosts", "address", "prefix"],
        "did you mean `from`?",
    ),
    (&["username", "login"], "did you mean `user`?"),
    (&["password", "secret"], "write it into a file, and name that as `password_file`"),
    (&["cacert", "ca_file", "trusted_ca_file"], "did you mean `ca`?"),
    (&["cert", "cert_file"], "did you mean `certificate`?"),
    (&["key_file", "private_key"], "did you mean `key`?"),
    (&["instance", "host", "hostname", "id"], "did you mean `name`?"),
    (&["cache", "cache_dir", "dir", "directory", "data_dir"], "did you mean `keep`?"),
];

/// The hint for a key of another program in a table of this section.
pub(crate) fn hint(section: Section, key: &str) -> Option<&'static str> {
    let tables: &[&[(&[&str], &str)]] = match section {
        Section::Forward => &[OF_ADDRESSES, OF_FORWARDS],
        Section::ForwardDefaults => &[OF_FORWARDS],
        Section::Process => &[OF_PROCESS],
        Section::Log => &[OF_LOG],
        Section::Fleet => &[OF_FLEET],
        Section::Inside("route") => &[OF_ROUTES, &OF_ADDRESSES[1..]],
        Section::Inside(_) => &[],
    };
    let key = key.to_ascii_lowercase().replace('-', "_");
    let mut rows = tables.iter().copied().flatten();
    rows.find(|(words, _)| words.contains(&key.as_str())).map(|(_, hint)| *hint)
}

/// Names of services that are likely where a port is due, from IANA's registry.
const SERVICES: &[(&str, u16)] = &[
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("dns", 53),
    ("domain", 53),
    ("http", 80),
    ("www", 80),
    ("pop3", 110),
    ("imap", 143),
    ("ldap", 389),
    ("https", 443),
    ("smtps", 465),
    ("submission", 587),
    ("ldaps", 636),
    ("imaps", 993),
    ("pop3s", 995),
    ("mssql", 1433),
    ("mqtt", 1883),
    ("mysql", 3306),
    ("rdp", 3389),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("amqp", 5672),
    ("vnc", 5900),
    ("redis", 6379),
    ("kafka", 9092),
    ("mongodb", 27017),
];

/// The hint for a text where a port is due: the name of a service, or a port with a protocol.
pub(crate) fn port_hint(text: &str) -> Option<String> {
    if let Some((port, protocol)) = text.split_once('/')
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return match protocol.to_ascii_lowercase().as_str() {
            "tcp" => Some(format!("every forward is TCP: write `{port}`")),
            "udp" => Some("UDP is not forwarded, only TCP".to_owned()),
            _ => None,
        };
    }
    if let Some((_, port)) = SERVICES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return Some(format!("write its number: `{port}`"));
    }
    let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_name.then(|| "names of services are not looked up: write the number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::settings;

    #[test]
    fn no_key_of_ours_is_taken_for_one_of_another_program() {
        for setting in settings() {
            assert_eq!(hint(setting.section, setting.key), None, "{}", setting.key);
        }
    }

    #[test]
    fn the_named_keys_exist() {
        let tables = [OF_FORWARDS, OF_ADDRESSES, OF_PROCESS, OF_LOG, OF_ROUTES];
        for (_, hint) in tables.into_iter().flatten() {
            let Some((_, rest)) = hint.split_once("did you mean `") else { continue };
            let key = rest.split('`').next().unwrap();
            assert!(settings().iter().any(|setting| setting.key == key), "{key}");
        }
    }
}
