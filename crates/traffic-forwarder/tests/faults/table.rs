//! The system calls of a forwarding process, the errors that their manual pages (or a seccomp or
//! BPF filter) allow, and the allowed effects.

/// A failing call, its error, and the allowed effect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) call: &'static str,
    pub(crate) errno: &'static str,
    pub(crate) thread: Thread,
    /// Values of `path` with which the process makes the call.
    pub(crate) paths: &'static [&'static str],
    pub(crate) effect: Effect,
}

/// A thread of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thread {
    Worker,
    Journal,
}

impl Thread {
    /// Its name in `/proc/PID/task/TID/comm`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker-0",
            Self::Journal => "journal",
        }
    }
}

/// Allowed effect of a fault on the session that it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// All sessions are served.
    Nothing,
    /// The session may end with one of these close reasons and the error's name.
    Ends(&'static [&'static str]),
    /// The session may stall until its idle timeout: an injected "would block" promises an event
    /// that never comes.
    Stalls,
    /// A log line is lost, possibly a session record.
    LosesLines,
}

/// Position of the failing call, counted per thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    First,
    Second,
    Third,
    Seventh,
    /// All calls, for a while.
    Always,
}

impl When {
    pub(crate) const ALL: [Self; 5] =
        [Self::First, Self::Second, Self::Third, Self::Seventh, Self::Always];

    /// The position as the document names it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Always => "all",
            other => other.expression(),
        }
    }

    /// The position as strace's `when=` expression.
    pub(crate) fn expression(self) -> &'static str {
        match self {
            Self::First => "1",
            Self::Second => "2",
            Self::Third => "3",
            Self::Seventh => "7",
            Self::Always => "1+",
        }
    }
}

const COPY: &[&str] = &["copy"];
const SPLICE: &[&str] = &["splice"];
const BOTH: &[&str] = &["copy", "splice"];

const NO_FILES: Effect = Effect::Ends(&["resource/connect/no_files"]);
const NO_MEMORY: Effect = Effect::Ends(&["resource/connect/no_memory"]);
const NO_MEMORY_LATER: Effect = Effect::Ends(&["resource/relay/no_memory"]);
const NO_PORTS: Effect = Effect::Ends(&["resource/connect/no_ports"]);
const DENIED: Effect = Effect::Ends(&["target/connect/denied"]);
const NOT_CONNECTED: Effect = Effect::Ends(&["target/connect/io_error"]);
const UNREACHABLE: Effect = Effect::Ends(&["target/connect/unreachable"]);
const BROKEN: Effect = Effect::Ends(&["client/relay/reset", "target/relay/reset"]);
const CUT_OFF: Effect = Effect::Ends(&["client/relay/unreachable", "target/relay/unreachable"]);
const SILENT: Effect = Effect::Ends(&["client/relay/timed_out", "target/relay/timed_out"]);
const IO_ERROR: Effect = Effect::Ends(&["client/relay/io_error", "target/relay/io_error"]);

