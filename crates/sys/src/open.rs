//! Opening files at paths that may lead to anything.

use crate::Result;
use rustix::fs::{Mode, OFlags, open};
use std::fs::File;
use std::path::Path;

/// Opens a file for reading without blocking, even if it is a named pipe. Check the type on the descriptor: the path
/// may change at any time.
pub fn open_to_read(path: &Path) -> Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    open(path, flags, Mode::empty()).map(File::from)
}
