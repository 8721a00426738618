//! The system calls that the binary makes while it forwards, the errors that their manual pages (or a
//! seccomp or BPF filter) allow, and what each may do.

/// Which call fails, how, and what may come of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) call: &'static str,
    pub(crate) errno: &'static str,
    pub(crate) thread: Thread,
    /// The values of `path` under which the call is made.
    pub(crate) paths: &'static [&'static str],
    pub(crate) effect: Effect,
}

/// A thread of the binary.
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

/// What a fault may do to the session that it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing: all sessions are served.
    Nothing,
    /// It ends for one of these reasons, with the error's name, unless the call did not matter.
    Ends(&'static [&'static str]),
    /// "Would block" is a promise of an event. Injected, it is a lie: if no other event comes, the
    /// idle timeout ends the session.
    Stalls,
    /// A line of the log, which may be a session record, is lost.
    LosesLines,
}

/// Which of the calls fails, counted per thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    First,
    Second,
    Third,
    Seventh,
    /// All, for a while.
    Always,
}

impl When {
    pub(crate) const ALL: [Self; 5] =
        [Self::First, Self::Second, Self::Third, Self::Seventh, Self::Always];

    /// In the words of the document.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Always => "all",
            other => other.expression(),
        }
    }

    /// In strace's words.
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

/// It takes the error of a socket (`SO_ERROR`), and reads `TCP_INFO`.
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

/// All of them, in the order of the table.
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
