//! Running processes with the same configuration, recognized by their command lines.

use crate::sockets::all_processes;
use plan::Input;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The source of a plan, and the parser for command lines of other processes.
#[derive(Clone, Copy)]
pub struct ConfigSource<'a> {
    /// The file and arguments that the plan was read from.
    pub input: &'a Input,
    /// Parses the arguments of a forwarding process.
    pub input_of: fn(Vec<OsString>) -> Result<Input, String>,
}

/// A process with the same configuration, and the id of its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OwnProcess {
    pub(super) process: u32,
    pub(super) user: u32,
}

/// Finds the processes of this program with this configuration.
pub(super) fn own_processes(source: ConfigSource<'_>) -> Vec<OwnProcess> {
    let name = name_of("self");
    let is_own = |process: &u32| {
        let process = process.to_string();
        name.is_some() && name_of(&process) == name && runs_by(source, &process).unwrap_or(false)
    };
    let processes = all_processes().filter(is_own);
    let with_user = processes.filter_map(|process| {
        let user = fs::metadata(format!("/proc/{process}")).ok()?.uid();
        Some(OwnProcess { process, user: user_of(process).unwrap_or(user) })
    });
    with_user.collect()
}

/// The name of a process, from `/proc/PID/comm`.
pub(super) fn name_of(process: &str) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

/// The effective user of a process. The owner of `/proc/PID` is root for a non-dumpable process.
fn user_of(process: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    ids.split_whitespace().nth(1)?.parse().ok()
}

fn runs_by(source: ConfigSource<'_>, process: &str) -> Option<bool> {
    let line = fs::read(format!("/proc/{process}/cmdline")).ok()?;
    let arguments = line.strip_suffix(b"\0").unwrap_or(&line).split(|byte| *byte == 0);
    let arguments = arguments.map(|argument| OsString::from_vec(argument.to_vec())).collect();
    let other = (source.input_of)(arguments).ok()?;
    // A process whose working directory is not visible is assumed to share ours.
    let directory = fs::read_link(format!("/proc/{process}/cwd")).unwrap_or_default();
    let own = file(Path::new(""), source.input.config.as_deref());
    let same_file = file(&directory, other.config.as_deref()) == own;
    Some(same_file && other.forwards == source.input.forwards)
}

fn file(directory: &Path, name: Option<&Path>) -> Option<PathBuf> {
    let path = directory.join(name?);
    Some(path.canonicalize().unwrap_or(path))
}
