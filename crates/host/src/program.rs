//! Executable file and arguments of this process.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The path of this process's executable, without the ` (deleted)` that the kernel appends once the
/// file has been replaced.
pub fn own_program() -> Option<PathBuf> {
    let path = std::env::current_exe().ok()?;
    match path.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(name) if !path.exists() => Some(OsStr::from_bytes(name).into()),
        _ => Some(path),
    }
}

/// The arguments of this process, for the next process image.
pub fn own_arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}
