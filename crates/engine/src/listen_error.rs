//! Errors of binding a listener, with advice to the operator.

use plan::ListenAddress;
use std::fmt;
use sys::{Errno, NotGranted};

/// A listener could not be bound.
#[derive(Clone, Debug)]
pub struct ListenError {
    /// The configured listen address.
    pub address: ListenAddress,
    /// Why it could not be bound.
    pub cause: ListenCause,
}

/// The cause of a failed bind.
#[derive(Clone, Debug)]
pub enum ListenCause {
    /// The error of the kernel.
    Refused(Errno),
    /// A listener of this process occupies an overlapping address.
    OurOwn,
    /// The error of setting one of the rights on the file of a Unix socket.
    Rights(NotGranted),
    /// This process listens there, but another program removed or replaced the Unix socket's file, and
    /// a new one cannot be bound.
    FileLost(Errno),
    /// The address is a name, and none of its addresses is known.
    NoAddress,
    /// There is no interface with this name, which is the zone of the address.
    NoInterface(String),
    /// The service manager passed no socket with this name.
    NotPassed {
        /// Names of the sockets that it passed.
        names: Vec<String>,
    },
    /// The descriptor passed under this name is not a listening socket.
    NotListening,
}

impl ListenError {
    /// Whether a later attempt would fail, too. Another process may leave an occupied address, and an address or
    /// an interface may come: by DHCP, after duplicate address detection, with a VPN or a fail-over.
    pub fn is_lasting(&self) -> bool {
        !matches!(
            self.cause,
            ListenCause::OurOwn
                | ListenCause::NoInterface(_)
                | ListenCause::NoAddress
                | ListenCause::Refused(Errno::ADDRINUSE | Errno::ADDRNOTAVAIL)
        )
    }

    /// What the operator can do about it, if anything is known.
    pub fn advice(&self) -> Option<String> {
        let advice = match &self.cause {
            ListenCause::Refused(errno) => self.advice_on(*errno)?,
            ListenCause::Rights(refused) => advice_on_rights(refused)?,
            ListenCause::OurOwn => {
                "a listener of this process has an overlapping address: see `traffic-forwarder \
                 status`; a socket of the service manager stays open while the process runs"
            }
            ListenCause::FileLost(_) => {
                "another program removed or replaced the socket's file, so clients cannot reach this \
                 process there, and the file cannot be made again: check that path"
            }
            ListenCause::NoAddress => {
                "`getent ahosts` shows the addresses of a name: reload once it has one"
            }
            ListenCause::NoInterface(_) => {
                "`ip link` lists the interfaces of this host; once it exists, start again or reload"
            }
            ListenCause::NotPassed { names } if names.is_empty() => {
                "no sockets were passed: start a socket unit first, with this service as its Service="
            }
            ListenCause::NotPassed { names } => {
                return Some(format!(
                    "the passed sockets are {}: see FileDescriptorName= of the socket unit",
                    names.join(", ")
                ));
            }
            ListenCause::NotListening => {
                "a socket unit needs ListenStream= and Accept=no, which is the default"
            }
        };
        Some(advice.to_owned())
    }

    fn advice_on(&self, errno: Errno) -> Option<&'static str> {
        let unix = matches!(self.address, ListenAddress::Unix(_));
        match errno {
            Errno::ACCESS | Errno::PERM if unix => {
                Some("check that the process may write to its directory")
            }
            Errno::ACCESS | Errno::PERM => Some(
                "ports below net.ipv4.ip_unprivileged_port_start (1024 by default) need root or \
                 CAP_NET_BIND_SERVICE: a restart, if `user` is set in [process]; else setcap cap_net_bind_service=+ep on the binary, \
                 AmbientCapabilities= in a systemd unit, or a higher port",
            ),
            Errno::ADDRINUSE if unix => {
                Some("another process listens there, or the path is another file")
            }
            Errno::ADDRINUSE => Some("another process listens there: see `ss -ltnp`"),
            Errno::ADDRNOTAVAIL => Some(
                "no interface of this host has that address: see `ip addr`; if it comes later, `freebind = true` \
                 listens already now, as does any program with net.ipv4.ip_nonlocal_bind=1 or \
                 net.ipv6.ip_nonlocal_bind=1",
            ),
            Errno::NOPROTOOPT => Some(
                "MPTCP is turned off (net.mptcp.enabled), or has no `user_timeout` for a socket that was passed",
            ),
            Errno::NOENT => Some("its directory does not exist"),
            Errno::MFILE | Errno::NFILE => Some("raise the open-file limit: `ulimit -n`"),
            _ => None,
        }
    }
}

impl From<NotGranted> for ListenCause {
    fn from(refused: NotGranted) -> Self {
        if refused.key == "listen" { Self::Refused(refused.errno) } else { Self::Rights(refused) }
    }
}

/// What the operator can do about one of the rights on a socket's file that the kernel refuses.
fn advice_on_rights(refused: &NotGranted) -> Option<&'static str> {
    match (refused.key, refused.errno) {
        ("owner", Errno::PERM) => Some(
            "only a process with CAP_CHOWN may give its socket to another user: start it as root without \
             `user`, or leave `owner` out and admit a `group` of the process",
        ),
        ("group", Errno::PERM) => Some(
            "the user of the process must be a member of that group (`id`), or needs CAP_CHOWN",
        ),
        ("mode", Errno::PERM) => {
            Some("only the owner of the file, or a process with CAP_FOWNER, may change its mode")
        }
        ("owner" | "group", Errno::INVAL) => {
            Some("this user namespace has no such id: see /proc/self/uid_map and gid_map")
        }
        ("mode", Errno::NOENT) => Some("it is set through /proc, which must be mounted"),
        _ => None,
    }
}

impl fmt::Display for ListenCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rights(NotGranted { key, errno }) => {
                write!(f, "cannot set `{key}`: {}", sys::errno_text(*errno))
            }
            Self::Refused(errno) | Self::FileLost(errno) => f.write_str(&sys::errno_text(*errno)),
            Self::OurOwn => f.write_str(&sys::errno_text(Errno::ADDRINUSE)),
            Self::NoAddress => f.write_str("no address of this name is known"),
            Self::NoInterface(name) => write!(f, "there is no interface `{name}`"),
            Self::NotPassed { .. } => f.write_str("no socket with this name was passed"),
            Self::NotListening => {
                f.write_str("the descriptor with this name is not a listening TCP or Unix socket")
            }
        }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "listen {}: {}", self.address, self.cause)?;
        self.advice().map_or(Ok(()), |advice| write!(f, " ({advice})"))
    }
}

impl std::error::Error for ListenError {}
