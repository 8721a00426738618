//! Keywords of HAProxy with their effects.

use crate::common_notes::{EARLY, LOOKED_UP, NO_FAST_OPEN, OPEN_FILES, QUEUE, SOCKET_BUFFERS};
use crate::known::Effect::{self, Choice, Differs, Handled, Harmless, Lost, Wrong};
use crate::known::Known;

/// The help for rules about clients.
pub(super) const CLIENT_RULES: &str =
    "write it as `allow`, `deny` or `per_client`, then remove the comment marks";
const KEEP: &str = "keep HAProxy for it";
const SEND_PROXY: &str = "set send_proxy = \"v2\", if targets need nothing else in the header";
const RULES: &str = "rules decide about sessions";
const BUFFERS: Effect = Differs(
    "a session has buffers or a pipe only while bytes are in them, of another size",
    "docs/tuning.md has the memory of a session",
);
const UNLIMITED_RATE: Effect = Lost(
    "how fast clients may come is not limited",
    "`new` of per_client limits how fast one comes",
);
/// Times that HAProxy has in mode `http` only, or after a rule that does not work in mode `tcp`.
pub(super) const OF_HTTP: &str = "effective for HTTP only";

/// The end of a session that a setting concerns: HAProxy looks it up in the frontend or in the
/// backend, each with its `defaults`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Settings of a `frontend` or `listen`.
    Client,
    /// Settings of a `backend` or `listen`.
    Server,
}

/// Keywords that only a `frontend` or `listen` has, some with their first argument.
const OF_CLIENT_SIDE: &[&str] = &[
    "backlog",
    "bind",
    "clitcpka-cnt",
    "clitcpka-idle",
    "clitcpka-intvl",
    "default_backend",
    "maxconn",
    "monitor-net",
    "monitor-uri",
    "option clitcpka",
    "option dontlognull",
    "option logasap",
    "option tcp-smart-accept",
    "rate-limit",
    "timeout client",
    "timeout client-fin",
    "timeout http-keep-alive",
    "unique-id-format",
    "unique-id-header",
    "use_backend",
];

/// Keywords that only a `backend` or `listen` has, some with their first argument.
const OF_SERVER_SIDE: &[&str] = &[
    "balance",
    "cookie",
    "default-server",
    "dispatch",
    "external-check",
    "fullconn",
    "hash-balance-factor",
    "hash-preserve-affinity",
    "hash-type",
    "http-check",
    "load-server-state-from-file",
    "max-keep-alive-queue",
    "option allbackups",
    "option external-check",
    "option http_proxy",
    "option httpchk",
    "option ldap-check",
    "option log-health-checks",
    "option mysql-check",
    "option persist",
    "option pgsql-check",
    "option redis-check",
    "option redispatch",
    "option smtpchk",
    "option spop-check",
    "option srvtcpka",
    "option ssl-hello-chk",
    "option tcp-check",
    "option tcp-smart-connect",
    "option transparent",
    "retries",
    "retry-on",
    "server",
    "server-state-file-name",
    "server-template",
    "source",
    "srvtcpka-cnt",
    "srvtcpka-idle",
    "srvtcpka-intvl",
    "stick",
    "tcp-check",
    "tcp-response",
    "timeout check",
    "timeout connect",
    "timeout queue",
    "timeout server",
    "timeout server-fin",
    "timeout tarpit",
    "timeout tunnel",
    "use-server",
];

/// The end that a keyword with its first argument belongs to; `None` for both.
pub(super) fn side_of(keyword: &str, argument: &str) -> Option<Side> {
    let both = format!("{keyword} {argument}");
    let is_in = |list: &[&str]| list.iter().any(|known| *known == keyword || *known == both);
    match (is_in(OF_CLIENT_SIDE), is_in(OF_SERVER_SIDE)) {
        (true, _) => Some(Side::Client),
        (_, true) => Some(Side::Server),
        _ => None,
    }
}

/// Keywords in `global`; all others configure HAProxy's own process.
pub(super) const IN_GLOBAL: &[Known] = &[
    (".if", 0, Lost("what stands up to its `.endif` is not read", "write in what holds")),
    ("maxconnrate", 0, UNLIMITED_RATE),
    ("maxsessrate", 0, UNLIMITED_RATE),
    ("fd-hard-limit", 0, OPEN_FILES),
    ("ulimit-n", 0, OPEN_FILES),
    ("maxpipes", 0, BUFFERS),
    ("tune.bufsize", 0, BUFFERS),
    ("tune.pipesize", 0, BUFFERS),
    ("tune.rcvbuf.*", 0, SOCKET_BUFFERS),
    ("tune.sndbuf.*", 0, SOCKET_BUFFERS),
];

