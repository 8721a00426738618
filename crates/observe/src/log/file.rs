//! The log file: appended to, rotated by size and age, and reopened on request.
//!
//! No library meets the requirements: no line is lost or torn when the file is rotated or the disk is
//! full, the file can be reopened after an external rotation, and a file that cannot be rotated stays
//! in use. `file-rotate` and `logroller` cannot reopen, and hide failures; `tracing-appender` cannot
//! rotate by size.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use sys::Entry;

/// Mode of new files: writable by the owner, readable by the group.
const MODE: u32 = 0o640;
/// Maximum number of files beyond `keep` that one rotation removes.
const MOST_REMOVED: usize = 1000;
/// Pause after a failed rotation.
const RETRY: Duration = Duration::from_secs(5);

/// An open log file, used by this process only.
pub(super) struct LogFile {
    path: PathBuf,
    rotate_size: Option<u64>,
    rotate_age: Option<Duration>,
    keep: u32,
    file: File,
    size: u64,
    since: SystemTime,
    /// Whether rotation applies: not to a device, nor to a path such as `/dev/fd/3`, where renaming
    /// would have no effect.
    regular: bool,
    not_before: Option<Instant>,
}

/// A failed operation on the log file, with a hint for the operator.
#[derive(Clone, Debug)]
pub(super) struct LogFileError {
    tried: &'static str,
    path: PathBuf,
    error: String,
    hint: &'static str,
}

impl fmt::Display for LogFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tried, path, error, hint } = self;
        let path = path.display().to_string();
        write!(f, "cannot {tried} `{}`: {error} ({hint})", path.escape_debug())
    }
}

impl LogFile {
    pub(super) fn open(path: &Path, log: &plan::Log) -> io::Result<Self> {
        let (file, regular) = open(path)?;
        Self::with(file, regular, path, log)
    }

    /// Continues with the open file of the previous process image, even if the path now leads to
    /// another file.
    pub(super) fn resume(file: File, path: &Path, log: &plan::Log) -> io::Result<Self> {
        let is_descriptor = Entry::reached_by(path).is_ok_and(|place| place.is_descriptor());
        let regular = file.metadata()?.is_file() && !is_descriptor;
        Self::with(file, regular, path, log)
    }

    fn with(file: File, regular: bool, path: &Path, log: &plan::Log) -> io::Result<Self> {
        let mut log_file = Self {
            path: path.to_owned(),
            rotate_size: log.rotate_size,
            rotate_age: log.rotate_age,
            keep: log.keep.get(),
            file,
            size: 0,
            since: SystemTime::now(),
            regular,
            not_before: None,
        };
        log_file.read_size_and_age()?;
        Ok(log_file)
    }

    /// The open file, for the handoff.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// The reason why the path does not lead to the open file; `None` if it does.
    pub(super) fn moved(&self) -> Option<String> {
        let identity = |file: &fs::Metadata| (file.dev(), file.ino());
        let at_path = match fs::metadata(&self.path) {
            Ok(file) => identity(&file),
            Err(_) if self.lacks_directory() => return Some("its directory is gone".to_owned()),
            Err(error) => return Some(flow::error_text(&error)),
        };
        let open = self.file.metadata().ok();
        let is_same = open.is_some_and(|open| identity(&open) == at_path);
        (!is_same).then(|| "another file is there now".to_owned())
    }

    /// Whether the directory of the path is missing.
    pub(super) fn lacks_directory(&self) -> bool {
        self.path.parent().is_some_and(|directory| {
            let directory =
                if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
            !directory.is_dir()
        })
    }

    /// The path in the configuration.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The size in bytes at which the file is rotated, if there is a limit.
    pub(super) fn limit(&self) -> Option<u64> {
        self.rotate_size
    }

