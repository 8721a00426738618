//! The program of this process: its file and its arguments.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The file that this program was started from. If it has been replaced since it was opened, the
/// kernel marks its name.
pub fn own_program() -> Option<PathBuf> {
    let path = std::env::current_exe().ok()?;
    match path.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(name) if !path.exists() => Some(OsStr::from_bytes(name).into()),
        _ => Some(path),
    }
}

/// The arguments of this process, as the next image is to have them.
pub fn own_arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}
