//! Why a running process could not be asked, or did not do it.

use crate::console::place::Place;
use crate::exit::Exit;
use crate::warn;
use api::ErrorCode;
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

#[derive(Debug)]
pub(crate) enum Failure {
    /// What was given on the command line is not right.
    Usage(String),
    /// The configuration that should say whom to ask cannot be read: its problems.
    Configuration(String),
    /// Nothing answers, in none of the places.
    NoProcess(Vec<Attempt>),
    /// It answered, but not as it should: the connection broke, or took too long.
    Broken { place: Place, what: String },
    /// It answered that it does not do it.
    Refused(api::Error),
    /// The terminal cannot be read, or written to.
    Terminal(io::Error),
}

/// A place that was tried in vain.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) place: Place,
    pub(crate) error: io::Error,
}

impl Failure {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Configuration(_) => Exit::Usage,
            Self::Refused(error)
                if error.code == ErrorCode::InvalidConfig
                    || error.code == ErrorCode::BadRequest =>
            {
                Exit::Usage
            }
            Self::Refused(_) | Self::NoProcess(_) | Self::Broken { .. } | Self::Terminal(_) => {
                Exit::Failed
            }
        }
    }

    /// For programs, in the form in which the process itself refuses.
    pub(crate) fn for_programs(&self) -> api::Failure {
        let code = match self {
            Self::Refused(error) => return api::Failure { error: error.clone() },
            Self::Usage(_) => ErrorCode::Usage,
            Self::Configuration(_) => ErrorCode::InvalidConfig,
            Self::NoProcess(_) => ErrorCode::NoProcess,
            Self::Broken { .. } => ErrorCode::BrokenAnswer,
            Self::Terminal(_) => ErrorCode::Terminal,
        };
        let message = self.to_string();
        let message = message.strip_prefix("error: ").unwrap_or(&message).to_owned();
        api::Failure { error: api::Error { code: code.into(), message } }
    }

    /// Writes it to standard error.
    pub(crate) fn tell(&self, json: bool) {
        match serde_json::to_string(&self.for_programs()) {
            Ok(text) if json => warn(&format!("{text}\n")),
            _ => warn(&format!("{self}\n")),
        }
    }

    /// Whether the process is gone, perhaps to come back.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::NoProcess(_) | Self::Broken { .. })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => write!(f, "error: {message}"),
            Self::Configuration(problems) => {
                write!(f, "{}\n\n  help: with --admin, no file is needed", problems.trim_end())
            }
            Self::NoProcess(attempts) => no_process(f, attempts),
            Self::Broken { place, what } => write!(f, "error: {place}: {what}"),
            // It is made of problems that have their headings already.
            Self::Refused(error) if error.code == ErrorCode::InvalidConfig => {
                f.write_str(&shown(error))
            }
            Self::Refused(error) => write!(f, "error: {}", shown(error)),
            Self::Terminal(error) => write!(f, "error: use the terminal: {error}"),
        }
    }
}

/// The message, with nothing in it that could steer a terminal.
fn shown(error: &api::Error) -> String {
    error.message.trim_end().lines().map(plan::escaped).collect::<Vec<_>>().join("\n")
}

fn no_process(f: &mut fmt::Formatter<'_>, attempts: &[Attempt]) -> fmt::Result {
    f.write_str("error: no running traffic-forwarder answers\n")?;
    for Attempt { place, error } in attempts {
        write!(f, "\n  {place}: {}", reason(place, error))?;
    }
    f.write_str(
        "\n\n  help: is it running? It serves the admin socket only with a configuration file, and \
         not with\n        `admin = \"off\"`. If it serves it elsewhere, name the place with \
         --admin,\n        or its configuration with -c.",
    )
}

fn reason(place: &Place, error: &io::Error) -> String {
    match (error.kind(), place) {
        (io::ErrorKind::NotFound, _) => "there is no such socket".to_owned(),
        (io::ErrorKind::ConnectionRefused, Place::Unix(_)) => {
            "nobody listens; a process that was killed left the socket behind".to_owned()
        }
        (io::ErrorKind::ConnectionRefused, Place::Tcp(_)) => "nobody listens there".to_owned(),
        (io::ErrorKind::PermissionDenied, Place::Unix(path)) => denied(path),
        _ => error.to_string(),
    }
}

/// Says who may: the owner of the socket, or of the nearest directory that can be seen.
fn denied(path: &Path) -> String {
    let owner = path.ancestors().find_map(|path| path.metadata().ok()).map(|found| found.uid());
    match owner {
        None | Some(0) => "permission denied: only root may; try it with sudo".to_owned(),
        Some(owner) => format!(
            "permission denied: only the user with the id {owner} and root may; try it with \
             sudo -u '#{owner}'"
        ),
    }
}