    /// Appends all of these lines, or none: a partial write is truncated.
    pub(super) fn append(&mut self, line: &str) -> Result<(), LogFileError> {
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => {
                    return Err(self.torn(line.len() - rest.len(), &ErrorKind::WriteZero.into()));
                }
                Ok(n) => rest = &rest[n..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.torn(line.len() - rest.len(), &error)),
            }
        }
        self.size += line.len() as u64;
        Ok(())
    }

    /// Truncates the `written` bytes of a partial write, and returns the error.
    fn torn(&self, written: usize, error: &io::Error) -> LogFileError {
        if written > 0 && self.regular {
            let length = self.file.metadata().map(|metadata| metadata.len());
            // If truncation fails too, the line stays torn. The error is returned in either case.
            let _ =
                length.and_then(|length| self.file.set_len(length.saturating_sub(written as u64)));
        }
        self.error("append to the log file", error, "free space, or change `file` in [log]")
    }

    /// Rotates the file if `more` bytes would exceed the size limit, or if it is too old.
    pub(super) fn rotate_if_due(&mut self, more: u64) -> Result<(), LogFileError> {
        if !self.is_due(more) || self.not_before.is_some_and(|time| Instant::now() < time) {
            return Ok(());
        }
        // Another program may have truncated the file, so its size is read again.
        let rotated = self.file.metadata().and_then(|metadata| {
            self.size = metadata.len();
            if self.is_due(more) { self.rotate() } else { Ok(()) }
        });
        self.not_before = rotated.is_err().then(|| Instant::now() + RETRY);
        let hint = "let this user rename and create files in its directory; the file stays in use meanwhile";
        rotated.map_err(|error| self.error("rotate the log file", &error, hint))
    }

    fn is_due(&self, more: u64) -> bool {
        let too_large = || self.rotate_size.is_some_and(|limit| self.size + more > limit);
        let age = || self.since.elapsed().unwrap_or_default();
        let too_old = || self.rotate_age.is_some_and(|limit| age() >= limit);
        self.regular && self.size > 0 && (too_large() || too_old())
    }

    /// Renames `log` to `log.1`, `log.1` to `log.2`, and so on. The new file is created before the old
    /// one is closed, so there is always a file to write to.
    ///
    /// Other users may change the directory at the same time: only directory entries are renamed and
    /// removed, and the new file is created exclusively, so that no link is followed.
    fn rotate(&mut self) -> io::Result<()> {
        let place = Entry::at(&self.path)?;
        let fresh = aside(place.name(), "new");
        let file = place.make_anew(&fresh, MODE)?;
        if let Err(error) = self.shift(&place).and_then(|()| place.rename(&fresh, place.name())) {
            let _ = place.remove(&fresh);
            return Err(error);
        }
        (self.file, self.regular) = (file, true);
        self.read_size_and_age()
    }

    fn shift(&self, place: &Entry) -> io::Result<()> {
        // Another program has moved the file away already.
        if !place.has(place.name()) {
            return Ok(());
        }
        let aside = |number: u32| aside(place.name(), number);
        // Files beyond the first free number keep their names.
        let last = (1..self.keep).find(|number| !place.has(&aside(*number))).unwrap_or(self.keep);
        for number in (1..last).rev() {
            rename_if_there(place, &aside(number), &aside(number + 1))?;
        }
        place.rename(place.name(), &aside(1))?;
        // Files beyond `keep` remain from a larger `keep` before.
        let beyond = (self.keep.saturating_add(1)..).take(MOST_REMOVED).map(aside);
        beyond.take_while(|name| place.remove(name).is_ok()).count();
        Ok(())
    }

    /// Opens the path again. On an error the open file stays in use.
    pub(super) fn reopen(&mut self) -> Result<(), LogFileError> {
        let opened = open(&self.path).and_then(|(file, regular)| {
            (self.file, self.regular) = (file, regular);
            self.read_size_and_age()
        });
        let hint = "the open file stays in use; fix the cause and send SIGUSR1 again";
        opened.map_err(|error| self.error("reopen the log file", &error, hint))
    }

    fn read_size_and_age(&mut self) -> io::Result<()> {
        let metadata = self.file.metadata()?;
        self.size = metadata.len();
        // Where the file system has no creation time, the age counts from now.
        let made = metadata.created().ok().filter(|_| self.size > 0);
        self.since = made.unwrap_or_else(SystemTime::now);
        Ok(())
    }

    fn error(&self, tried: &'static str, error: &io::Error, hint: &'static str) -> LogFileError {
        LogFileError { tried, path: self.path.clone(), error: flow::error_text(error), hint }
    }
}

/// Opens a file for appending, and returns whether it can be rotated. Follows no link that belongs to
/// another user, since that could lead to a file which only this process may write.
pub(super) fn open(path: &Path) -> io::Result<(File, bool)> {
    let place = Entry::reached_by(path)?;
    let file = place.open_to_append(MODE)?;
    let regular = file.metadata()?.is_file() && !place.is_descriptor();
    Ok((file, regular))
}

/// Opens a stream, if the path leads to one: a named pipe, or this process's standard output or
/// standard error. `None` for other files.
pub(super) fn open_stream(path: &Path) -> io::Result<Option<File>> {
    let place = Entry::reached_by(path)?;
    match place.standard_stream() {
        Some(stream) => stream.map(Some),
        None => place.open_pipe(),
    }
}

/// Whether the open file of the previous process image is a stream.
pub(super) fn is_stream(file: &File, path: &Path) -> bool {
    let is_pipe = file.metadata().is_ok_and(|it| it.file_type().is_fifo());
    is_pipe || Entry::reached_by(path).is_ok_and(|it| it.standard_stream().is_some())
}

/// A file name with `.` and a suffix appended.
fn aside(name: &OsStr, suffix: impl fmt::Display) -> OsString {
    let mut name = name.to_owned();
    name.push(format!(".{suffix}"));
    name
}

fn rename_if_there(place: &Entry, from: &OsStr, to: &OsStr) -> io::Result<()> {
    match place.rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests;
