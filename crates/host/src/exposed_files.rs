//! The files that decide what a process of root does, and whether others may change them.

use crate::privileges::identity_of;
use crate::program::own_program;
use plan::Plan;
use std::fmt;
use std::path::{Path, PathBuf};
use sys::{ExposedPart, Exposure, TrustedAccount, Writers, exposure};

/// A file that others may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExposedFile {
    /// What it is to the process.
    pub role: FileRole,
    /// As named in the command line, or the program's.
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
}

/// The configuration file and the program, as far as users may change them that are neither root nor
/// the process's own: what they write there is done with the rights of root. Empty for a process
/// that root has not started.
pub fn exposed_files(plan: &Plan) -> Vec<ExposedFile> {
    // With `user`, root reads the file and starts the program before it becomes that user.
    if sys::user_id() != 0 && plan.process.user.is_none() {
        return Vec::new();
    }
    let trusted = identity_of(plan).unwrap_or_else(TrustedAccount::of_process);
    let config = plan.config.clone().filter(|path| path != Path::new("-"));
    let files = [(FileRole::Configuration, config), (FileRole::Program, own_program())];
    let exposed = |(role, path): (FileRole, Option<PathBuf>)| {
        let path = path?;
        let exposure = exposure(&path, trusted)?;
        Some(ExposedFile { role, path, exposure })
    };
    files.into_iter().filter_map(exposed).collect()
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
        let of_writers = match self.exposure.writers {
            Writers::Owner(_) => "chown root",
            Writers::Group(_) | Writers::Everyone => "chmod go-w",
        };
        let (change, path) = match &self.exposure.part {
            ExposedPart::File => (of_writers, &*self.path),
            ExposedPart::Replaceable(path) => (of_writers, path.parent().unwrap_or(path)),
            ExposedPart::Owned(path) => ("chown -h root", &**path),
        };
        format!("{change} {}", plan::shell_word(&path.display().to_string()))
    }

    fn absolute_path(&self) -> PathBuf {
        std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone())
    }
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
        }
    }
}