/// Keywords in `defaults`, `listen`, `frontend` and `backend`.
pub(super) const IN_PROXY: &[Known] = &[
    ("acl", 0, Handled),
    ("backlog", 0, QUEUE),
    ("balance", 0, Handled),
    ("bind", 0, Handled),
    ("default-server", 0, Handled),
    ("default_backend", 0, Handled),
    ("disabled", 0, Handled),
    ("enabled", 0, Handled),
    ("maxconn", 0, Handled),
    ("mode", 0, Handled),
    ("server", 0, Handled),
    ("timeout", 0, Handled),
    (".if", 0, Wrong("what stands up to its `.endif` is not read", "write in what holds")),
    ("filter", 0, Wrong("it changes or limits what is forwarded", KEEP)),
    (
        "server-template",
        0,
        Wrong("servers are made up from a pattern", "write `dns:NAME:PORT` or `srv:NAME` as `to`"),
    ),
    ("source", 0, Handled),
    ("tcp-request", 0, Wrong("rules decide which clients may connect", CLIENT_RULES)),
    ("tcp-response", 0, Wrong(RULES, KEEP)),
    ("use_backend", 0, Handled),
    (
        "use-server",
        0,
        Wrong("rules decide about the target", "write a `route`, or a forward for each target"),
    ),
    ("dispatch", 0, Wrong("it is the target", "write it as `to`")),
    ("rate-limit", 0, UNLIMITED_RATE),
    ("capture", 0, Harmless),
    ("clitcpka-*", 0, Handled),
    ("compression", 0, Harmless),
    ("cookie", 0, Harmless),
    ("declare", 0, Harmless),
    ("description", 0, Harmless),
    ("email-alert", 0, Harmless),
    ("error*", 0, Harmless),
    ("external-check", 0, Handled),
    ("force-persist", 0, Choice),
    ("fullconn", 0, Harmless),
    ("guid", 0, Harmless),
    ("hash-*", 0, Choice),
    ("http-check", 0, Handled),
    ("http-*", 0, Harmless),
    ("id", 0, Harmless),
    ("ignore-persist", 0, Choice),
    ("load-server-state-from-file", 0, Harmless),
    ("log", 0, Harmless),
    ("log-*", 0, Harmless),
    ("max-*", 0, Harmless),
    ("monitor*", 0, Harmless),
    ("persist", 0, Choice),
    ("redirect", 0, Harmless),
    ("retries", 0, Handled),
    ("retry-on", 0, Harmless),
    ("server-state-file-name", 0, Harmless),
    ("srvtcpka-*", 0, Handled),
    ("stats", 0, Harmless),
    ("stick", 0, Handled),
    ("stick-table", 0, Harmless),
    ("tcp-check", 0, Handled),
    ("unique-id-*", 0, Harmless),
];

/// Arguments of `option`; all others concern logs and HTTP.
pub(super) const OPTIONS: &[Known] = &[
    ("allbackups", 0, Handled),
    (
        "independent-streams",
        0,
        Differs(
            "bytes in one direction keep the session",
            "idle_timeout counts from the last byte",
        ),
    ),
    ("persist", 0, Choice),
    ("redispatch", 0, Choice),
    ("transparent", 0, Wrong("the target is the one that the client meant", KEEP)),
    ("http_proxy", 0, Wrong("the target is the one that the client asks for", KEEP)),
];

