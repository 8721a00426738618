//! The process that runs by the same configuration, which is known by its command line.

use crate::holders::all_processes;
use plan::Input;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A configuration, and how others are told that run by it.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// What the plan was read from.
    pub input: &'a Input,
    /// What the arguments of a process that forwards mean.
    pub input_of: fn(Vec<OsString>) -> Result<Input, String>,
}

/// A process, and the id of its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Twin {
    pub(super) process: u32,
    pub(super) user: u32,
}

/// The processes of this program that run by this configuration.
pub(super) fn twins(source: Source<'_>) -> Vec<Twin> {
    let name = name_of("self");
    let is_twin = |process: &u32| {
        let process = process.to_string();
        name.is_some() && name_of(&process) == name && runs_by(source, &process).unwrap_or(false)
    };
    let processes = all_processes().filter(is_twin);
    let with_user = processes.filter_map(|process| {
        let user = fs::metadata(format!("/proc/{process}")).ok()?.uid();
        Some(Twin { process, user: user_of(process).unwrap_or(user) })
    });
    with_user.collect()
}

/// The name of a process.
pub(super) fn name_of(process: &str) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

/// The owner of its directory may be root, if it has hidden its memory.
fn user_of(process: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    ids.split_whitespace().nth(1)?.parse().ok()
}

fn runs_by(source: Source<'_>, process: &str) -> Option<bool> {
    let line = fs::read(format!("/proc/{process}/cmdline")).ok()?;
    let arguments = line.strip_suffix(b"\0").unwrap_or(&line).split(|byte| *byte == 0);
    let arguments = arguments.map(|argument| OsString::from_vec(argument.to_vec())).collect();
    let other = (source.input_of)(arguments).ok()?;
    // Whose directory cannot be seen is taken to be in this one.
    let directory = fs::read_link(format!("/proc/{process}/cwd")).unwrap_or_default();
    let own = file(Path::new(""), source.input.config.as_deref());
    let same_file = file(&directory, other.config.as_deref()) == own;
    Some(same_file && other.forwards == source.input.forwards)
}

fn file(directory: &Path, name: Option<&Path>) -> Option<PathBuf> {
    let path = directory.join(name?);
    Some(path.canonicalize().unwrap_or(path))
}
