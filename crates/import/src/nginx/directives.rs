//! Directives of nginx with their effects.

use crate::common_notes::{EARLY, LOOKED_UP, NO_FAST_OPEN, OPEN_FILES, QUEUE, SOCKET_BUFFERS};
use crate::known::Effect::{self, Choice, Differs, Handled, Harmless, Lost, Variable, Wrong};
use crate::known::Known;

pub(super) const KEEP: &str = "keep nginx for it";
/// The help for an `include` that could not be followed.
pub(super) const WRITE_IN: &str = "write in what it holds";
const UNCHECKED: Effect =
    Lost("targets are not checked", "write it as `check`, see docs/configuration.md");
const BUFFERS: Effect = Differs(
    "a session has buffers only while bytes are in them, of another size",
    "docs/tuning.md has the memory of a session",
);
const HELLO: Effect = Differs("64 KiB of a TLS hello are read at most", "");

/// Outside all blocks: nearly all of it is about nginx's own processes.
pub(super) const IN_MAIN: &[Known] = &[
    ("http", 0, Lost("it serves or forwards HTTP, which is more than connections", KEEP)),
    ("mail", 0, Lost("it forwards mail protocols", KEEP)),
    ("daemon", 0, Harmless),
    ("debug_points", 0, Harmless),
    ("env", 0, Harmless),
    ("error_log", 0, Harmless),
    ("events", 0, Harmless),
    ("google_perftools_profiles", 0, Harmless),
    ("load_module", 0, Harmless),
    ("lock_file", 0, Harmless),
    ("master_process", 0, Harmless),
    ("pcre_jit", 0, Harmless),
    ("pid", 0, Harmless),
    ("ssl_engine", 0, Harmless),
    ("thread_pool", 0, Harmless),
    ("timer_resolution", 0, Harmless),
    ("user", 0, Harmless),
    ("worker_rlimit_nofile", 0, OPEN_FILES),
    ("worker_*", 0, Harmless),
    ("working_directory", 0, Harmless),
];

/// In `stream` and in `server`.
pub(super) const IN_STREAM: &[Known] = &[
    ("listen", 0, Handled),
    ("proxy_pass", 0, Handled),
    ("proxy_timeout", 0, Handled),
    ("proxy_connect_timeout", 0, Handled),
    ("proxy_half_close", 0, Handled),
    ("proxy_socket_keepalive", 0, Handled),
    ("tcp_nodelay", 0, Handled),
    ("allow", 0, Handled),
    ("deny", 0, Handled),
    ("proxy_bind", 0, Handled),
    ("proxy_protocol", 0, Wrong("targets would miss the PROXY header", "set `send_proxy` by hand")),
    ("proxy_protocol_timeout", 0, Handled),
    (
        "proxy_protocol_version",
        0,
        Wrong("targets would get another PROXY header", "set send_proxy by hand"),
    ),
    ("set_real_ip_from", 0, Handled),
    ("proxy_ssl", 0, Wrong("what is sent to targets would not be encrypted", KEEP)),
    ("js_access", 0, Wrong("a script decides which clients may connect", KEEP)),
    ("js_filter", 0, Wrong("a script changes what is forwarded", KEEP)),
    ("js_preread", 0, Wrong("a script decides about sessions", KEEP)),
    ("limit_conn", 0, Handled),
    ("limit_conn_dry_run", 0, Handled),
    ("health_check", 0, UNCHECKED),
    ("health_check_timeout", 0, UNCHECKED),
    ("match", 0, Harmless),
    ("mirror", 0, Lost("nothing is mirrored", KEEP)),
    ("proxy_download_rate", 0, Handled),
    ("proxy_upload_rate", 0, Handled),
    ("access_log", 0, Harmless),
    ("error_log", 0, Harmless),
    ("geo", 0, Variable),
    ("geoip_*", 0, Variable),
    ("js_*", 0, Harmless),
    ("keyval*", 0, Variable),
    ("limit_conn_zone", 0, Handled),
    ("limit_conn_*", 0, Harmless),
    ("log_format", 0, Harmless),
    ("map", 0, Variable),
    ("map_*", 0, Variable),
    ("open_log_file_cache", 0, Harmless),
    ("preread_timeout", 0, Handled),
    ("preread_buffer_size", 0, HELLO),
    ("preread_*", 0, Harmless),
    ("proxy_buffer_size", 0, BUFFERS),
    ("proxy_downstream_buffer", 0, BUFFERS),
    ("proxy_upstream_buffer", 0, BUFFERS),
    ("proxy_socket_rcvbuf", 0, SOCKET_BUFFERS),
    ("proxy_socket_sndbuf", 0, SOCKET_BUFFERS),
    ("proxy_next_upstream*", 0, Choice),
    ("proxy_requests", 0, Harmless),
    ("proxy_responses", 0, Harmless),
    ("proxy_ssl_*", 0, Harmless),
    ("resolver", 0, LOOKED_UP),
    ("resolver_timeout", 0, LOOKED_UP),
    ("server_names_*", 0, Harmless),
    ("set", 0, Variable),
    ("split_clients", 0, Variable),
    ("ssl_preread", 0, Handled),
    ("ssl_*", 0, Harmless),
    ("status_zone", 0, Harmless),
    ("variables_*", 0, Harmless),
    ("server_name", 0, Wrong("a name within TLS decides about sessions", "write it as `route`")),
];

/// Parameters of `listen`; the name ends at `=`.
pub(super) const OF_LISTEN: &[Known] = &[
    ("ipv6only", 0, Handled),
    ("so_keepalive", 0, Handled),
    ("ssl", 0, Wrong("clients would not be decrypted", KEEP)),
    ("proxy_protocol", 0, Handled),
    ("setfib", 0, Harmless),
    ("accept_filter", 0, Harmless),
    ("backlog", 0, QUEUE),
    ("bind", 0, Harmless),
    ("default_server", 0, Harmless),
    ("deferred", 0, EARLY),
    ("fastopen", 0, NO_FAST_OPEN),
    ("multipath", 0, Handled),
    ("rcvbuf", 0, SOCKET_BUFFERS),
    ("reuseport", 0, Harmless),
    ("sndbuf", 0, SOCKET_BUFFERS),
];

/// In `upstream`, but for `server`.
pub(super) const IN_UPSTREAM: &[Known] = &[
    ("hash", 0, Handled),
    ("least_conn", 0, Handled),
    (
        "least_time",
        0,
        Wrong(
            "the time of answers would decide about sessions",
            "use balance = \"least\", or keep nginx",
        ),
    ),
    ("random", 0, Handled),
    ("resolver", 0, LOOKED_UP),
    ("resolver_timeout", 0, LOOKED_UP),
    ("state", 0, Wrong("its servers are in another file", "write them as `to`")),
    ("zone", 0, Harmless),
];

/// Parameters of a `server` in `upstream`; the name ends at `=`.
pub(super) const OF_SERVER: &[Known] = &[
    ("backup", 0, Handled),
    ("down", 0, Handled),
    ("max_conns", 0, Handled),
    ("fail_timeout", 0, Handled),
    ("max_fails", 0, Handled),
    ("resolve", 0, Handled),
    (
        "service",
        0,
        Wrong(
            "its addresses and ports are in SRV records",
            "write `srv:_SERVICE._tcp.NAME` as `to`",
        ),
    ),
    ("slow_start", 0, Handled),
    ("weight", 0, Handled),
];
