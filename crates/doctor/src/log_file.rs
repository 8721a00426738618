//! The log file, opened as at a start.

use crate::check::Check;
use crate::directories::{self, DirectoryFault, command_to_make, fault};
use crate::finding::{Finding, FindingDetail, Verdict};
use host::Host;
use observe::log::{LogError, other_writers, try_log_file};
use plan::Plan;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use sys::Entry;

/// Maximum number of symbolic links that the kernel follows (path_resolution(7)).
const MOST_LINKS: usize = 40;
/// Mode bits: all permissions, and the owner's write permission.
const PERMISSIONS: u32 = 0o7777;
const OWNER_WRITES: u32 = 0o200;

/// The result of opening the log file.
#[derive(Debug)]
pub(super) struct LogFileResult {
    path: PathBuf,
    opened: Result<(), Refused>,
    /// Other users with write permission in the file's directory.
    others: Option<String>,
}

#[derive(Debug)]
struct Refused {
    /// The error text of a start.
    says: String,
    cause: RefusalCause,
}

/// The cause of a refusal, as far as it is known.
#[derive(Debug, PartialEq, Eq)]
enum RefusalCause {
    Directory,
    /// An existing file with this owner, group and mode.
    File {
        owner: u32,
        group: u32,
        mode: u32,
    },
    /// There is no file, and none can be created in this directory.
    Place(PathBuf, DirectoryFault),
    Unknown,
}

/// Opens the log file, if one is configured, as the present user. Never creates a file: where a
/// missing one could be created, it is not opened.
pub(super) fn look(plan: &Plan) -> Option<LogFileResult> {
    let path = plan.log.file.clone()?;
    let is_reached = Entry::reached_by(&path).is_ok();
    let can_be_made = is_reached && is_missing(&path) && fault(&directory_of(&path)).is_none();
    let opened = if can_be_made { Ok(()) } else { try_log_file(&path) };
    let opened = opened.map_err(|error| Refused::of(&path, &error));
    let others = other_writers(&path).map(|writers| writers.to_string());
    Some(LogFileResult { path, opened, others })
}

fn is_missing(path: &Path) -> bool {
    fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// The directory in which a missing file would be created, with symbolic links followed.
fn directory_of(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&path) else { break };
        // An absolute target replaces the path.
        path.pop();
        path.push(target);
    }
    directories::directory_of(&path)
}

impl Refused {
    fn of(path: &Path, error: &LogError) -> Self {
        let cause = match fs::metadata(path) {
            Ok(found) if found.is_dir() => RefusalCause::Directory,
            Ok(found) if error.is_denial() => RefusalCause::File {
                owner: found.uid(),
                group: found.gid(),
                mode: found.mode() & PERMISSIONS,
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let directory = directory_of(path);
                let fault = fault(&directory);
                fault.map_or(RefusalCause::Unknown, |fault| RefusalCause::Place(directory, fault))
            }
            _ => RefusalCause::Unknown,
        };
        Self { says: error.to_string(), cause }
    }
}

/// Judges the log file, without which the process does not start.
pub(super) fn log_file(tried: Option<&LogFileResult>, host: &Host) -> Finding {
    let finding = |verdict, found| Finding::new(Check::LogFile, verdict, found);
    let Some(LogFileResult { path, opened, others }) = tried else {
        return finding(Verdict::Ok, "the log goes to standard error".to_owned());
    };
    match opened {
        Ok(()) => {
            let found = format!("the log can be written to {}", path.display());
            let others = others.iter().map(|others| {
                let found = format!(
                    "{others} may write in it: use a directory that only this user can write to"
                );
                FindingDetail::new(Verdict::Warn, &directory_of(path).display(), found)
            });
            finding(Verdict::Ok, found).details(others)
        }
        Err(Refused { says, cause }) => {
            let detail = explanation(cause, host);
            let detail =
                detail.map(|found| FindingDetail::new(Verdict::Fail, &path.display(), found));
            finding(Verdict::Fail, says.clone()).details(detail).change(change(path, cause, host))
        }
    }
}

