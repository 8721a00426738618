//! Directories in which the process creates files: the log and Unix sockets.

use crate::check::Check;
use crate::finding::{Finding, FindingDetail, Verdict};
use host::{Host, admin_directory_of_user, admin_sockets};
use plan::{AdminSocket, ListenAddress, Log, Plan};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory and its fault, if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    /// The file created there, for texts.
    pub(super) of: &'static str,
    /// Whether the process starts without it.
    pub(super) optional: bool,
    pub(super) fault: Option<DirectoryFault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DirectoryFault {
    Missing,
    NotWritable,
}

impl DirectoryFault {
    pub(super) fn explanation(self, host: &Host) -> String {
        match self {
            Self::Missing => "it does not exist".to_owned(),
            Self::NotWritable => format!("{} may not write there", host.user()),
        }
    }
}

/// The directory of the admin socket that root creates before switching to the configured user;
/// `None` if there is none or it cannot be created.
pub(super) fn made_by_root(plan: &Plan) -> Option<PathBuf> {
    let is_to_make =
        |path: &PathBuf| fault(path) == Some(DirectoryFault::Missing) && may_be_made(path);
    admin_directory_of_user(plan).filter(is_to_make)
}

/// Examines all directories of a plan. `made` counts as present: root creates it.
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
    let admin = match &plan.process.admin.socket {
        Some(AdminSocket::At(path)) => Some(look_at(path, "the admin socket")),
        Some(AdminSocket::Auto) if plan.config.is_some() => Some(admin_directory(made)),
        _ => None,
    };
    log.into_iter().chain(admin).chain(listeners).collect()
}

fn look_at(file: &Path, of: &'static str) -> Directory {
    let path = directory_of(file);
    Directory { fault: fault(&path), path, of, optional: false }
}

/// The directory of the log file, unless the file exists and is not rotated: then no file is created.
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

/// The first usable directory of the admin socket's default paths, or else the host's.
fn admin_directory(made: Option<&Path>) -> Directory {
    let directories: Vec<_> =
        admin_sockets().iter().filter_map(|path| path.parent().map(Path::to_owned)).collect();
    let usable = directories.iter().find(|path| made == Some(path) || may_be_made(path)).cloned();
    let fault = usable.is_none().then_some(DirectoryFault::NotWritable);
    let path = usable.or_else(|| directories.into_iter().next()).unwrap_or_default();
    Directory { path, of: "the admin socket", optional: true, fault }
}

/// Whether the directory is writable, or the process could create it.
fn may_be_made(directory: &Path) -> bool {
    match fault(directory) {
        None => true,
        Some(DirectoryFault::Missing) => directory.parent().is_some_and(|it| fault(it).is_none()),
        Some(DirectoryFault::NotWritable) => false,
    }
}

/// The directory of a file, whether the file exists or not.
pub(super) fn directory_of(file: &Path) -> PathBuf {
    let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty());
    directory.unwrap_or(Path::new(".")).to_owned()
}

/// The reason why this process cannot create files in a directory; `None` if it can.
pub(super) fn fault(directory: &Path) -> Option<DirectoryFault> {
    if !directory.is_dir() {
        return Some(DirectoryFault::Missing);
    }
    (!sys::may_write_in(directory)).then_some(DirectoryFault::NotWritable)
}

/// The command that creates a directory for the user, or changes an existing one's owner.
pub(super) fn command_to_make(directory: &Path, host: &Host) -> String {
    let directory = plan::shell_word(&directory.display().to_string());
    format!("install -d -o {} {directory}", host.user_id)
}

/// Judges that each directory exists and is writable for the user.
pub(super) fn directories(directories: &[Directory], host: &Host) -> Finding {
    let mut faulty: Vec<_> = directories.iter().filter_map(|it| Some((it, it.fault?))).collect();
    faulty.sort_by_key(|(directory, _)| directory.optional);
    let details = faulty.iter().map(|(directory, fault)| {
        let verdict = if directory.optional { Verdict::Warn } else { Verdict::Fail };
        let found = format!("for {}: {}", directory.of, fault.explanation(host));
        FindingDetail::new(verdict, &directory.path.display(), found)
    });
    let change = faulty.iter().map(|(directory, _)| command_to_make(&directory.path, host));
    let found = match (directories.len(), faulty.len()) {
        (0, _) => "no file is created".to_owned(),
        (_, 0) => {
            let paths: BTreeSet<_> =
                directories.iter().map(|it| it.path.display().to_string()).collect();
            format!("files can be created in {}", paths.into_iter().collect::<Vec<_>>().join(", "))
        }
        (all, bad) => format!("{bad} of {all} directories cannot be used"),
    };
    Finding::new(Check::Directories, Verdict::Ok, found).details(details).change(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plan_of;

    fn directory(optional: bool, fault: Option<DirectoryFault>) -> Directory {
        Directory { path: "/some/where".into(), of: "the log file", optional, fault }
    }

    #[test]
    fn an_unusable_directory_fails_unless_it_is_optional() {
        for (found, expected) in [
            (vec![], Verdict::Ok),
            (vec![directory(false, None)], Verdict::Ok),
            (vec![directory(true, Some(DirectoryFault::NotWritable))], Verdict::Warn),
            (
                vec![directory(false, None), directory(false, Some(DirectoryFault::Missing))],
                Verdict::Fail,
            ),
        ] {
            assert_eq!(directories(&found, &Host::default()).verdict, expected, "{found:?}");
        }
    }

    #[test]
    fn every_configured_file_has_its_directory_examined() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().display();
        let plan = plan_of(&format!(
            "[process]\nadmin = 'unix:{at}/admin.sock'\n[log]\nfile = '{at}/missing/log'\n\
             [[forward]]\nlisten = 'unix:{at}/web.sock'\nto = 'a:1'\n"
        ));
        let found: Vec<_> = look(&plan, None).into_iter().map(|it| (it.of, it.fault)).collect();
        let expected = [
            ("the log file", Some(DirectoryFault::Missing)),
            ("the admin socket", None),
            ("a listener's socket", None),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_directory_of_an_existing_log_is_examined_for_rotation_only() {
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
