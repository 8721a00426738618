//! Whose process a command talks to. Any user of the host may listen on a free port, or make a socket in a directory
//! like /tmp, and would get the token and the trust that belong to another process.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The users whose processes may get the token.
#[derive(Debug)]
pub(crate) struct TrustedUsers(BTreeSet<u32>);

/// Why a command sends nothing.
#[derive(Debug)]
pub(crate) enum Untrusted {
    /// A process of this user listens on the port.
    Port(u32),
    /// No table of the kernel has a listener on the port that took the connection.
    NoListener,
    /// The kernel's tables cannot be read.
    Unknown(io::Error),
    /// The socket belongs to this user, and every user can replace a component of its path in this directory.
    Path(u32, PathBuf),
    /// A component of the path cannot be looked up.
    UnknownPath(io::Error),
}

impl TrustedUsers {
    /// Trusts root, the user of this command, the `user` of the configuration, and the owner of the token file.
    pub(crate) fn new(configured: Option<u32>, token_file: Option<&Path>) -> Self {
        let owner = token_file.and_then(|file| file.metadata().ok()).map(|file| file.uid());
        Self([0, host::own_user()].into_iter().chain(configured).chain(owner).collect())
    }

    /// Checks the listeners of a port that is not connected yet. Without a listener, connect(2) says so.
    pub(crate) fn check_port(&self, address: SocketAddr) -> Result<(), Untrusted> {
        let users = host::tcp_listener_users(address).map_err(Untrusted::Unknown)?;
        users.difference(&self.0).next().map_or(Ok(()), |other| Err(Untrusted::Port(*other)))
    }

    /// Checks the listeners again, since the port may have changed hands after [`Self::check_port`], and then the user that
    /// accepted `client`, whose listener may already be closed.
    pub(crate) fn check_connected_port(
        &self,
        address: SocketAddr,
        client: SocketAddr,
    ) -> Result<(), Untrusted> {
        let users = host::tcp_listener_users(address).map_err(Untrusted::Unknown)?;
        // A kernel without that table leaves the check of the listeners.
        let accepting = host::accepting_user(address, client).ok().flatten();
        match users.iter().copied().chain(accepting).find(|user| !self.0.contains(user)) {
            Some(other) => Err(Untrusted::Port(other)),
            None if users.is_empty() => Err(Untrusted::NoListener),
            None => Ok(()),
        }
    }

    /// Checks the process behind a connected Unix socket. In a directory that not every user may write in, its owner
    /// decides which users make sockets there.
    pub(crate) fn check_socket(&self, path: &Path, user: u32) -> Result<(), Untrusted> {
        if self.0.contains(&user) {
            return Ok(());
        }
        let open = host::open_directory(path, |user| self.0.contains(&user));
        open.map_err(Untrusted::UnknownPath)?
            .map_or(Ok(()), |directory| Err(Untrusted::Path(user, directory)))
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self {
            Self::Port(user) | Self::Path(user, _) => host::user_in_words(*user),
            Self::NoListener => {
                return f.write_str(
                    "the token was not sent:\n  no process of this network namespace listens there\n\n  \
                     help: run the command beside the process, or use its Unix socket",
                );
            }
            Self::UnknownPath(error) => {
                let error = flow::error_text(error);
                return write!(
                    f,
                    "nothing was sent:\n  which users may redirect this path is unknown, since a directory \
                     of it\n  cannot be read: {error}\n\n  help: run the command as root, or as the \
                     process's user"
                );
            }
            Self::Unknown(error) => {
                let error = flow::error_text(error);
                return write!(
                    f,
                    "the token was not sent:\n  whose process listens there is unknown, since \
                     /proc/net/tcp cannot be\n  read: {error}\n\n  help: use the Unix socket of the process"
                );
            }
        };
        let (sent, how) = match self {
            Self::Path(_, directory) => {
                let directory = plan::escaped(&directory.to_string_lossy());
                ("nothing was sent", format!("redirect this path in {directory}"))
            }
            _ => ("the token was not sent", "listen on a free port".to_owned()),
        };
        write!(
            f,
            "{sent}:\n  a process of {whose} listens there\n\n  \
             help: every user may {how}. If that process is the right one, name its configuration \
             with -c, or run the command as its user"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, create_dir, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    /// Needs root. The thief has accepted and closed its listener, and the right process listens again.
    #[test]
    fn the_user_that_accepted_a_connection_must_be_trusted() {
        use std::net::{TcpListener, TcpStream};
        if host::own_user() != 0 {
            return;
        }
        let trusted = TrustedUsers::new(None, None);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || {
            let stream = TcpStream::connect(address).unwrap();
            let client = stream.local_addr().unwrap();
            (stream, client)
        };
        let (_stream, client) = connect();
        assert!(trusted.check_connected_port(address, client).is_ok());
        let _accepted = listener.accept().unwrap();
        assert!(trusted.check_connected_port(address, client).is_ok());
        let (_stolen, client) = connect();
        let thief = listener.try_clone().unwrap();
        let accepting = std::thread::spawn(move || {
            // Of this thread only (credentials(7)).
            let user = rustix::thread::Uid::from_raw(64_999);
            rustix::thread::set_thread_res_uid(user, user, user).unwrap();
            thief.accept().unwrap()
        });
        let _accepted = accepting.join().unwrap();
        let refused = trusted.check_connected_port(address, client);
        assert!(matches!(refused, Err(Untrusted::Port(64_999))), "{refused:?}");
    }

    #[test]
    fn a_socket_in_an_open_directory_must_belong_to_a_trusted_user() {
        let dir = tempfile::tempdir().unwrap();
        let (open, closed) = (dir.path().join("open"), dir.path().join("closed"));
        for (path, mode) in [(&open, 0o1777), (&closed, 0o770)] {
            create_dir(path).unwrap();
            set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
        let trusted = TrustedUsers::new(Some(70_001), None);
        for user in [0, host::own_user(), 70_001] {
            assert!(trusted.check_socket(&open.join("s"), user).is_ok(), "{user}");
        }
        assert!(trusted.check_socket(&closed.join("s"), 70_002).is_ok());
        let refusal = trusted.check_socket(&open.join("s"), 70_002).unwrap_err().to_string();
        assert!(refusal.contains("a process of the user with id 70002 listens"), "{refusal}");
    }
}
