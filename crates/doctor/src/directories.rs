//! Directories in which the process makes files: its log, and Unix sockets.

use crate::check::Check;
use crate::finding::{Detail, Finding, Verdict};
use host::{Host, admin_directory_of_user, admin_sockets};
use plan::{Admin, ListenAddress, Log, Plan};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    /// What is made there.
    pub(super) of: &'static str,
    /// Whether the process starts all the same.
    pub(super) optional: bool,
    pub(super) trouble: Option<Trouble>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Missing,
    NotWritable,
}

impl Trouble {
    pub(super) fn explanation(self, host: &Host) -> String {
        match self {
            Self::Missing => "it does not exist".to_owned(),
            Self::NotWritable => format!("{} may not write there", host.user()),
        }
    }
}

/// The directory that the process makes before it becomes the user that the plan names, if root could
/// make it now.
pub(super) fn made_by_root(plan: &Plan) -> Option<PathBuf> {
    let is_to_make = |path: &PathBuf| trouble(path) == Some(Trouble::Missing) && may_be_made(path);
    admin_directory_of_user(plan).filter(is_to_make)
}

/// All that a plan needs, as they are. The one that is to be `made` need not be there.
pub(super) fn look(plan: &Plan, made: Option<&Path>) -> Vec<Directory> {
    let log = plan.log.file.as_ref().and_then(|file| log_directory(file, &plan.log));
    let listeners: BTreeSet<&PathBuf> = plan
        .forwards
        .iter()
        .flat_map(|it| &it.routes)
        .filter_map(|route| match &route.listen {
            ListenAddress::Unix(path) => Some(path),
            _ => None,
        })
        .collect();
    let listeners = listeners.into_iter().map(|path| look_at(path, "a listener's socket"));
    let admin = match &plan.process.admin {
        Admin::Unix(path) => Some(look_at(path, "the admin socket")),
        Admin::Auto if plan.config.is_some() => Some(admin_directory(made)),
        _ => None,
    };
    log.into_iter().chain(admin).chain(listeners).collect()
}

fn look_at(file: &Path, of: &'static str) -> Directory {
    let path = directory_of(file);
    Directory { trouble: trouble(&path), path, of, optional: false }
}

/// One that is there is opened wherever it is; its directory matters where others are made beside it.
fn log_directory(file: &Path, log: &Log) -> Option<Directory> {
    let rotates = log.rotate_size.is_some() || log.rotate_age.is_some();
    match fs::metadata(file) {
        Err(_) => Some(look_at(file, "the log file")),
        Ok(found) if found.is_file() && rotates => {
            Some(Directory { optional: true, ..look_at(file, "rotating the log file") })
        }
        Ok(_) => None,
    }
}

/// The first that the process would take, or else the one of the host.
fn admin_directory(made: Option<&Path>) -> Directory {
    let directories: Vec<_> =
        admin_sockets().iter().filter_map(|path| path.parent().map(Path::to_owned)).collect();
    let usable = directories.iter().find(|path| made == Some(path) || may_be_made(path)).cloned();
    let trouble = usable.is_none().then_some(Trouble::NotWritable);
    let path = usable.or_else(|| directories.into_iter().next()).unwrap_or_default();
    Directory { path, of: "the admin socket", optional: true, trouble }
}

/// The process makes this directory if it is missing.
fn may_be_made(directory: &Path) -> bool {
    match trouble(directory) {
        None => true,
        Some(Trouble::Missing) => directory.parent().is_some_and(|it| trouble(it).is_none()),
        Some(Trouble::NotWritable) => false,
    }
}

/// Where a file is, or would be made.
pub(super) fn directory_of(file: &Path) -> PathBuf {
    let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty());
    directory.unwrap_or(Path::new(".")).to_owned()
}

/// What keeps this process from making files in a directory.
pub(super) fn trouble(directory: &Path) -> Option<Trouble> {
    if !directory.is_dir() {
        return Some(Trouble::Missing);
    }
    (!sys::may_write_in(directory)).then_some(Trouble::NotWritable)
}

/// Makes a directory, or gives one that is there, to the user.
pub(super) fn command_to_make(directory: &Path, host: &Host) -> String {
    let directory = plan::shell_word(&directory.display().to_string());
    format!("install -d -o {} {directory}", host.user_id)
}

/// Each must be there, and writable for the user.
pub(super) fn directories(directories: &[Directory], host: &Host) -> Finding {
    let mut troubled: Vec<_> =
        directories.iter().filter_map(|it| Some((it, it.trouble?))).collect();
    troubled.sort_by_key(|(directory, _)| directory.optional);
    let details = troubled.iter().map(|(directory, trouble)| {
        let verdict = if directory.optional { Verdict::Warn } else { Verdict::Fail };
        let found = format!("for {}: {}", directory.of, trouble.explanation(host));
        Detail::new(verdict, &directory.path.display(), found)
    });
    let change = troubled.iter().map(|(directory, _)| command_to_make(&directory.path, host));
    let found = match (directories.len(), troubled.len()) {
        (0, _) => "no file is made".to_owned(),
        (_, 0) => {
            let paths: BTreeSet<_> =
                directories.iter().map(|it| it.path.display().to_string()).collect();
            format!("files can be made in {}", paths.into_iter().collect::<Vec<_>>().join(", "))
        }
        (all, bad) => format!("{bad} of {all} directories cannot be used"),
    };
    Finding::new(Check::Directories, Verdict::Ok, found).details(details).change(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plan_of;

    fn directory(optional: bool, trouble: Option<Trouble>) -> Directory {
        Directory { path: "/some/where".into(), of: "the log file", optional, trouble }
    }

    #[test]
    fn a_directory_that_cannot_be_used_is_fatal_if_the_process_needs_it() {
        for (found, expected) in [
            (vec![], Verdict::Ok),
            (vec![directory(false, None)], Verdict::Ok),
            (vec![directory(true, Some(Trouble::NotWritable))], Verdict::Warn),
            (vec![directory(false, None), directory(false, Some(Trouble::Missing))], Verdict::Fail),
        ] {
            assert_eq!(directories(&found, &Host::default()).verdict, expected, "{found:?}");
        }
    }

    #[test]
    fn everything_that_makes_files_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().display();
        let plan = plan_of(&format!(
            "[process]\nadmin = 'unix:{at}/admin.sock'\n[log]\nfile = '{at}/missing/log'\n\
             [[forward]]\nlisten = 'unix:{at}/web.sock'\nto = 'a:1'\n"
        ));
        let found: Vec<_> = look(&plan, None).into_iter().map(|it| (it.of, it.trouble)).collect();
        let expected = [
            ("the log file", Some(Trouble::Missing)),
            ("the admin socket", None),
            ("a listener's socket", None),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_directory_of_a_log_that_is_there_matters_for_its_rotation() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("log");
        let rotated = Log { rotate_size: Some(1024), ..Log::default() };
        let of = |file: &Path, log: &Log| log_directory(file, log).map(|it| (it.of, it.optional));
        assert_eq!(of(&file, &Log::default()), Some(("the log file", false)));
        fs::write(&file, "").unwrap();
        assert_eq!(of(&file, &Log::default()), None);
        assert_eq!(of(&file, &rotated), Some(("rotating the log file", true)));
        assert_eq!(of(Path::new("/dev/null"), &rotated), None);
    }
}
