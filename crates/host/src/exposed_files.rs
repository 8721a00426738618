//! The files that decide what a process of root does, and whether others may change them.

use crate::privileges::identity_of;
use crate::program::own_program;
use plan::Plan;
use std::fmt;
use std::path::{Path, PathBuf};
use sys::{ExposedPart, Exposure, Grantee, TrustedAccount, Writers, exposure};

/// A file that others may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExposedFile {
    /// What it is to the process.
    pub role: FileRole,
    /// As named in the command line or the configuration, or the program's.
    pub path: PathBuf,
    exposure: Exposure,
}

/// What a file is to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRole {
    /// It is read at a start and a reload.
    Configuration,
    /// It is executed at a start and an upgrade.
    Program,
    /// It has the tokens of the admin interface.
    Tokens,
    /// It has prefixes of `allow` or `deny`.
    Prefixes,
    /// It has the password of the fleet's store.
    StorePassword,
}

/// The program, the configuration file and the files that it names, as far as users may change them that are neither
/// root nor the process's own: what they write there is done with the rights of root. Left out are files that
/// change nothing in what the process does: its log and the sockets. Empty for a process that root has not started.
pub fn exposed_files(plan: &Plan) -> Vec<ExposedFile> {
    // With `user`, root reads the file and starts the program before it becomes that user.
    if sys::user_id() != 0 && plan.process.user.is_none() {
        return Vec::new();
    }
    let trusted = identity_of(plan).unwrap_or_else(TrustedAccount::of_process);
    let config = plan.config.clone().filter(|path| path != Path::new("-"));
    let tokens = plan.process.admin_token_file.clone();
    let one_each = [
        (FileRole::Configuration, config),
        (FileRole::Program, own_program()),
        (FileRole::Tokens, tokens),
    ];
    let one_each = one_each.into_iter().filter_map(|(role, path)| Some((role, path?)));
    let password = plan.fleet.as_ref().and_then(|fleet| Some(fleet.store.user.as_ref()?.1.clone()));
    let password = password.map(|path| (FileRole::StorePassword, path));
    let prefixes = plan.prefix_files().into_iter();
    let prefixes = prefixes.map(|file| (FileRole::Prefixes, file.path.clone()));
    let exposed = |(role, path): (FileRole, PathBuf)| {
        let exposure = exposure(&path, trusted)?;
        Some(ExposedFile { role, path, exposure })
    };
    one_each.chain(password).chain(prefixes).filter_map(exposed).collect()
}

impl ExposedFile {
    /// Users that may change it.
    pub fn writers(&self) -> Writers {
        self.exposure.writers
    }

    /// What others may do, without the path: `every user may write to it`.
    pub fn statement(&self) -> String {
        let Exposure { writers, part } = &self.exposure;
        match part {
            ExposedPart::File => format!("{writers} may write to it"),
            ExposedPart::Replaceable(path) if *path == self.absolute_path() => {
                format!("{writers} may replace it in its directory")
            }
            ExposedPart::Replaceable(path) => {
                format!("{writers} may replace {}, on the way to it", path.display())
            }
            ExposedPart::Owned(path) => {
                format!("{writers} owns {}, on the way to it", path.display())
            }
        }
    }

    /// The command that ends it.
    pub fn remedy(&self) -> String {
        let writers = self.exposure.writers;
        match &self.exposure.part {
            ExposedPart::File => remedy(writers, &self.path),
            ExposedPart::Replaceable(path) => remedy(writers, path.parent().unwrap_or(path)),
            ExposedPart::Owned(path) => change("chown -h root", path),
        }
    }

    fn absolute_path(&self) -> PathBuf {
        std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone())
    }
}

/// The command with which these users may no longer write to a file or in a directory.
pub fn remedy(writers: Writers, path: &Path) -> String {
    match writers {
        Writers::Owner(_) => change("chown root", path),
        Writers::Granted(Grantee::Group(_) | Grantee::Everyone) => change("chmod go-w", path),
        Writers::Granted(Grantee::NamedUser(id)) => change(&format!("setfacl -x u:{id}"), path),
        Writers::Granted(Grantee::NamedGroup(id)) => change(&format!("setfacl -x g:{id}"), path),
    }
}

fn change(command: &str, path: &Path) -> String {
    format!("{command} {}", plan::shell_word(&path.display().to_string()))
}

impl fmt::Display for ExposedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (role, path) = (self.role.as_str(), self.path.display());
        write!(f, "the {role} {path}: {} (to end that: {})", self.statement(), self.remedy())
    }
}

impl FileRole {
    /// The role in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration file",
            Self::Program => "program",
            Self::Tokens => "token file",
            Self::Prefixes => "file of prefixes",
            Self::StorePassword => "password file",
        }
    }
}
