//! The log's file: appended to, rotated by size and age, and begun anew on request.
//!
//! Written here because no library does what this log owes: no line is lost or torn when the file
//! is rotated or the disk is full, the file is begun anew after somebody has moved it, and a file
//! that cannot be rotated goes on. `file-rotate` and `logroller` cannot reopen, and hide failures;
//! `tracing-appender` knows no size.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use sys::Entry;

/// For its owner, and for a group that may read logs.
const MODE: u32 = 0o640;
/// Files beyond `keep` that one rotation removes at most.
const MOST_REMOVED: usize = 1000;
/// After a file could not be rotated, until it is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// A file that lines are appended to. It belongs to this process alone.
pub(super) struct LogFile {
    path: PathBuf,
    rotate_size: Option<u64>,
    rotate_age: Option<Duration>,
    keep: u32,
    file: File,
    size: u64,
    since: SystemTime,
    /// Whether rotation applies: not to a device, nor to a descriptor, which another name keeps.
    regular: bool,
    not_before: Option<Instant>,
}

/// What went wrong with the file, and what to do.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    tried: &'static str,
    path: PathBuf,
    error: String,
    hint: &'static str,
}

impl fmt::Display for Trouble {
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

    /// Continues with the file that the previous image had open, even if its path leads elsewhere now.
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
        log_file.look_at_file()?;
        Ok(log_file)
    }

    /// The open file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// The reason why the path does not lead to the open file; `None` if it does.
    pub(super) fn moved(&self) -> Option<String> {
        let identity = |file: &fs::Metadata| (file.dev(), file.ino());
        let at_path = match fs::metadata(&self.path) {
            Ok(file) => identity(&file),
            Err(_) if self.lacks_directory() => return Some("its directory is gone".to_owned()),
            Err(error) => return Some(in_words(&error)),
        };
        let open = self.file.metadata().ok();
        let is_same = open.is_some_and(|open| identity(&open) == at_path);
        (!is_same).then(|| "another file is there now".to_owned())
    }

    /// Whether there is no directory any more in which its path could lead to a file.
    pub(super) fn lacks_directory(&self) -> bool {
        self.path.parent().is_some_and(|directory| {
            let directory =
                if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
            !directory.is_dir()
        })
    }

    /// The path at which it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes that the file may hold, if there is a limit.
    pub(super) fn limit(&self) -> Option<usize> {
        self.rotate_size.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
    }

    /// Appends lines as a whole, or not at all.
    pub(super) fn append(&mut self, line: &str) -> Result<(), Trouble> {
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

    /// Takes the beginning of a line, of which the rest could not be written, off the file.
    fn torn(&self, written: usize, error: &io::Error) -> Trouble {
        if written > 0 && self.regular {
            let length = self.file.metadata().map(|metadata| metadata.len());
            // If that fails, too, the line stays torn; the error is told in either case.
            let _ =
                length.and_then(|length| self.file.set_len(length.saturating_sub(written as u64)));
        }
        self.trouble("append to the log file", error, "free space, or name another `file` in [log]")
    }

    /// Rotates the file if `more` bytes would make it too large, or if it is too old.
    pub(super) fn rotate_if_due(&mut self, more: u64) -> Result<(), Trouble> {
        if !self.is_due(more) || self.not_before.is_some_and(|time| Instant::now() < time) {
            return Ok(());
        }
        // Somebody may have emptied it.
        let rotated = self.file.metadata().and_then(|metadata| {
            self.size = metadata.len();
            if self.is_due(more) { self.rotate() } else { Ok(()) }
        });
        self.not_before = rotated.is_err().then(|| Instant::now() + RETRY);
        let hint =
            "let this user rename and make files in its directory; the file goes on meanwhile";
        rotated.map_err(|error| self.trouble("rotate the log file", &error, hint))
    }

    fn is_due(&self, more: u64) -> bool {
        let too_large = || self.rotate_size.is_some_and(|limit| self.size + more > limit);
        let age = || self.since.elapsed().unwrap_or_default();
        let too_old = || self.rotate_age.is_some_and(|limit| age() >= limit);
        self.regular && self.size > 0 && (too_large() || too_old())
    }

    /// `log` becomes `log.1`, `log.1` becomes `log.2`, and so on. The new file is there before the
    /// old one is given up: a line always has somewhere to go.
    ///
    /// Other users may write in the directory meanwhile: only names are renamed and removed, and
    /// the new file is created exclusively, so that no link is followed.
    fn rotate(&mut self) -> io::Result<()> {
        let place = Entry::at(&self.path)?;
        let fresh = aside(place.name(), "new");
        let file = place.make_anew(&fresh, MODE)?;
        if let Err(error) = self.shift(&place).and_then(|()| place.rename(&fresh, place.name())) {
            let _ = place.remove(&fresh);
            return Err(error);
        }
        (self.file, self.regular) = (file, true);
        self.look_at_file()
    }

    fn shift(&self, place: &Entry) -> io::Result<()> {
        // One that somebody has moved away leaves nothing to be shifted.
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
        // More are left where `keep` was larger before.
        let beyond = (self.keep.saturating_add(1)..).take(MOST_REMOVED).map(aside);
        beyond.take_while(|name| place.remove(name).is_ok()).count();
        Ok(())
    }

    /// Begins the file anew. If that fails, the present one goes on.
    pub(super) fn reopen(&mut self) -> Result<(), Trouble> {
        let opened = open(&self.path).and_then(|(file, regular)| {
            (self.file, self.regular) = (file, regular);
            self.look_at_file()
        });
        let hint = "the file that was open goes on; send SIGUSR1 again when this is mended";
        opened.map_err(|error| self.trouble("reopen the log file", &error, hint))
    }

    fn look_at_file(&mut self) -> io::Result<()> {
        let metadata = self.file.metadata()?;
        self.size = metadata.len();
        // Some file systems do not know when a file was made: then its age counts from here.
        let made = metadata.created().ok().filter(|_| self.size > 0);
        self.since = made.unwrap_or_else(SystemTime::now);
        Ok(())
    }

    fn trouble(&self, tried: &'static str, error: &io::Error, hint: &'static str) -> Trouble {
        Trouble { tried, path: self.path.clone(), error: error.to_string(), hint }
    }
}

/// Opens for appending, and returns whether the file can be rotated. Follows no link of another user,
/// which could lead to a file that only this process may write.
pub(super) fn open(path: &Path) -> io::Result<(File, bool)> {
    let place = Entry::reached_by(path)?;
    let file = place.open_to_append(MODE)?;
    let regular = file.metadata()?.is_file() && !place.is_descriptor();
    Ok((file, regular))
}

/// The name of a rotated file.
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

/// Without the number that the standard library adds.
fn in_words(error: &io::Error) -> String {
    let errno = error.raw_os_error().map(sys::Errno::from_raw_os_error);
    errno.map_or_else(|| error.to_string(), sys::errno_text)
}

#[cfg(test)]
mod tests;