fn explanation(cause: &RefusalCause, host: &Host) -> Option<String> {
    match cause {
        RefusalCause::Directory => Some("it is a directory, and a file is needed".to_owned()),
        RefusalCause::File { owner, group, mode } => Some(format!(
            "it belongs to the user with the id {owner} and the group with the id {group}, with the \
             mode {mode:04o}: {} may not write to it",
            host.user(),
        )),
        RefusalCause::Place(directory, fault) => Some(format!(
            "it would be created in `{}`: {}",
            directory.display(),
            fault.explanation(host),
        )),
        RefusalCause::Unknown => None,
    }
}

fn change(path: &Path, cause: &RefusalCause, host: &Host) -> Option<String> {
    let user = host.user_id;
    let word = plan::shell_word(&path.display().to_string());
    match cause {
        RefusalCause::Directory => {
            Some(format!("file = \"{}/traffic-forwarder.log\"", path.display()))
        }
        RefusalCause::File { owner, mode, .. } => {
            let chown = (*owner != user).then(|| format!("chown {user} {word}"));
            let chmod = (mode & OWNER_WRITES == 0).then(|| format!("chmod u+w {word}"));
            let commands: Vec<_> = chown.into_iter().chain(chmod).collect();
            (!commands.is_empty()).then(|| commands.join(" && "))
        }
        RefusalCause::Place(directory, _) => Some(command_to_make(directory, host)),
        RefusalCause::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plan_of;
    use std::os::unix::fs::symlink;

    fn tried(path: &Path) -> LogFileResult {
        let forward = "[[forward]]\nlisten = ':1'\nto = 'a:1'\n";
        look(&plan_of(&format!("[log]\nfile = '{}'\n{forward}", path.display()))).unwrap()
    }

    fn host() -> Host {
        Host { user_id: 33, ..Host::default() }
    }

    #[test]
    fn an_existing_or_creatable_file_is_ok_and_none_is_created() {
        let dir = tempfile::tempdir().unwrap();
        let [there, missing, link] = ["there", "missing", "link"].map(|name| dir.path().join(name));
        fs::write(&there, "a line\n").unwrap();
        symlink("missing", &link).unwrap();
        for path in [&there, &missing, &link] {
            assert_eq!(log_file(Some(&tried(path)), &host()).verdict, Verdict::Ok, "{path:?}");
        }
        assert_eq!(fs::read_to_string(&there).unwrap(), "a line\n");
        assert!(!missing.exists() && !link.exists());
        assert_eq!(log_file(None, &host()).verdict, Verdict::Ok);
    }

    #[test]
    fn an_unusable_path_is_reported_with_its_cause() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (target, name) in [("gone/log", "first"), ("first", "link"), ("loop", "loop")] {
            symlink(target, at(name)).unwrap();
        }
        let nowhere = RefusalCause::Place(at("gone"), DirectoryFault::Missing);
        for (path, expected, says, change) in [
            (dir.path().to_owned(), RefusalCause::Directory, "is a directory", "file = \""),
            (at("link"), nowhere, "no such file", "install -d -o 33 "),
            (at("loop"), RefusalCause::Unknown, "too many levels of symbolic links", ""),
        ] {
            let tried = tried(&path);
            let refused = tried.opened.as_ref().unwrap_err();
            assert_eq!(refused.cause, expected);
            let finding = log_file(Some(&tried), &host());
            assert_eq!(finding.verdict, Verdict::Fail);
            assert!(finding.found.contains(says), "{finding:?}");
            assert!(finding.change.join("").starts_with(change), "{finding:?}");
        }
    }

    #[test]
    fn suggested_commands_make_the_file_writable_for_the_user() {
        let commands = |owner, mode| {
            let cause = RefusalCause::File { owner, group: 4, mode };
            change(Path::new("/var/log/my x"), &cause, &host()).unwrap_or_default()
        };
        assert_eq!(commands(0, 0o640), "chown 33 '/var/log/my x'");
        assert_eq!(commands(0, 0o440), "chown 33 '/var/log/my x' && chmod u+w '/var/log/my x'");
        assert_eq!(commands(33, 0o440), "chmod u+w '/var/log/my x'");
        assert_eq!(commands(33, 0o640), "", "neither mode nor owner is the cause");
    }
}
