//! Errors of commands that query a running process.

use crate::console::endpoint::Endpoint;
use crate::console::foreign;
use crate::console::trust::Untrusted;
use crate::exit::Exit;
use crate::output::{json_line, warn, warn_as_is};
use api::ErrorCode;
use host::MissingGroup;
use hyper::{StatusCode, http};
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug)]
pub(crate) enum CommandError {
    /// An argument is invalid.
    Usage(String),
    /// The configuration file given with `-c` is invalid. Contains its rendered problems, and a hint.
    Configuration(String),
    /// No endpoint accepted a connection.
    NoProcess {
        attempts: Vec<Attempt>,
        /// The configuration that gave the endpoints.
        file: Option<PathBuf>,
    },
    /// A process of another user listens at the endpoint.
    Untrusted { endpoint: Endpoint, why: Untrusted },
    /// The connection broke, timed out, or returned an invalid response.
    Broken { endpoint: Endpoint, error: AnswerError },
    /// The process answered with an error.
    Refused(api::Error),
    /// This host refuses something that the command itself needs, such as a port.
    Host(String),
    /// The store of the fleet is away, refuses, or holds something that cannot be used.
    Store(String),
    /// Reading from or writing to the terminal failed.
    Terminal(io::Error),
}

/// The reason why a request got no answer, or one that cannot be used.
#[derive(Debug)]
pub(crate) enum AnswerError {
    /// The request cannot be written.
    Request(http::Error),
    /// Sending the request or receiving the header failed.
    Exchange(hyper::Error),
    /// The process closed or reset the connection before it answered.
    Closed,
    /// The body ended early.
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// The body has more than this number of bytes.
    TooLong(usize),
    Timeout(Duration),
    /// Another kind of server answered, with this status if it speaks HTTP.
    NotOurs(Option<StatusCode>),
    /// Another version answered, or another kind of server.
    Foreign(serde_json::Error),
}

/// The remedy for a process without a free descriptor: it leaves a connection in the kernel's queue, or ends one to a
/// port for a newer one.
const FREE_FILES: &str = "if it has no free file descriptor (see its log), end sessions,\n        or raise \
                          its limit of open files: prlimit --pid PID --nofile=NUMBER";

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NOT_OURS: &str = "this is not the admin interface of a traffic-forwarder";
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Exchange(error) => error.fmt(f),
            Self::Closed => f.write_str("the process closed the connection without an answer"),
            Self::Body(error) => write!(f, "the answer breaks off: {error}"),
            Self::TooLong(limit) => {
                write!(f, "the answer has more than {} MiB: too long for this command", limit >> 20)
            }
            Self::Timeout(limit) => write!(f, "no answer within {limit:?}"),
            Self::NotOurs(None) => f.write_str(NOT_OURS),
            Self::NotOurs(Some(status)) => write!(f, "{NOT_OURS}: it answers {status}"),
            Self::Foreign(error) => {
                let version = observe::Version::of_program();
                write!(f, "the answer is not one of traffic-forwarder {version}: {error}")
            }
        }
    }
}

/// A failed connection attempt.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) endpoint: Endpoint,
    pub(crate) error: io::Error,
}