/// Parameters of `bind`, with their number of arguments.
pub(super) const OF_BIND: &[Known] = &[
    ("v4v6", 0, Handled),
    ("v6only", 0, Handled),
    ("tcp-ut", 1, Handled),
    ("ssl", 0, Wrong("clients would not be decrypted", KEEP)),
    ("accept-proxy", 0, Handled),
    ("accept-netscaler-cip", 1, Wrong("targets would get the header as data", KEEP)),
    (
        "interface",
        1,
        Wrong(
            "clients of every interface could connect",
            "listen on an address of that interface, then remove the comment marks",
        ),
    ),
    (
        "namespace",
        1,
        Wrong("it listens in another network", "run traffic-forwarder in that namespace"),
    ),
    (
        "transparent",
        0,
        Wrong(
            "it takes connections to any address",
            "`freebind` listens on an address that this host does not have yet",
        ),
    ),
    (
        "maxconn",
        1,
        Lost("the sessions of one bind are not limited", "max_sessions limits a forward"),
    ),
    ("mode", 1, Handled),
    ("user", 1, Handled),
    ("group", 1, Handled),
    ("uid", 1, Handled),
    ("gid", 1, Handled),
    ("alpn", 1, Harmless),
    ("backlog", 1, QUEUE),
    ("ca-file", 1, Harmless),
    ("ciphers", 1, Harmless),
    ("ciphersuites", 1, Harmless),
    ("crt", 1, Harmless),
    ("crt-list", 1, Harmless),
    ("defer-accept", 0, EARLY),
    ("id", 1, Harmless),
    ("level", 1, Harmless),
    (
        "mss",
        1,
        Differs("segments are as large as the route allows", "ip route … advmss limits them"),
    ),
    ("name", 1, Harmless),
    ("nice", 1, Harmless),
    ("no-*", 0, Harmless),
    ("process", 1, Harmless),
    ("shards", 1, Harmless),
    ("ssl-*", 1, Harmless),
    ("tfo", 0, NO_FAST_OPEN),
    ("thread", 1, Harmless),
    ("verify", 1, Harmless),
];

/// Parameters of `server` and `default-server`.
pub(super) const OF_SERVER: &[Known] = &[
    ("backup", 0, Handled),
    ("disabled", 0, Handled),
    ("enabled", 0, Harmless),
    ("maxconn", 1, Handled),
    ("tcp-ut", 1, Handled),
    ("send-proxy", 0, Handled),
    ("send-proxy-v2", 0, Handled),
    ("no-send-proxy", 0, Handled),
    ("no-send-proxy-v2", 0, Handled),
    ("send-proxy*", 0, Wrong("targets would miss the PROXY header", SEND_PROXY)),
    ("set-proxy-v2-tlv-fmt*", 1, Wrong("targets would miss the PROXY header", SEND_PROXY)),
    ("proxy-v2-options", 1, Wrong("targets would miss the PROXY header", SEND_PROXY)),
    ("ssl", 0, Wrong("what is sent to targets would not be encrypted", KEEP)),
    (
        "source",
        1,
        Wrong(
            "targets would see another address",
            "set `local_address`, which all targets of a forward have",
        ),
    ),
    (
        "usesrc",
        1,
        Wrong(
            "targets would see another address",
            "set `transparent`, which all targets of a forward have",
        ),
    ),
    (
        "interface",
        1,
        Wrong(
            "targets would be reached another way",
            "set `interface`, which all targets of a forward have",
        ),
    ),
    ("namespace", 1, Wrong("the target is in another network", KEEP)),
    ("socks4", 1, Wrong("the target is behind a SOCKS proxy", KEEP)),
    (
        "set-mark",
        1,
        Wrong("routing by marks would not work", "set `mark`, which all targets of a forward have"),
    ),
    ("addr", 1, Handled),
    ("agent-addr", 1, Handled),
    ("agent-check", 0, Handled),
    ("agent-inter", 1, Handled),
    ("agent-port", 1, Handled),
    ("agent-send", 1, Handled),
    ("ca-file", 1, Harmless),
    ("check", 0, Handled),
    ("check-alpn", 1, Handled),
    ("check-pool-conn-name", 1, Handled),
    ("check-proto", 1, Handled),
    ("check-sni", 1, Handled),
    ("check-*", 0, Handled),
    ("cookie", 1, Harmless),
    ("crt", 1, Harmless),
    ("downinter", 1, Handled),
    ("error-limit", 1, Handled),
    ("fall", 1, Handled),
    ("fastinter", 1, Handled),
    ("id", 1, Harmless),
    ("init-addr", 1, Harmless),
    ("inter", 1, Handled),
    ("log-*", 1, Harmless),
    (
        "maxqueue",
        1,
        Lost("as many clients wait as the kernel's queue takes", "net.core.somaxconn limits it"),
    ),
    ("minconn", 1, Lost("the limit does not follow the load", "max_sessions is the highest one")),
    ("no-*", 0, Harmless),
    ("observe", 1, Handled),
    ("on-*", 1, Handled),
    ("pool-*", 1, Harmless),
    ("port", 1, Handled),
    ("redir", 1, Harmless),
    ("resolve-*", 1, Harmless),
    ("resolvers", 1, LOOKED_UP),
    ("rise", 1, Handled),
    ("slowstart", 1, Handled),
    ("sni", 1, Harmless),
    ("tfo", 0, NO_FAST_OPEN),
    ("track", 1, Handled),
    ("verify", 1, Harmless),
    ("verifyhost", 1, Harmless),
    ("weight", 1, Handled),
];
