//! Entries that are streams: standard output and standard error, and named pipes.

use super::Entry;
use crate::FileId;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, statat};
use std::fs::File;
use std::io::Result;
use std::os::fd::AsFd as _;
use std::path::Path;

impl Entry {
    /// A duplicate of this process's standard output or standard error, if the entry is one of them.
    /// Opened by its path it would be refused where another user owns its terminal, or where it is a
    /// socket.
    pub fn standard_stream(&self) -> Option<Result<File>> {
        let name = Some(self.0.name.as_encoded_bytes()).filter(|_| self.is_descriptor())?;
        let fd = match name {
            b"1" => std::io::stdout().as_fd().try_clone_to_owned(),
            b"2" => std::io::stderr().as_fd().try_clone_to_owned(),
            _ => return None,
        };
        let of_process = FileId::reached_by(Path::new("/proc/self/fd"));
        let is_own = of_process.is_some() && of_process == FileId::of_descriptor(&self.0.directory);
        is_own.then(|| fd.map(File::from))
    }

    /// Opens a named pipe for writing, without waiting for a reader; `None` if the entry is something
    /// else. While no program reads, the pipe keeps what it has room for.
    pub fn open_pipe(&self) -> Result<Option<File>> {
        let is_pipe = |mode| FileType::from_raw_mode(mode) == FileType::Fifo;
        let flags = if self.0.is_descriptor { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        match statat(&self.0.directory, &self.0.name, flags) {
            Ok(stat) if is_pipe(stat.st_mode) => {}
            _ => return Ok(None),
        }
        // Also for reading: otherwise the open fails without a reader, and writes fail between two readers.
        let mut flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if self.0.is_descriptor {
            flags.remove(OFlags::NOFOLLOW);
        }
        let file = openat(&self.0.directory, &self.0.name, flags, Mode::empty())?;
        Ok(is_pipe(fstat(&file)?.st_mode).then(|| file.into()))
    }
}