impl CommandError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Configuration(_) => Exit::Usage,
            Self::Refused(error)
                if error.code == ErrorCode::InvalidConfig
                    || error.code == ErrorCode::BadRequest =>
            {
                Exit::Usage
            }
            Self::Refused(_)
            | Self::NoProcess { .. }
            | Self::Untrusted { .. }
            | Self::Broken { .. }
            | Self::Host(_)
            | Self::Store(_)
            | Self::Terminal(_) => Exit::Failed,
        }
    }

    /// The error as JSON, in the format that the process itself uses.
    pub(crate) fn for_programs(&self) -> api::Failure {
        let code = match self {
            Self::Refused(error) => return api::Failure { error: error.clone() },
            Self::Usage(_) => ErrorCode::Usage,
            Self::Host(_) => ErrorCode::Unfit,
            Self::Configuration(_) => ErrorCode::InvalidConfig,
            Self::NoProcess { .. } => ErrorCode::NoProcess,
            Self::Untrusted { .. } => ErrorCode::UntrustedListener,
            Self::Broken { .. } => ErrorCode::BrokenAnswer,
            Self::Store(_) => ErrorCode::Store,
            Self::Terminal(_) => ErrorCode::Terminal,
        };
        let message = self.to_string();
        let message = message.strip_prefix("error: ").unwrap_or(&message).to_owned();
        api::Failure { error: api::Error { code: code.into(), message } }
    }

    /// Writes the error to standard error.
    pub(crate) fn print(&self, json: bool) {
        match json_line(&self.for_programs()) {
            Ok(text) if json => warn_as_is(&text),
            _ => warn(&format!("{self}\n")),
        }
    }

    /// True if the command or the process refused the request: it has had no effect.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Usage(_) | Self::Configuration(_) | Self::Refused(_))
    }

    /// True if the process or the store may be down, and may come back.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::NoProcess { .. } | Self::Broken { .. } | Self::Store(_))
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Host(message) | Self::Store(message) => {
                write!(f, "error: {message}")
            }
            Self::Configuration(problems) => f.write_str(problems.trim_end()),
            Self::NoProcess { attempts, file } => no_process(f, attempts, file.as_deref()),
            Self::Untrusted { endpoint, why } => write!(f, "error: {endpoint}: {why}"),
            Self::Broken { endpoint, error } => {
                write!(f, "error: {endpoint}: {error}")?;
                help(error, endpoint).map_or(Ok(()), |help| write!(f, "\n\n  help: {help}"))
            }
            // The message consists of problems that have their own headings.
            Self::Refused(error) if error.code == ErrorCode::InvalidConfig => {
                f.write_str(&foreign::problems(&error.message))
            }
            // A line for each listener, or the output of the program.
            Self::Refused(error)
                if error.code == ErrorCode::Unfit || error.code == ErrorCode::RefusedByBinary =>
            {
                write!(f, "error: {}", foreign::several_lines(&error.message))
            }
            Self::Refused(error) => write!(f, "error: {}", foreign::one_line(&error.message)),
            Self::Terminal(error) => {
                write!(f, "error: use the terminal: {}", flow::error_text(error))
            }
        }
    }
}

/// The possible causes of a missing answer, and the remedies.
fn help(error: &AnswerError, endpoint: &Endpoint) -> Option<String> {
    match (error, endpoint) {
        (AnswerError::Closed, Endpoint::Unix(path)) => {
            let join = joining(path).unwrap_or_default();
            Some(format!(
                "it may be stopping, be another program, or not admit this user (its log: `admin \
                 request denied`).{join}"
            ))
        }
        (AnswerError::Closed, Endpoint::Tcp(_)) => Some(format!(
            "it may be stopping, be another program, or have ended this connection for a newer one.\n        \
             Try again; {FREE_FILES}."
        )),
        (AnswerError::Timeout(_), _) => Some(format!("try again; {FREE_FILES}.")),
        (AnswerError::TooLong(_), _) => Some(
            "ask for less, with `status NAME` or `/v1/forwards?limit=NUMBER`; or another program \
             answers here."
                .to_owned(),
        ),
        _ => None,
    }
}

/// How a user that is not in the socket's group joins it.
fn joining(socket: &Path) -> Option<String> {
    let missing = host::missing_socket_group(socket)?;
    let (group, how) = (group_in_words(&missing), how_to_join(&missing));
    Some(format!("\n        Its `admin_group`, if it has one, is {group}; {how}."))
}

fn no_process(
    f: &mut fmt::Formatter<'_>,
    attempts: &[Attempt],
    file: Option<&Path>,
) -> fmt::Result {
    f.write_str("error: no running traffic-forwarder answers\n")?;
    for Attempt { endpoint, error } in attempts {
        write!(f, "\n  {endpoint}: {}", reason(endpoint, error))?;
    }
    if let Some(file) = file {
        let file = plan::escaped(&file.to_string_lossy());
        return write!(
            f,
            "\n\n  help: is it running? The address is the `admin` of {file}: if that was changed, a \
             restart puts it in force. Until then name the former address with --admin."
        );
    }
    f.write_str(
        "\n\n  help: is it running? It has an admin socket only with a configuration file, and not \
         with `admin = \"off\"`. If the socket is elsewhere, name it with --admin, or its \
         configuration with -c.",
    )
}

