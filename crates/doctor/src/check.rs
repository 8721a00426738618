use serde::Serialize;

/// Declares the checks as the rows of a table.
macro_rules! checks {
    ($($name:ident, $word:literal, $reads:literal;)+) => {
        /// A subject of the examination.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Check {
            $(#[doc = $reads] $name,)+
        }

        impl Check {
            /// All checks, in the order of reports.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The check's name in reports, metrics and documents.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// The settings and files that the check reads, in Markdown.
            pub const fn reads(self) -> &'static str {
                match self { $(Self::$name => $reads),+ }
            }
        }
    };
}

checks! {
    User, "user",
        "`[process] user`, which `doctor` switches to, and the token file";
    OpenFiles, "open_files",
        "`RLIMIT_NOFILE` (soft and hard), `fs.nr_open`";
    SystemFiles, "system_files",
        "`fs.file-max`, `fs.file-nr`";
    LocalPorts, "local_ports",
        "`net.ipv4.ip_local_port_range`, `net.ipv4.ip_local_reserved_ports`, `net.ipv4.tcp_tw_reuse`";
    ListenerPorts, "listener_ports",
        "the configured ports, and the same range";
    Memory, "memory",
        "`MemAvailable` of `/proc/meminfo`, `memory.max` of the control groups (version 2)";
    TcpMemory, "tcp_memory",
        "`net.ipv4.tcp_mem`, the least and largest sizes of `net.ipv4.tcp_rmem` and `tcp_wmem`";
    Conntrack, "conntrack",
        "`net.netfilter.nf_conntrack_max`, `nf_conntrack_count`";
    ListenQueue, "listen_queue",
        "`net.core.somaxconn`";
    SynQueue, "syn_queue",
        "`net.ipv4.tcp_max_syn_backlog`, `net.ipv4.tcp_syncookies`";
    Pipes, "pipes",
        "`fs.pipe-user-pages-soft`, `fs.pipe-max-size`, the capabilities of this process";
    Splice, "splice",
        "two megabytes, spliced from a socket through a pipe into a socket";
    LowPorts, "low_ports",
        "`net.ipv4.ip_unprivileged_port_start`, and an attempt to bind the lowest configured port";
    ConnectionOptions, "connection_options",
        "an attempt to set the options of connections to targets (`local_address`, `interface`, `mark`, `rate` ...) on a socket";
    SocketFiles, "socket_files",
        "an attempt to give a new file the `mode`, `owner` and `group` of Unix listeners";
    Ipv6, "ipv6",
        "`/proc/net/if_inet6`, the list of this host's IPv6 addresses";
    ListenAddresses, "listen_addresses",
        "an attempt to bind each configured address, with a port of the kernel's choice";
    Taken, "taken",
        "an attempt to bind each configured port, without listening; `/proc/net/tcp`, `tcp6`, `unix` and `/proc/*/fd`";
    Directories, "directories",
        "the directories of the log file, the admin socket and configured Unix sockets";
    LogFile, "log_file",
        "an attempt to open an existing log file for appending";
    ExposedFiles, "exposed_files",
        "owner, mode and ACL of the program, of the configuration file, of the files of tokens and prefixes that it names, and of all directories and links that lead to them, if root asks";
    Sandbox, "sandbox",
        "the kernel's version of landlock, and a sandbox entered by a temporary thread";
    FleetStore, "fleet_store",
        "the state of each endpoint in `from`, and the number of members";
    FleetRights, "fleet_rights",
        "the login, a read of the fleet's keys, and two transactions at the store whose conditions never hold";
    FleetCertificates, "fleet_certificates",
        "the dates of the certificates in `ca` and `certificate`, and of those that the store shows";
    FleetKeep, "fleet_keep",
        "owner, mode, content, file system and free space of `keep`, and the process that has locked it";
    Names, "names",
        "the time to resolve the name of each target, and each set of targets in DNS";
    Connections, "connections",
        "the time to connect to each target, and to each address of a set";
    HealthChecks, "health_checks",
        "the result of the `check` of each forward, for each of its targets";
}