type Row = (&'static str, &'static [&'static str], &'static [&'static str], Effect);

const WORKER: &[Row] = &[
    (
        "accept4",
        &[
            "EAGAIN",
            "EINTR",
            "ECONNABORTED",
            "EMFILE",
            "ENFILE",
            "ENOBUFS",
            "ENOMEM",
            "EPERM",
            "EPROTO",
            "ENETDOWN",
            "ENOPROTOOPT",
            "EHOSTDOWN",
            "ENONET",
            "EHOSTUNREACH",
            "EOPNOTSUPP",
            "ENETUNREACH",
            "ETIMEDOUT",
        ],
        SPLICE,
        Effect::Nothing,
    ),
    ("socket", &["EMFILE", "ENFILE"], SPLICE, NO_FILES),
    ("socket", &["ENOBUFS", "ENOMEM"], SPLICE, NO_MEMORY),
    ("socket", &["EACCES", "EPERM"], SPLICE, DENIED),
    ("socket", &["EAFNOSUPPORT"], SPLICE, UNREACHABLE),
    ("setsockopt", &["EPERM"], COPY, DENIED),
    ("setsockopt", &["ENOPROTOOPT"], COPY, NOT_CONNECTED),
    ("setsockopt", &["ENOMEM"], COPY, NO_MEMORY),
    ("connect", &["EAGAIN"], COPY, Effect::Nothing),
    ("connect", &["EACCES", "EPERM"], COPY, DENIED),
    ("connect", &["EADDRINUSE", "EADDRNOTAVAIL"], COPY, NO_PORTS),
    ("connect", &["ECONNREFUSED"], COPY, Effect::Ends(&["target/connect/refused"])),
    ("connect", &["EHOSTUNREACH", "ENETUNREACH"], COPY, UNREACHABLE),
    ("connect", &["ENOBUFS", "ENOMEM"], COPY, NO_MEMORY),
    ("connect", &["ETIMEDOUT"], COPY, Effect::Ends(&["limit/connect/connect_timeout"])),
    ("epoll_ctl", &["ENOMEM", "ENOSPC"], COPY, NO_MEMORY),
    ("epoll_pwait", &["EINTR"], BOTH, Effect::Nothing),
    ("getsockname", &["ENOBUFS"], COPY, Effect::Nothing),
    ("getpeername", &["ENOBUFS"], COPY, Effect::Nothing),
    ("pipe2", &["EMFILE", "ENFILE", "ENOMEM"], SPLICE, Effect::Nothing),
    ("fcntl", &["EBUSY", "EINVAL", "ENOMEM", "EPERM"], SPLICE, Effect::Nothing),
    ("splice", &["EAGAIN"], SPLICE, Effect::Stalls),
    (
        "splice",
        &["EACCES", "EINTR", "EINVAL", "ENOSYS", "EOPNOTSUPP", "EPERM"],
        SPLICE,
        Effect::Nothing,
    ),
    ("splice", &["ECONNRESET", "EPIPE"], SPLICE, BROKEN),
    ("splice", &["ETIMEDOUT"], SPLICE, SILENT),
    ("splice", &["EHOSTUNREACH", "ENETUNREACH"], SPLICE, CUT_OFF),
    ("splice", &["EIO"], SPLICE, IO_ERROR),
    ("splice", &["ENOMEM"], SPLICE, NO_MEMORY_LATER),
    ("recvfrom", &["EAGAIN"], BOTH, Effect::Stalls),
    ("recvfrom", &["EINTR"], BOTH, Effect::Nothing),
    ("recvfrom", &["ECONNRESET", "ENOTCONN"], BOTH, BROKEN),
    ("recvfrom", &["ETIMEDOUT"], BOTH, SILENT),
    ("recvfrom", &["EHOSTUNREACH", "ENETUNREACH"], BOTH, CUT_OFF),
    ("recvfrom", &["EIO"], BOTH, IO_ERROR),
    ("recvfrom", &["ENOMEM"], BOTH, NO_MEMORY_LATER),
    ("sendto", &["EAGAIN"], COPY, Effect::Stalls),
    ("sendto", &["EINTR"], COPY, Effect::Nothing),
    ("sendto", &["ECONNRESET", "EPIPE"], COPY, BROKEN),
    ("sendto", &["ETIMEDOUT"], COPY, SILENT),
    ("sendto", &["EHOSTUNREACH", "ENETUNREACH"], COPY, CUT_OFF),
    ("sendto", &["EACCES", "EIO", "EPERM"], COPY, IO_ERROR),
    ("sendto", &["ENOBUFS", "ENOMEM"], COPY, NO_MEMORY_LATER),
    ("shutdown", &["ENOTCONN"], BOTH, BROKEN),
    ("ioctl", &["EINVAL", "ENOTTY", "EPERM"], COPY, Effect::Nothing),
    ("write", &["EINTR"], COPY, Effect::Nothing),
];

/// Reads the error of a socket (`SO_ERROR`), and `TCP_INFO`.
const GETSOCKOPT: &[(&str, &[&str])] = &[
    ("ENOBUFS", &["resource/connect/no_memory", "resource/relay/no_memory"]),
    ("ENOPROTOOPT", &["target/connect/io_error", "client/relay/io_error", "target/relay/io_error"]),
    ("EPERM", &["target/connect/denied", "client/relay/io_error", "target/relay/io_error"]),
];

const JOURNAL: &[Row] = &[
    ("ppoll", &["EINTR"], COPY, Effect::Nothing),
    ("read", &["EAGAIN", "EINTR"], COPY, Effect::Nothing),
    ("write", &["EINTR"], COPY, Effect::Nothing),
    ("write", &["EAGAIN", "EIO", "ENOSPC", "EPIPE"], COPY, Effect::LosesLines),
];

/// All faults, in the order of the table.
pub(crate) fn faults() -> Vec<Fault> {
    let of_rows = |thread, rows: &'static [Row]| {
        rows.iter().flat_map(move |&(call, errnos, paths, effect)| {
            errnos.iter().map(move |errno| Fault { call, errno, thread, paths, effect })
        })
    };
    let getsockopt = GETSOCKOPT.iter().map(|&(errno, reasons)| Fault {
        call: "getsockopt",
        errno,
        thread: Thread::Worker,
        paths: COPY,
        effect: Effect::Ends(reasons),
    });
    of_rows(Thread::Worker, WORKER)
        .chain(getsockopt)
        .chain(of_rows(Thread::Journal, JOURNAL))
        .collect()
}