fn reason(endpoint: &Endpoint, error: &io::Error) -> String {
    match (error.kind(), endpoint) {
        (io::ErrorKind::NotFound, _) => "there is no such socket".to_owned(),
        (io::ErrorKind::ConnectionRefused, Endpoint::Unix(_)) => {
            "no process listens; a killed process left the socket file behind".to_owned()
        }
        (io::ErrorKind::ConnectionRefused, Endpoint::Tcp(_)) => {
            "no process listens there".to_owned()
        }
        (io::ErrorKind::PermissionDenied, Endpoint::Unix(path)) => denied(path),
        _ => error.to_string(),
    }
}

/// Names the users that may connect: those of the socket's group, or else the owner of the socket or, if it cannot be
/// seen, of the nearest visible directory.
fn denied(path: &Path) -> String {
    if let Some(missing) = host::missing_socket_group(path) {
        return denied_without(&missing);
    }
    let owner = path.ancestors().find_map(|path| path.metadata().ok()).map(|found| found.uid());
    match owner {
        None | Some(0) => "permission denied: only root may connect; try sudo".to_owned(),
        Some(owner) => format!(
            "permission denied: only the user with id {owner} and root may connect; try \
             sudo -u '#{owner}'"
        ),
    }
}

fn denied_without(missing: &MissingGroup) -> String {
    let (group, how) = (group_in_words(missing), how_to_join(missing));
    format!("permission denied: members of {group} may connect; {how}")
}

fn group_in_words(missing: &MissingGroup) -> String {
    match &missing.name {
        Some(name) => format!("the group {name}"),
        None => format!("the group with the id {}", missing.number),
    }
}

/// Explains how to join the socket's group.
fn how_to_join(missing: &MissingGroup) -> String {
    let user = missing.user.as_deref().unwrap_or("USER");
    match (&missing.name, missing.is_assigned) {
        (Some(name), true) => {
            format!("{user} was added to it after this login: log in again, or run newgrp {name}")
        }
        (None, true) => format!("{user} was added to it after this login: log in again"),
        (Some(name), false) => {
            format!("to join it: sudo usermod -aG {name} {user}, then log in again")
        }
        // A directory such as LDAP has it, where usermod(8) changes nothing.
        (None, false) => format!("ask its administrator to add {user}, then log in again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_answer_has_causes_that_its_endpoint_allows() {
        let text = |error, endpoint| CommandError::Broken { endpoint, error }.to_string();
        let socket = || Endpoint::Unix("/run/none/a.sock".into());
        let port = || Endpoint::Tcp(([127, 0, 0, 1], 1).into());
        let closed = [text(AnswerError::Closed, socket()), text(AnswerError::Closed, port())];
        assert_eq!(closed.each_ref().map(|it| it.contains("prlimit")), [false, true]);
        assert_eq!(closed.each_ref().map(|it| it.contains("this user")), [true, false]);
        for endpoint in [socket(), port()] {
            assert!(
                text(AnswerError::Timeout(Duration::from_secs(30)), endpoint).contains("prlimit")
            );
        }
        assert!(text(AnswerError::TooLong(1 << 20), socket()).contains("/v1/forwards?limit="));
    }

    #[test]
    fn a_member_must_log_in_again_and_other_users_join_first() {
        let text = |name: Option<&str>, is_assigned| {
            let (name, user) = (name.map(str::to_owned), Some("ann".to_owned()));
            denied_without(&MissingGroup { number: 50, name, user, is_assigned })
        };
        let ops = Some("ops");
        assert!(text(ops, true).ends_with("after this login: log in again, or run newgrp ops"));
        assert!(text(ops, false).ends_with("sudo usermod -aG ops ann, then log in again"));
        assert!(text(None, true).ends_with("after this login: log in again"));
        let expected = "permission denied: members of the group with the id 50 may connect; ask its \
                        administrator to add ann, then log in again";
        assert_eq!(text(None, false), expected);
    }
}
